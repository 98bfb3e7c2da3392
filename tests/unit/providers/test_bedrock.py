"""Where the texts stand in Bedrock's converse and invoke."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.bedrock import CONVERSE, INVOKE, unwrapped, wrapped
from tests.spans import Row, gaps, read_request, read_response, rows


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (user({"text": "hi"}), [("user", "text", "hi")]),
        ({"system": [{"text": "be"}]}, [("system", "system", "be")]),
        (user({"toolUse": {"name": "f", "input": {"to": "bob"}}}),
         [("assistant", "tool_call_arguments", "to"), ("assistant", "tool_call_arguments", "bob")]),
        (user({"toolResult": {"content": [{"text": "42"}, {"json": {"k": "v"}}]}}),
         [("tool", "tool_result", "42"), ("tool", "tool_result", "k"),
          ("tool", "tool_result", "v")]),
        (user({"reasoningContent": {"reasoningText": {"text": "hm"}}}),
         [("user", "reasoning", "hm")]),
        (user({"document": {"name": "n", "source": {"bytes": "aGk="}}}),
         [("user", "file_name", "n")]),
        ({"toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "d"}}]}},
         [("tool", "tool_description", "f"), ("tool", "tool_description", "d")]),
        (user({"guardContent": {"text": {"text": "g"}}}), [("user", "other", "g")]),
    ],
)  # fmt: skip
def test_every_text_of_converse_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(CONVERSE, body)) == wanted


@pytest.mark.parametrize("key", ["image", "video", "document"])
def test_what_is_no_text_is_a_gap(key: str) -> None:
    found = {"image"} if key == "image" else {"binary"}

    assert gaps(read_request(CONVERSE, user({key: {"source": {"bytes": "aGk="}}}))) == found


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"anthropic_version": "x", "messages": [{"role": "user", "content": "hi"}]},
         [("user", "text", "hi"), ("unknown", "other", "x")]),
        (user({"text": "hi"}), [("user", "text", "hi")]),
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "text", "hi")]),
        ({"prompt": "hi"}, [("user", "text", "hi")]),
        ({"inputText": "hi"}, [("user", "text", "hi")]),
    ],
)  # fmt: skip
def test_every_text_of_invoke_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(INVOKE, body)) == wanted


@pytest.mark.parametrize(
    "body",
    [
        {"content": [{"type": "text", "text": "hi"}]},
        {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}},
        {"results": [{"outputText": "hi"}]},
        {"generation": "hi"},
    ],
)
def test_every_form_of_answer_to_invoke_is_known(body: dict[str, Any]) -> None:
    assert rows(read_response(INVOKE, body)) == [("assistant", "text", "hi")]


def test_every_text_of_an_answer_to_converse_is_found() -> None:
    content = [{"text": "hi"}, {"toolUse": {"name": "f", "input": {"k": "v"}}}]
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "x"}

    assert rows(read_response(CONVERSE, body)) == [
        ("assistant", "text", "hi"),
        ("assistant", "tool_call_arguments", "k"),
        ("assistant", "tool_call_arguments", "v"),
    ]


@pytest.mark.parametrize(
    ("event", "channels"),
    [
        ({"outputText": "a"}, [("content:0", "a")]),
        ({"generation": "a"}, [("content:0", "a")]),
        ({"outputs": [{"text": "a"}]}, [("content:0", "a")]),
        ({"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "a"}}},
         [("content:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "text_delta", "text": "a"}}, [("content:1", "a")]),
        ({"choices": [{"index": 0, "delta": {"content": "a"}}]}, [("content:0", "a")]),
        ({"brand_new": "a"}, [("other", "a")]),
    ],
)  # fmt: skip
def test_an_event_within_a_frame_is_told_by_its_form(
    event: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    read = INVOKE.stream.event(event, b"chunk")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels
    for piece in read.pieces:
        if piece.channel == "other":
            continue
        again = INVOKE.stream.event(INVOKE.stream.delta(event, piece, "rest"), b"chunk")
        assert [(p.channel, p.text) for p in again.pieces] == [(piece.channel, "rest")]


def test_another_event_in_a_frame_leaves_the_rest_of_its_payload() -> None:
    payload = b'{ "bytes" : "eyJhIjoxfQ==", "p":"abc" }'

    assert unwrapped(payload) == b'{"a":1}'
    assert wrapped(payload, b"{}") == b'{ "bytes" : "e30=", "p":"abc" }'
    assert unwrapped(b'{"message":"x"}') == b'{"message":"x"}'
