"""The end of a cut stream of OpenAI's responses API: the open item is closed, then the response.

Its last event repeats the whole response, so that the text of the open item is kept as it passes.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.plugin.usage import Usage

_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_INCOMPLETE: Final = "incomplete"


def sse_event(value: Any, name: str = "") -> bytes:
    """One server-sent event with JSON data."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(value) + b"\n\n"


class ResponsesEnding:
    """See `gateway.providers.stream_end`."""

    __slots__ = ("_done", "_item", "_number", "_over", "_place", "_response", "_text")

    def __init__(self) -> None:
        self._response: dict[str, Any] = {}
        self._done: list[Any] = []
        self._item: dict[str, Any] | None = None
        self._text: list[str] = []
        self._place: dict[str, Any] = {}
        """Where the last piece of text belongs."""
        self._number = -1
        self._over = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """Takes the next event."""
        del name
        kind, number = event.get("type"), event.get("sequence_number")
        if type(number) is int:
            self._number = number
        if kind == "response.created" and type(event.get("response")) is dict:
            self._response = event["response"]
        elif kind == "response.output_item.added" and type(event.get("item")) is dict:
            self._item, self._text, self._place = event["item"], [], {}
            self._place["output_index"] = event.get("output_index", 0)
        elif kind == "response.output_item.done":
            self._done.append(event.get("item"))
            self._item = None
        elif kind in {"response.output_text.delta", "response.function_call_arguments.delta"}:
            self._text.append(str(event.get("delta", "")))
            keys = ("item_id", "output_index", "content_index")
            self._place = {key: event[key] for key in keys if key in event}
        elif kind in {"response.output_text.done", "response.function_call_arguments.done"}:
            self._place.pop("item_id", None)
        elif kind in _LAST:
            self._over = True

    def end(self, usage: Usage) -> bytes:
        """The bytes that end the stream here."""
        if self._over or not self._response:
            return b""
        out = []
        output = list(self._done)
        if self._item is not None:
            item = self._closed_item()
            output.append(item)
            out += self._end_of_text(item)
            place = {"output_index": self._place.get("output_index", len(self._done))}
            out.append(self._event("response.output_item.done", **place, item=item))
        response = {
            **self._response,
            "status": _INCOMPLETE,
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": output,
            "usage": _counts(usage),
        }
        out.append(self._event("response.incomplete", response=response))
        return b"".join(out)

    def _closed_item(self) -> dict[str, Any]:
        text = "".join(self._text)
        item = {**(self._item or {}), "status": _INCOMPLETE}
        if item.get("type") == "message":
            item["content"] = [_part(text)] if text else []
        elif item.get("type") == "function_call":
            item["arguments"] = text
        return item

    def _end_of_text(self, item: dict[str, Any]) -> list[bytes]:
        """The end of the text that is still open."""
        text, place = "".join(self._text), self._place
        if "item_id" not in place:
            return []
        if item.get("type") == "function_call":
            fields = {**place, "name": item.get("name", ""), "arguments": text}
            return [self._event("response.function_call_arguments.done", **fields)]
        return [
            self._event("response.output_text.done", **place, text=text, logprobs=[]),
            self._event("response.content_part.done", **place, part=_part(text)),
        ]

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return sse_event({"type": kind, "sequence_number": self._number, **fields}, kind)


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _counts(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
