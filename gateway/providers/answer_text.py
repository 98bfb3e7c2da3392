"""How much text an answer, or one event of it, gives the client: for estimates while it streams.

Counted are the texts that a model writes: content, reasoning, refusals, arguments of tool calls.
Pictures and sound are not text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

_TEXTS: Final = frozenset(
    {
        "content", "text", "partial_json", "thinking", "reasoning_content", "reasoning",
        "reasoning_text", "refusal",
    }
)  # fmt: skip
_BEDROCK: Final = frozenset({"toolUse", "reasoningContent"})
_SOUND: Final = "audio"


def text_bytes(event: dict[str, Any]) -> int:
    """The UTF-8 bytes of the text in one event of any dialect, or in a whole answer."""
    choices = event.get("choices")
    if choices is not None:
        return _each(choices, _choice)
    delta = event.get("delta")
    if delta is not None:
        if type(delta) is str:
            return 0 if _SOUND in str(event.get("type", "")) else size_of(delta)
        return _delta(delta) if type(delta) is dict else 0
    candidates = event.get("candidates")
    if candidates is not None:
        return _each(candidates, _candidate)
    message = event.get("message")
    if type(message) is dict and "done" in event:  # Ollama; Anthropic's first event has one too
        return _delta(message)
    response = event.get("response")
    if type(response) is str:
        return size_of(response)
    return _whole(event)


def size_of(text: str) -> int:
    """The UTF-8 bytes of `text`, without making them where it is ASCII."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _each(parts: Any, measure: Callable[[dict[str, Any]], int]) -> int:
    if type(parts) is not list:
        return 0
    total = 0
    for part in parts:
        if type(part) is dict:
            total += measure(part)
    return total


def _choice(choice: dict[str, Any]) -> int:
    inner = choice.get("delta") or choice.get("message")
    if type(inner) is dict:
        return _delta(inner)
    text = choice.get("text")
    return size_of(text) if type(text) is str else 0


def _delta(delta: dict[str, Any]) -> int:
    total = 0
    for key, value in delta.items():
        if type(value) is str:
            if key in _TEXTS:
                total += size_of(value)
        elif key == "tool_calls":
            total += _each(value, _call)
        elif key == "content":  # in parts, as Mistral's reasoning models stream it
            total += _each(value, _block)
        elif key in _BEDROCK and type(value) is dict:
            total += sum(size_of(text) for text in value.values() if type(text) is str)
    return total


def _call(call: dict[str, Any]) -> int:
    function = call.get("function")
    if type(function) is not dict:
        return 0
    return _json(function.get("name")) + _json(function.get("arguments"))


def _candidate(candidate: dict[str, Any]) -> int:
    content = candidate.get("content")
    return _each(content.get("parts"), _part) if type(content) is dict else 0


def _part(part: dict[str, Any]) -> int:
    return _json(part.get("text")) + _json(part.get("functionCall")) + _json(part.get("toolUse"))


def _whole(answer: dict[str, Any]) -> int:
    """Anthropic's message, OpenAI's response, Bedrock's converse; nothing of other JSON."""
    content = answer.get("content")
    if type(content) is list:
        return _each(content, _block)
    output = answer.get("output")
    if type(output) is list:
        return _each(output, _item)
    message = output.get("message") if type(output) is dict else None
    return _each(message.get("content"), _part) if type(message) is dict else 0


def _block(block: dict[str, Any]) -> int:
    thinking = block.get("thinking")
    thought = _each(thinking, _part) if type(thinking) is list else _json(thinking)
    return _json(block.get("text")) + thought + _json(block.get("input"))


def _item(item: dict[str, Any]) -> int:
    return _each(item.get("content"), _part) + _json(item.get("arguments"))


def _json(value: Any) -> int:
    """The size of a text, or of what a tool is called with."""
    if not value:
        return 0
    return size_of(value) if type(value) is str else len(orjson.dumps(value))
