"""How much text an event brings, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.answer_text import size_of, text_bytes

CALL = {"function": {"name": "ab", "arguments": "cdef"}}


@pytest.mark.parametrize(
    ("event", "size"),
    [
        ({"choices": [{"delta": {"content": "abcd"}}]}, 4),
        ({"choices": [{"delta": {"content": "ab"}}, {"delta": {"content": "cd"}}]}, 4),
        ({"choices": [{"delta": {"reasoning_content": "abc", "content": None}}]}, 3),
        ({"choices": [{"delta": {"refusal": "abc"}}]}, 3),
        ({"choices": [{"delta": {"tool_calls": [CALL]}}]}, 6),
        ({"choices": [{"message": {"content": "abc", "tool_calls": [CALL]}}]}, 9),
        ({"choices": [{"text": "abc"}]}, 3),
        ({"choices": [{"delta": {"reasoning_text": "abc"}}]}, 3),
        ({"choices": [{"delta": {"content": [{"type": "text", "text": "abc"}]}}]}, 3),
        ({"choices": [{"delta": {"content": [{"thinking": [{"text": "abc"}]}]}}]}, 3),
        ({"type": "response.output_text.delta", "delta": "abc"}, 3),
        ({"type": "response.output_text.done", "text": "abc"}, 0),
        ({"type": "response.audio.delta", "delta": "UklGR"}, 0),
        ({"type": "content_block_delta", "delta": {"text": "abc"}}, 3),
        ({"type": "content_block_delta", "delta": {"thinking": "abc"}}, 3),
        ({"type": "content_block_delta", "delta": {"partial_json": '{"a"'}}, 4),
        ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, 0),
        ({"type": "message_start", "message": {"content": [], "usage": {}}}, 0),
        ({"candidates": [{"content": {"parts": [{"text": "abc"}]}}]}, 3),
        ({"candidates": [{"content": {"parts": [{"functionCall": {"a": 1}}]}}]}, 7),
        ({"candidates": [{"content": {"parts": [{"inlineData": {"data": "AAAA"}}]}}]}, 0),
        ({"contentBlockIndex": 0, "delta": {"text": "abc"}}, 3),
        ({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "abc"}}}, 3),
        ({"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "abc"}}}, 3),
        ({"message": {"role": "assistant", "content": "abc"}, "done": False}, 3),
        ({"response": "abc", "done": False}, 3),
        ({"content": [{"type": "text", "text": "abc"}, {"type": "tool_use", "input": {}}]}, 3),
        ({"output": [{"type": "message", "content": [{"text": "abc"}]}]}, 3),
        ({"output": [{"type": "function_call", "arguments": "abc"}]}, 3),
        ({"output": {"message": {"content": [{"text": "abc"}]}}}, 3),
        ({"data": [{"embedding": [0.5]}]}, 0),
        ({}, 0),
    ],
)
def test_text_is_counted_in_every_form(event: dict[str, Any], size: int) -> None:
    assert text_bytes(event) == size


def test_bytes_are_counted_and_not_characters() -> None:
    assert [size_of(text) for text in ("abc", "é", "漢字", "\ud83d")] == [3, 2, 6, 3]


def test_thoughts_within_thoughts_are_counted_no_deeper() -> None:
    content: Any = "x"
    for _ in range(5_000):
        content = [{"thinking": content}]

    assert text_bytes({"choices": [{"delta": {"content": content}}]}) == 0
