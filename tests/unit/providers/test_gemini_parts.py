"""Arguments of Gemini's calls that come in parts: read as one text, edited in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.gemini import GENERATE
from gateway.settings import Dialect
from tests.recorded_streams import Recorded, sse
from tests.spans import in_snake_case, read_request, read_response
from tests.stream_run import Recorder, masker, passed, received, transform

ARGUMENT = "tool_call_arguments"
TEXTS = st.text("alice ", max_size=4)


def part(text: str, path: str = "$.to", **more: Any) -> dict[str, Any]:
    return {"jsonPath": path, "stringValue": text, **more}


def call(*parts: dict[str, Any], ends: bool = False, **more: Any) -> dict[str, Any]:
    last = {} if ends else {"willContinue": True}
    return {"partialArgs": list(parts), **more, **last}


def answer(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    parts = [{"functionCall": inner} for inner in calls]
    return {"candidates": [{"content": {"parts": parts, "role": "model"}, **more}]}


def stream(*pieces: str, path: str = "$.to") -> list[dict[str, Any]]:
    """A call as Vertex sends it."""
    return [
        answer({"name": "send", "willContinue": True}),
        *[answer(call(part(piece, path, willContinue=True))) for piece in pieces],
        answer(call(part("", path))),
        answer({}, finishReason="STOP"),
    ]


def written(events: list[dict[str, Any]]) -> list[bytes]:
    return [sse(event) for event in events]


def gemini_calls(_: Sequence[str], arguments: Sequence[str]) -> bytes:
    return b"".join(written(stream(*arguments)))


STREAM = Recorded(
    "gemini_calls", Dialect.GEMINI, "/v1beta/models/m:streamGenerateContent",
    b"text/event-stream", gemini_calls, "content:0", "tool:$.to:call:0",
)  # fmt: skip


@pytest.mark.parametrize("path", ["$.to", "$.a[0]['b:c']", ""])
@given(pieces=st.lists(TEXTS, max_size=5), snake=st.booleans())
def test_an_argument_in_parts_is_one_text(path: str, pieces: list[str], snake: bool) -> None:
    events = stream(*pieces, path=path)
    recorder = Recorder()

    sent = written(in_snake_case(events) if snake else events)

    assert passed(STREAM, sent, recorder.on_text) == b"".join(sent)
    assert recorder.texts[f"tool:{path}:call:0"] == "".join(pieces)


@given(pieces=st.lists(TEXTS, max_size=5), snake=st.booleans())
def test_what_is_masked_does_not_depend_on_the_parts(pieces: list[str], snake: bool) -> None:
    events = stream(*pieces)

    out = passed(STREAM, written(in_snake_case(events) if snake else events), masker("alice", "x"))

    masked = "".join(pieces).replace("alice", "x")
    assert received(STREAM, out).get("tool:$.to:call:0", "") == masked


def test_parts_that_do_not_say_that_they_go_on_are_one_text_all_the_same() -> None:
    """Clients put them together, whatever they say."""
    events = written([answer(call(part("al"))), answer(call(part("ice"))), answer({})])

    out = passed(STREAM, events, masker("alice", "x"))

    assert out == b"".join(written([answer(call(part("x"))), answer(call(part(""))), answer({})]))


def test_what_is_held_when_an_argument_ends_goes_out_before_its_end() -> None:
    begin, said, *end = written(stream("al"))
    through = transform(STREAM, masker("alice", "x"))

    assert through.feed(begin + said) == begin
    assert through.nudge() == sse(answer(call(part("", willContinue=True))))
    out = through.feed(b"".join(end))

    own = answer(call(part("al", willContinue=True)), index=0)
    assert orjson.loads(out.split(b"\n")[0][6:]) == own
    assert out.split(b"\n\n", 1)[1] == b"".join(end)


def test_calls_one_after_the_other_are_apart() -> None:
    events = written([*stream("al")[:-1], answer({}), *stream("ice")])

    assert passed(STREAM, events, masker("alice", "x")) == b"".join(events)


def test_calls_in_one_event_are_apart() -> None:
    events = written([answer(call(part("al"), ends=True), call(part("ice"), ends=True))])

    assert passed(STREAM, events, masker("alice", "x")) == b"".join(events)


def test_a_stream_may_have_more_arguments_than_channels_at_once() -> None:
    events = [
        event for n in range(1200) for event in (*stream("a", path=f"$.a{n}")[:-1], answer({}))
    ]

    assert passed(STREAM, written(events), Recorder().on_text) == b"".join(written(events))


def test_values_that_are_no_texts_and_places_are_shown_whole() -> None:
    number = {"jsonPath": "$.id", "numberValue": 4111111111111111}
    event = answer(call(number, {"jsonPath": "$.no", "nullValue": "NULL_VALUE"}))

    read = GENERATE.stream.event(event, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == [
        (ARGUMENT, "$.id"), (ARGUMENT, "4111111111111111"), (ARGUMENT, "$.no"),
    ]  # fmt: skip


@pytest.mark.parametrize("read", [read_request, read_response])
@pytest.mark.parametrize("snake", [False, True])
def test_the_parts_of_a_whole_body_are_one_text(read: Any, snake: bool) -> None:
    parts = [part("al", willContinue=True), part("bob", "$.cc"), part("ice")]
    content = {"parts": [{"functionCall": call(*parts)}], "role": "model"}
    body: Any = {"contents": [content]}
    if read is read_response:
        body = {"candidates": [{"content": content}]}

    document = read(GENERATE, in_snake_case(body) if snake else body)

    texts = {span.text: span for span in document.spans}
    assert list(texts) == ["$.to", "$.cc", "alice", "bob"]
    assert {span.kind for span in document.spans} == {ARGUMENT}
    edited = document.edited([(texts["alice"], "x")])
    assert [span.text for span in edited.spans if "$" not in span.text] == ["x", "bob"]
    assert b'"ice"' not in edited.body


def test_the_parts_in_an_array_of_answers_are_one_text_up_to_the_end_of_their_call() -> None:
    document = read_response(GENERATE, [*stream("al", "ice"), *stream("bob")])

    assert [span.text for span in document.spans if "$" not in span.text] == ["alice", "bob"]


def test_what_is_no_list_of_parts_is_shown_as_well() -> None:
    """No server writes it so, and no client need refuse it."""
    one = {"candidates": [{"content": {"parts": {"functionCall": {"partialArgs": "w"}}}}]}
    said = {"candidates": [{"content": {"parts": {"text": "w"}, "brandNew": "v"}}]}

    for body, texts in ((one, ["w"]), (said, ["w", "v"])):
        assert [span.text for span in read_response(GENERATE, body).spans] == texts
        assert [piece.text for piece in GENERATE.stream.event(body, b"").pieces] == texts
