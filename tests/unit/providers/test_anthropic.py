"""Where the texts stand in Anthropic's messages."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin.coverage import Gap
from gateway.providers.anthropic import MESSAGES
from tests.spans import Row, gaps, read_request, read_response, rows


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "text", "hi")]),
        ({"system": "be"}, [("system", "system", "be")]),
        ({"system": [{"type": "text", "text": "be"}]}, [("system", "system", "be")]),
        (user({"type": "text", "text": "hi"}), [("user", "text", "hi")]),
        (
            user(
                {"type": "tool_use", "name": "f", "input": {"to": "bob", "n": 7, "card": 4111111}}
            ),
            [
                ("assistant", "tool_call_arguments", "to"),
                ("assistant", "tool_call_arguments", "bob"),
                ("assistant", "tool_call_arguments", "n"),
                ("assistant", "tool_call_arguments", "card"),
                ("assistant", "tool_call_arguments", "4111111"),
            ],
        ),
        (user({"type": "tool_result", "content": "42"}), [("tool", "tool_result", "42")]),
        (
            user({"type": "tool_result", "content": [{"type": "text", "text": "42"}]}),
            [("tool", "tool_result", "42")],
        ),
        (user({"type": "thinking", "thinking": "hm"}), [("user", "reasoning", "hm")]),
        (
            user({"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}),
            [("user", "file_name", "t"), ("user", "document", "d")],
        ),
        (user({"type": "brand_new", "words": "w"}), [("user", "text", "w")]),
        (
            {"tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}]},
            [("tool", "tool_description", "f"), ("tool", "tool_description", "d")],
        ),
        (
            {"requests": [{"custom_id": "1", "params": {"system": "be"}}]},
            [("system", "system", "be")],
        ),
        ({"metadata": {"user_id": "bob"}}, [("unknown", "other", "bob")]),
        (user({"type": "text", "text": "hi", "content": "c", "title": "t"}),
         [("user", "text", "hi"), ("user", "other", "c"), ("user", "other", "t")]),
        (user({"type": "text", "text": {"words": "w"}}), [("user", "text", "w")]),
        (user({"type": "thinking", "thinking": "hm", "note": "n"}),
         [("user", "reasoning", "hm"), ("user", "other", "n")]),
        (user({"type": "image", "source": {"data": "aGk="}, "note": "n"}),
         [("user", "other", "n")]),
        (user({"type": "document", "source": {"type": "text", "data": "d", "note": "n"}}),
         [("user", "document", "d"), ("user", "document", "n")]),
        (user({"type": "document", "source": "d", "note": "n"}),
         [("user", "document", "d"), ("user", "other", "n")]),
        (user({"type": "search_result", "title": "t", "content": [{"type": "text", "text": "f"}]}),
         [("user", "text", "f"), ("user", "text", "t")]),
        (user({"type": "web_fetch_tool_result", "content": {
            "type": "web_fetch_result", "url": "u", "content": {
                "type": "document", "source": {"type": "text", "data": "d"}}}}),
         [("tool", "document", "d"), ("tool", "tool_result", "u")]),
        (user({"type": "tool_use", "input": {}, "source": "s"}), [("user", "other", "s")]),
        ({"system": {"type": "text", "text": "be"}}, [("system", "system", "be")]),
        ({"messages": [{"role": "user", "content": {"words": "w"}, "container": "c"}, "m"]},
         [("user", "text", "w"), ("user", "other", "c"), ("unknown", "text", "m")]),
        ({"messages": "m"}, [("unknown", "text", "m")]),
        ({"requests": ["r", {"params": {"requests": "q"}, "note": "n"}]},
         [("unknown", "other", "r"), ("unknown", "other", "q"), ("unknown", "other", "n")]),
        ({"tools": [{"name": "f", "input_examples": [{"status": "e"}]}, "g"]},
         [("tool", "tool_description", "status"), ("tool", "tool_description", "e"),
          ("tool", "tool_description", "f"), ("tool", "tool_description", "g")]),
    ],
)  # fmt: skip
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(MESSAGES, body)) == wanted


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({"type": "image", "source": {"type": "base64", "data": "aGk="}}, {"image"}),
        ({"type": "document", "source": {"type": "base64", "data": "aGk="}}, {"binary"}),
        ({"type": "redacted_thinking", "data": "aGk="}, {"binary"}),
        ({"type": "container_upload", "file_id": "file_1"}, {"binary"}),
        ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, {"binary"}),
    ],
)
def test_what_is_no_text_is_a_gap(block: dict[str, Any], found: set[str]) -> None:
    assert gaps(read_request(MESSAGES, user(block))) == found


def test_a_picture_in_the_result_of_a_tool_is_a_gap_of_the_tools() -> None:
    block = {"type": "tool_result", "content": [{"type": "image", "source": {}}]}

    assert read_request(MESSAGES, user(block)).tool_gaps == {Gap.IMAGE}


def test_files_that_a_tool_wrote_are_a_gap_of_the_tools() -> None:
    output = {"type": "bash_code_execution_output", "file_id": "file_1"}
    result = {"type": "bash_code_execution_result", "stdout": "out", "content": [output]}
    block = {"type": "bash_code_execution_tool_result", "content": result}

    read = read_request(MESSAGES, user(block))

    assert read.tool_gaps == {Gap.BINARY}
    assert rows(read) == [("tool", "tool_result", "out")]


@pytest.mark.parametrize("closing", [b"}", b"}]"])
def test_contents_within_contents_end_somewhere(closing: bytes) -> None:
    opening = b'{"content":' if closing == b"}" else b'[{"type":"tool_result","content":'
    body = b'{"messages":[{"content":%b"\\u003a"%b}]}' % (opening * 400, closing * 400)

    assert gaps(read_request(MESSAGES, body)) == {"too_deep"}


def test_every_text_of_an_answer_is_found() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "hi", "citations": [{"cited_text": "c"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": ["b"]}},
    ]

    assert rows(read_response(MESSAGES, {"type": "message", "content": content})) == [
        ("assistant", "reasoning", "hm"),
        ("assistant", "text", "hi"),
        ("assistant", "other", "c"),
        ("assistant", "tool_call_arguments", "a"),
        ("assistant", "tool_call_arguments", "b"),
    ]


@pytest.mark.parametrize(
    ("event", "channels"),
    [
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "text_delta", "text": "a"}}, [("content:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "thinking_delta", "thinking": "a"}}, [("reasoning:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "input_json_delta", "partial_json": "a"}}, [("tool:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "signature_delta", "signature": "a"}}, []),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "citations_delta", "citation": {"cited_text": "a"}}}, [("other", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "compaction_delta", "content": "a", "encrypted_content": "x"}},
         [("compaction:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "thinking_delta", "thinking": "a", "estimated_tokens": 1}},
         [("reasoning:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "text_delta", "text": "a", "note": "b"}},
         [("content:1", "a"), ("other", "b")]),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": ["a"]}},
         [("text", "a")]),
        ({"type": "content_block_delta", "delta": "a"}, [("other", "a")]),
        ({"type": "content_block_start", "index": 1,
          "content_block": {"type": "text", "text": "a"}}, [("content:1", "a")]),
        ({"type": "content_block_start", "index": 1,
          "content_block": {"type": "text", "text": "", "content": "a"}}, [("other", "a")]),
        ({"type": "content_block_start", "index": 1,
          "content_block": {"type": "compaction", "content": "a"}}, [("compaction:1", "a")]),
        ({"type": "content_block_start", "content_block": "a"}, [("other", "a")]),
        ({"type": "message_start", "message": {
            "content": [{"type": "text", "text": "a"}], "note": "b", "container": {"id": "x"}}},
         [("text", "a"), ("other", "b")]),
        ({"type": "message_start", "message": "a"}, [("other", "a")]),
        ({"type": "message_delta", "delta": {
            "stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "a"}},
          "usage": {"output_tokens": 1}}, [("other", "a")]),
        ({"type": "message_delta", "delta": "a"}, [("other", "a")]),
        ({"type": "content_block_start", "index": 1, "content_block":
          {"type": "web_search_tool_result", "content": [{"type": "text", "text": "a"}]}},
         [("tool_result", "a")]),
        ({"type": "message_start", "message": {"content": [], "id": "x"}}, []),
        ({"type": "ping"}, []),
        ({"type": "error", "error": {"type": "x", "message": "a"}}, [("other", "a")]),
        ({"type": "brand_new", "words": "a"}, [("other", "a")]),
    ],
)  # fmt: skip
def test_every_text_of_an_event_has_its_channel(
    event: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    read = MESSAGES.stream.event(event, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels


@pytest.mark.parametrize(
    "sort",
    ["content_block_delta", "content_block_start", "content_block_stop", "message_start",
     "message_delta", "message_stop", "ping", "brand_new"],
)  # fmt: skip
def test_no_event_has_a_member_that_nobody_sees(sort: str) -> None:
    read = MESSAGES.stream.event({"type": sort, "index": 0, "note": {"words": "a"}}, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == [("other", "a")]


@pytest.mark.parametrize(
    ("delta", "key"),
    [("text_delta", "text"), ("thinking_delta", "thinking"), ("input_json_delta", "partial_json"),
     ("compaction_delta", "content")],
)  # fmt: skip
def test_an_event_of_our_own_brings_a_text_to_its_channel(delta: str, key: str) -> None:
    event = {"type": "content_block_delta", "index": 2, "delta": {"type": delta, key: "a"}}
    (piece,) = MESSAGES.stream.event(event, b"").pieces

    assert MESSAGES.stream.delta({}, piece, "a") == event


def test_the_stop_of_a_block_ends_its_channels_and_the_message_ends_all() -> None:
    assert MESSAGES.stream.event({"type": "content_block_stop", "index": 1}, b"").ends == [
        "block:1"
    ]
    assert MESSAGES.stream.event({"type": "message_stop"}, b"").ends == [""]
