"""Events read by the likes of them that came before: never other than they are read anew."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.providers.bedrock import unwrapped
from gateway.providers.dialect import Event, StreamForm
from gateway.providers.forms import form_of
from gateway.providers.json_text import UnreadableJsonError, ambiguity, parse
from gateway.providers.skeleton import Skeletons
from gateway.providers.streaming import make_splitter, stream_kind
from tests.recorded_streams import RECORDED, Recorded, openai_chat

PIECES = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8)
SIGNS = st.text('"\\,:{}[]ub0061eé\n ', max_size=12)

CHAT = (
    b'{"id":"c","obfuscation":"x1","choices":[{"index":0,"delta":{"content":"one"},'
    b'"finish_reason":null}]}'
)
AT_TEXT, AT_PADDING = CHAT.index(b"one"), CHAT.index(b'"x1"')


def events(recorded: Recorded, stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Data and name of each event, as a stream's reader sees them."""
    kind = stream_kind(recorded.content_type)
    assert kind is not None
    for piece in make_splitter(kind).feed(stream):
        if piece.data is not None and piece.data != b"[DONE]":
            data = unwrapped(piece.data) if piece.name == b"chunk" else piece.data
            yield data, piece.name


def form_for(recorded: Recorded) -> StreamForm:
    form = form_of(recorded.dialect, recorded.path)
    assert form is not None
    return form.stream


def told(read: Event) -> object:
    pieces = [
        (p.channel, p.scope, p.kind, p.text, p.path, p.mode, p.echoes, p.role) for p in read.pieces
    ]
    return pieces, read.ends, read.over, read.gaps, read.tool_gaps


def anew(form: StreamForm, data: bytes, name: bytes) -> Event | None:
    """What a parse makes of it; None where it would not be read as an event at all."""
    try:
        event, _ = parse(data)
        return None if ambiguity(data, event) else form.event(event, name)
    except UnreadableJsonError:
        return None


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
@given(content=PIECES, arguments=PIECES)
def test_an_event_is_read_as_a_parse_reads_it(
    recorded: Recorded, content: list[str], arguments: list[str]
) -> None:
    form, skeletons = form_for(recorded), Skeletons()

    for data, name in events(recorded, recorded.write(content, arguments)):
        known, read = skeletons.read(data, name), anew(form, data, name)
        assert read is not None
        if known is None:
            skeletons.learn(data, name, read)
        else:
            assert told(known) == told(read)


@pytest.mark.parametrize(
    "recorded",
    [one for one in RECORDED if one.name != "gemini"],  # each of its events counts tokens anew
    ids=lambda recorded: recorded.name,
)
def test_most_of_a_long_answer_is_read_by_its_likes(recorded: Recorded) -> None:
    """Running numbers, times and padding do not make it another kind of event."""
    form, skeletons = form_for(recorded), Skeletons()
    known = 0

    for data, name in events(recorded, recorded.write([f"word {n} " for n in range(50)], ["{}"])):
        if skeletons.read(data, name) is not None:
            known += 1
        else:
            read = anew(form, data, name)
            assert read is not None
            skeletons.learn(data, name, read)

    assert known >= 45


@given(
    start=st.integers(0, len(CHAT)), length=st.integers(0, 30), fresh=SIGNS, escaped=st.booleans()
)
@example(start=AT_TEXT, length=3, fresh='x","role":"tool","content":"y', escaped=False)
@example(start=AT_TEXT, length=3, fresh="\\ud800", escaped=False)
@example(start=AT_PADDING, length=4, fresh='{"text":"shown"}', escaped=False)
@example(start=AT_PADDING, length=4, fresh='"x","choices":[]', escaped=False)
def test_whatever_is_written_into_an_event_is_not_taken_for_its_like_wrongly(
    start: int, length: int, fresh: str, escaped: bool
) -> None:
    form, skeletons = form_for(RECORDED[0]), Skeletons()
    read = anew(form, CHAT, b"")
    assert read is not None
    skeletons.learn(CHAT, b"", read)
    written = orjson.dumps(fresh)[1:-1] if escaped else fresh.encode()
    data = CHAT[:start] + written + CHAT[start + length :]

    known = skeletons.read(data, b"")

    if known is not None:
        expected = anew(form, data, b"")
        assert expected is not None
        assert told(known) == told(expected)


def test_choices_that_take_turns_are_all_known() -> None:
    form, skeletons = form_for(RECORDED[0]), Skeletons()
    seen: list[bool] = []

    for number in range(20):
        data = b'{"choices":[{"index":%d,"delta":{"content":"a%d"}}]}' % (number % 2, number)
        known = skeletons.read(data, b"")
        seen.append(known is not None)
        if known is None:
            read = anew(form, data, b"")
            assert read is not None
            skeletons.learn(data, b"", read)

    assert all(seen[2:])


def test_an_event_of_another_name_is_another_event() -> None:
    recorded = next(one for one in RECORDED if one.name == "bedrock_converse")
    form, skeletons = form_for(recorded), Skeletons()
    data = b'{"contentBlockIndex":0,"delta":{"text":"a"}}'
    read = anew(form, data, b"contentBlockDelta")
    assert read is not None
    skeletons.learn(data, b"contentBlockDelta", read)

    assert skeletons.read(data, b"contentBlockDelta") is not None
    assert skeletons.read(data, b"metadata") is None


def test_the_first_recorded_stream_is_the_one_that_these_tests_name() -> None:
    assert RECORDED[0].write is openai_chat
