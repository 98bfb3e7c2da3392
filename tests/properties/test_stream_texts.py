"""Streams through plugins: any portions, any cuts of the text, every dialect, the same outcome."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded_streams import RECORDED, Recorded
from tests.stream_run import Recorder, masker, passed, portions_of, received

SECRET, MASK = "alice@example.com", "[email]"
TEXT = f'Write to {SECRET} or al\u00e9x \U0001f600 \u2028 "quoted" \\ \n {SECRET}{SECRET}a'
ARGUMENTS = f'{{"to": "{SECRET}", "body": "caf\u00e9 \\"x\\" alice@"}}'

FORMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in pairwise([0, *places, len(text)])]


@st.composite
def portions(draw: st.DrawFn, stream: bytes) -> Sequence[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    return [stream[a:b] for a, b in pairwise([0, *places, len(stream)])]


@FORMS
@given(data=st.data())
def test_an_unedited_stream_is_the_same_bytes_and_shows_the_same_texts(
    recorded: Recorded, data: st.DataObject
) -> None:
    stream = recorded.write(data.draw(pieces(TEXT)), data.draw(pieces(ARGUMENTS)))
    recorder = Recorder()

    out = passed(recorded, data.draw(portions(stream)), recorder.on_text)

    assert out == stream
    assert recorder.texts[recorded.content] == TEXT
    assert ARGUMENTS in recorder.texts[recorded.arguments]
    assert recorded.content in recorder.finals


@FORMS
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100])
def test_nothing_of_a_secret_passes_however_it_is_cut(recorded: Recorded, size: int) -> None:
    stream = recorded.write(cut(TEXT, size), cut(ARGUMENTS, size))

    out = passed(recorded, portions_of(stream, size), masker(SECRET, MASK))

    got = received(recorded, out)
    assert got[recorded.content] == TEXT.replace(SECRET, MASK)
    assert ARGUMENTS.replace(SECRET, MASK) in got[recorded.arguments]
    assert SECRET.encode() not in out


@FORMS
@given(data=st.data())
def test_what_two_plugins_hold_back_comes_out_in_the_end(
    recorded: Recorded, data: st.DataObject
) -> None:
    stream = recorded.write(data.draw(pieces(TEXT)), data.draw(pieces(ARGUMENTS)))

    out = passed(
        recorded,
        data.draw(portions(stream)),
        masker(SECRET, MASK),
        masker("[email] or", "nobody or"),
    )

    wanted = TEXT.replace(SECRET, MASK).replace("[email] or", "nobody or")
    assert received(recorded, out)[recorded.content] == wanted


@FORMS
def test_every_cut_in_two_of_a_short_stream_gives_the_same_bytes(recorded: Recorded) -> None:
    stream = recorded.write(["a", "li"], ["{", "}"])
    whole = passed(recorded, [stream], masker("alice", "x"))

    for place in range(len(stream)):
        halves = [stream[:place], stream[place:]]
        assert passed(recorded, halves, masker("alice", "x")) == whole
