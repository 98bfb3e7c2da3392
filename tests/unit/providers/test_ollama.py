"""Where the texts stand in Ollama's bodies and lines."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.ollama import LINES
from tests.spans import Row, gaps, read_request, read_response, rows

CALL = {"function": {"name": "f", "arguments": {"to": "bob"}}}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "text", "hi")]),
        ({"messages": [{"role": "tool", "content": "42"}]}, [("tool", "tool_result", "42")]),
        ({"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]},
         [("assistant", "tool_call_arguments", "to"), ("assistant", "tool_call_arguments", "bob")]),
        ({"prompt": "hi", "system": "be"}, [("user", "text", "hi"), ("system", "system", "be")]),
        ({"input": ["a", "b"]}, [("user", "text", "a"), ("user", "text", "b")]),
    ],
)  # fmt: skip
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(LINES, body)) == wanted


def test_pictures_are_a_gap() -> None:
    assert gaps(read_request(LINES, {"prompt": "a", "images": ["aGk="]})) == {"image"}


@pytest.mark.parametrize(
    "body", [{"message": {"role": "assistant", "content": "hi"}}, {"response": "hi"}]
)
def test_every_text_of_an_answer_is_found(body: dict[str, Any]) -> None:
    assert rows(read_response(LINES, body)) == [("assistant", "text", "hi")]


@pytest.mark.parametrize(
    ("line", "channels"),
    [
        ({"message": {"content": "a"}}, [("content:0", "a")]),
        ({"message": {"content": "", "thinking": "a"}}, [("reasoning:0", "a")]),
        ({"response": "a"}, [("content:0", "a")]),
        ({"response": "", "thinking": "a"}, [("reasoning:0", "a")]),
    ],
)
def test_every_text_of_a_line_has_its_channel(
    line: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    event = line | {"done": False}
    read = LINES.stream.event(event, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels
    again = LINES.stream.event(LINES.stream.delta(event, read.pieces[0], "rest"), b"")
    assert [(p.channel, p.text) for p in again.pieces] == [(channels[0][0], "rest")]


def test_the_last_line_ends_all_channels() -> None:
    assert LINES.stream.event({"message": {"content": ""}, "done": True}, b"").ends == [""]
