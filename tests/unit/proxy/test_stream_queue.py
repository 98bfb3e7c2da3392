"""Events that wait: what is let go is spread over them, and leaves them in their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.dialect import Piece
from gateway.proxy.stream_queue import EventQueue, Queued, Segment, spread

PIECE = Piece("content:0", "choice:0", "text", "", ("x",))
LETTERS = st.text("abc", max_size=6)


def segments(*texts: str) -> list[Segment]:
    return [Segment(None, PIECE, text) for text in texts]


@pytest.mark.parametrize(
    ("came", "decided", "out", "wanted"),
    [
        (["write to al", "ice now"], "write to alice ", "write to x ", ["write to x", " "]),
        (["write to al", "ice now"], "write to ", "write to ", ["write to ", ""]),
        (["a", "b", "c"], "abc", "", ["", "", ""]),
        (["a", "b", "c"], "abc", "abxc", ["a", "bx", "c"]),
        (["a", "b", "c"], "abc", "xabc", ["xa", "b", "c"]),
        (["", "b"], "b", "b", ["", "b"]),
        (["a"], "", "held before", ["held before"]),
        (["aa", "aa"], "aaaa", "aa", ["aa", ""]),
    ],
)
def test_an_edit_stands_where_the_edited_words_stood(
    came: list[str], decided: str, out: str, wanted: list[str]
) -> None:
    waiting = segments(*came)

    spread(waiting, decided, out)

    assert [segment.out for segment in waiting] == wanted


@given(st.lists(LETTERS, min_size=1, max_size=6), st.data())
def test_all_that_is_let_go_goes_out_whatever_it_is(came: list[str], data: st.DataObject) -> None:
    """In steps as in one, and nothing is counted as decided that is not."""
    waiting, whole = segments(*came), "".join(came)
    place, sent = 0, ""
    while place < len(whole):
        stop = data.draw(st.integers(place, len(whole)))
        out = data.draw(LETTERS | st.just(whole[place:stop]))
        spread(waiting, whole[place:stop], out)
        sent += out
        assert "".join(segment.out for segment in waiting) == sent
        assert sum(segment.done for segment in waiting) == stop
        place = stop if stop > place else len(whole)


@given(st.lists(LETTERS, min_size=1, max_size=6), st.data())
def test_what_is_not_changed_stays_in_its_event(came: list[str], data: st.DataObject) -> None:
    waiting, whole = segments(*came), "".join(came)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        spread(waiting, whole[start:stop], whole[start:stop])

    assert [segment.out for segment in waiting] == came


def test_an_event_waits_for_those_before_it() -> None:
    queue = EventQueue()
    first, second = Queued(b"first"), Queued(b"second")
    first.open = 1
    queue.push(first)
    queue.push(second)

    assert (queue.drain(), queue.waits, queue.size) == (b"", True, 11)
    first.open = 0
    assert (queue.drain(), queue.waits, queue.size) == (b"firstsecond", False, 0)
