"""Where the texts stand in OpenAI's smaller APIs."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.openai_other import OTHER
from tests.spans import Row, gaps, read_request, read_response, rows


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"input": "a", "model": "m"}, [("user", "text", "a")]),
        ({"input": ["a", "b"]}, [("user", "text", "a"), ("user", "text", "b")]),
        ({"input": [{"type": "text", "text": "a"}]}, [("user", "text", "a")]),
        ({"query": "q", "documents": ["d", {"text": "e"}]},
         [("user", "text", "q"), ("user", "document", "d"), ("user", "document", "e")]),
        ({"role": "user", "content": "hi"}, [("user", "text", "hi")]),
        ({"thread": {"messages": [{"role": "user", "content": "hi"}]}}, [("user", "text", "hi")]),
        ({"instructions": "be", "tools": [{"type": "function", "function": {"description": "d"}}]},
         [("system", "system", "be"), ("tool", "tool_description", "d")]),
        ({"items": [{"type": "message", "role": "user",
                     "content": [{"type": "input_text", "text": "a"}]},
                    {"type": "function_call_output", "output": "b"}]},
         [("user", "text", "a"), ("tool", "tool_result", "b")]),
        ({"session": {"instructions": "be", "prompt": {"variables": {"q": "a"}}}},
         [("system", "system", "be"), ("user", "text", "a")]),
        ({"instructions": ["be"]}, [("system", "system", "be")]),
        ({"input": {"type": "text", "text": "a"}, "text": {"note": "b"}},
         [("user", "text", "a"), ("user", "text", "b")]),
        ({"prompt": "a cat", "size": "1x1"},
         [("user", "text", "a cat"), ("unknown", "other", "1x1")]),
    ],
)  # fmt: skip
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(OTHER, body)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"object": "list", "data": [{"embedding": "aGk=", "index": 0}]}, []),
        ({"data": [{"role": "assistant", "content": [{"type": "text", "text": {"value": "hi"}}]}]},
         [("assistant", "text", "hi")]),
        ({"data": [{"type": "function_call_output", "output": "r"}]},
         [("tool", "tool_result", "r")]),
        ({"type": "web_search_call", "action": {"query": "q"}},
         [("assistant", "tool_call_arguments", "q")]),
        ({"results": [{"flagged": False}]}, []),
        ({"brand_new": "text"}, [("unknown", "other", "text")]),
        (["text"], [("unknown", "other", "text")]),
    ],
)  # fmt: skip
def test_every_text_of_an_answer_is_found(body: Any, wanted: list[Row]) -> None:
    assert rows(read_response(OTHER, body)) == wanted


@pytest.mark.parametrize(("sort", "found"), [("input_image", "image"), ("input_file", "binary")])
def test_what_an_item_shows_and_does_not_say_is_a_gap(sort: str, found: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": sort}]}

    assert gaps(read_request(OTHER, {"items": [item]})) == {found}


def test_the_message_of_a_run_is_a_channel_that_is_repeated_in_the_end() -> None:
    part = {"index": 0, "type": "text", "text": {"value": "hi", "annotations": []}}
    delta = {"id": "m", "object": "thread.message.delta", "delta": {"content": [part]}}
    done = {"id": "m", "role": "assistant", "content": [part]}

    read = OTHER.stream.event(delta, b"thread.message.delta")
    again = OTHER.stream.event(
        OTHER.stream.delta(delta, read.pieces[0], "x"), b"thread.message.delta"
    )
    last = OTHER.stream.event(done, b"thread.message.completed")

    assert [(p.channel, p.text) for p in read.pieces] == [("content:0", "hi")]
    assert [(p.channel, p.text) for p in again.pieces] == [("content:0", "x")]
    assert [(p.channel, p.text, p.mode) for p in last.pieces] == [("content:0", "hi", 2)]


@pytest.mark.parametrize(
    ("event", "name", "channel"),
    [
        ({"type": "transcript.text.delta", "delta": "a"}, b"", "delta:transcript.text"),
        ({"delta": "a"}, b"", "delta"),
        (
            {
                "delta": {
                    "step_details": {
                        "type": "tool_calls",
                        "tool_calls": [{"index": 1, "code_interpreter": {"input": "a"}}],
                    }
                }
            },
            b"thread.run.step.delta",
            "delta:thread.run.step:step_details:tool_calls:1:code_interpreter:input",
        ),
    ],
)
def test_any_other_delta_has_its_channel(event: dict[str, Any], name: bytes, channel: str) -> None:
    read = OTHER.stream.event(event, name)

    again = OTHER.stream.event(OTHER.stream.delta(event, read.pieces[0], "x"), name)

    assert [(p.channel, p.text) for p in read.pieces] == [(channel, "a")]
    assert [(p.channel, p.text) for p in again.pieces] == [(channel, "x")]


def test_the_end_of_a_transcript_repeats_it() -> None:
    read = OTHER.stream.event({"type": "transcript.text.done", "text": "a"}, b"")

    assert [(p.channel, p.text, p.mode) for p in read.pieces] == [("delta:transcript.text", "a", 2)]
    assert read.ends == ["delta:transcript.text"]


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"delta": {"content": [], "brand_new": "a"}}, b"thread.message.delta"),
        ({"delta": {"content": []}, "brand_new": "a"}, b"thread.message.delta"),
        ({"delta": "a"}, b"thread.message.delta"),
        ({"content": [], "brand_new": "a"}, b"thread.message.completed"),
    ],
)
def test_what_else_an_event_of_a_run_says_is_read(event: dict[str, Any], name: bytes) -> None:
    assert [piece.text for piece in OTHER.stream.event(event, name).pieces] == ["a"]


def test_a_type_of_the_server_names_no_channel_of_whole_texts() -> None:
    """Else what is held of the one would be put into the other."""
    read = OTHER.stream.event({"type": "other.delta", "delta": "so al", "x": "foo"}, b"")

    assert [(p.channel, p.text) for p in read.pieces] == [
        ("delta:other", "so al"),
        ("other", "foo"),
    ]


def test_an_event_of_our_own_says_nothing_again_but_its_text() -> None:
    event = {"type": "transcript.text.delta", "delta": "so al", "note": "mail alice", "n": 1}
    read = OTHER.stream.event(event, b"")

    assert OTHER.stream.delta(event, read.pieces[0], "x") == {
        "type": "transcript.text.delta", "delta": "x", "n": 1,
    }  # fmt: skip
