"""The end of a stream that the gateway cuts, as the provider would write it at its token limit.

| stream               | what is written                                                         |
|----------------------|-------------------------------------------------------------------------|
| OpenAI chat          | a chunk with `finish_reason: length` per open choice, the usage if the  |
|                      | client asked for it, `[DONE]`                                           |
| OpenAI responses     | the open item's own end, `response.incomplete`                          |
| Anthropic messages   | `content_block_stop`, `message_delta` with `max_tokens`, `message_stop` |
| Gemini               | a chunk with `finishReason: MAX_TOKENS` and the usage                   |
| Ollama               | a line with `done: true`, `done_reason: length` and the counts          |
| Bedrock converse     | `contentBlockStop`, `messageStop` with `max_tokens`, `metadata`         |
| Bedrock invoke       | Anthropic's events in Bedrock's frames                                  |

An `Ending` watches the parsed events of one stream and can be asked for the end between any two of
them. A stream of another form has none, and so it cannot be cut.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, Protocol

import orjson

from gateway.plugin.usage import Usage
from gateway.providers.eventstream import encode_event
from gateway.providers.responses_end import ResponsesEnding, sse_event

_FRAME_KEYS: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_TYPES_OF_ANTHROPIC: Final = frozenset({"message_start", "ping"})


class Ending(Protocol):
    """Follows one stream, and knows how it ends."""

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """Takes the next event."""

    def end(self, usage: Usage) -> bytes:
        """The bytes that end the stream here; empty where the provider has ended it already."""


def ending_of(event: dict[str, Any], name: bytes) -> Ending | None:
    """The ending of the stream whose first event this is; None where the form is not known."""
    kind = event.get("type")
    if name == b"messageStart":
        return ConverseEnding()
    if kind in _TYPES_OF_ANTHROPIC:
        return AnthropicEnding(framed=name == b"chunk")
    if type(kind) is str and kind.startswith("response."):
        return ResponsesEnding()
    if "choices" in event:
        return ChatEnding()
    if "candidates" in event or "usageMetadata" in event:
        return GeminiEnding()
    if "done" in event:
        return OllamaEnding()
    return None


class ChatEnding:
    """OpenAI's chat completions and completions."""

    __slots__ = ("_frame", "_open", "_text", "_wants_usage")

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}
        self._open: dict[int, bool] = {}
        self._text = False
        self._wants_usage = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """See `Ending`."""
        del name
        if not self._frame:
            self._frame = {key: event[key] for key in _FRAME_KEYS if key in event}
            self._wants_usage = "usage" in event
        choices = event.get("choices")
        for choice in choices if type(choices) is list else []:
            if type(choice) is dict and type(index := choice.get("index", 0)) is int:
                self._text = self._text or "text" in choice
                self._open[index] = choice.get("finish_reason") is None

    def end(self, usage: Usage) -> bytes:
        """See `Ending`."""
        if self._open and not any(self._open.values()):
            return b""
        chunks = []
        empty = {"usage": None} if self._wants_usage else {}
        for index in sorted(self._open):
            if self._open[index]:
                choice = {"index": index, **self._nothing(), "finish_reason": "length"}
                chunks.append({**self._frame, "choices": [choice], **empty})
        if self._wants_usage:
            counts = {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
            }
            chunks.append({**self._frame, "choices": [], "usage": counts})
        return b"".join([sse_event(chunk) for chunk in chunks]) + b"data: [DONE]\n\n"

    def _nothing(self) -> dict[str, Any]:
        return {"text": "", "logprobs": None} if self._text else {"delta": {}, "logprobs": None}


class AnthropicEnding:
    """Anthropic's messages, plain or in Bedrock's frames."""

    __slots__ = ("_blocks", "_framed", "_over")

    def __init__(self, *, framed: bool = False) -> None:
        self._framed = framed
        self._blocks: list[int] = []
        self._over = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """See `Ending`."""
        del name
        kind, index = event.get("type"), event.get("index")
        if kind == "content_block_start" and type(index) is int:
            self._blocks.append(index)
        elif kind == "content_block_stop" and index in self._blocks:
            self._blocks.remove(index)
        elif kind in {"message_delta", "message_stop", "error"}:
            self._over = True

    def end(self, usage: Usage) -> bytes:
        """See `Ending`."""
        if self._over:
            return b""
        events: list[dict[str, Any]] = [
            {"type": "content_block_stop", "index": index} for index in self._blocks
        ]
        events += [
            {
                "type": "message_delta",
                "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
                "usage": {"output_tokens": usage.output_tokens},
            },
            {"type": "message_stop"},
        ]
        if self._framed:
            return b"".join([_chunk(event) for event in events])
        return b"".join([sse_event(event, event["type"]) for event in events])


class GeminiEnding:
    """Gemini's `streamGenerateContent` with `alt=sse`."""

    __slots__ = ("_frame", "_over")

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}
        self._over = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """See `Ending`."""
        del name
        for key in ("modelVersion", "responseId"):
            if key in event:
                self._frame[key] = event[key]
        candidates = event.get("candidates")
        for candidate in candidates if type(candidates) is list else []:
            if type(candidate) is dict and candidate.get("finishReason"):
                self._over = True

    def end(self, usage: Usage) -> bytes:
        """See `Ending`."""
        if self._over:
            return b""
        content = {"role": "model", "parts": [{"text": ""}]}
        counts = {
            "promptTokenCount": usage.input_tokens,
            "candidatesTokenCount": usage.output_tokens,
            "totalTokenCount": usage.total_tokens,
        }
        candidate = {"content": content, "finishReason": "MAX_TOKENS", "index": 0}
        chunk = {"candidates": [candidate], "usageMetadata": counts, **self._frame}
        return b"data: " + orjson.dumps(chunk) + b"\r\n\r\n"  # Google ends its lines with CRLF


class OllamaEnding:
    """Ollama's `chat` and `generate`."""

    __slots__ = ("_frame", "_over")

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}
        self._over = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """See `Ending`."""
        del name
        self._frame = {key: event[key] for key in ("model", "created_at") if key in event}
        if "response" in event:
            self._frame["response"] = ""
        else:
            self._frame["message"] = {"role": "assistant", "content": ""}
        self._over = event.get("done") is True

    def end(self, usage: Usage) -> bytes:
        """See `Ending`."""
        if self._over:
            return b""
        counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
        line = {**self._frame, "done": True, "done_reason": "length", **counts}
        return orjson.dumps(line) + b"\n"


class ConverseEnding:
    """Bedrock's `converse-stream`."""

    __slots__ = ("_blocks", "_over")

    def __init__(self) -> None:
        self._blocks: list[int] = []
        self._over = False

    def note(self, event: dict[str, Any], name: bytes) -> None:
        """See `Ending`."""
        index = event.get("contentBlockIndex")
        # A block of text has no start of its own.
        if name in {b"contentBlockStart", b"contentBlockDelta"} and type(index) is int:
            if index not in self._blocks:
                self._blocks.append(index)
        elif name == b"contentBlockStop" and index in self._blocks:
            self._blocks.remove(index)
        elif name in {b"messageStop", b"metadata"}:
            self._over = True

    def end(self, usage: Usage) -> bytes:
        """See `Ending`."""
        if self._over:
            return b""
        counts = {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.total_tokens,
        }
        frames: list[tuple[str, dict[str, Any]]] = [
            ("contentBlockStop", {"contentBlockIndex": index}) for index in self._blocks
        ]
        frames.append(("messageStop", {"stopReason": "max_tokens"}))
        frames.append(("metadata", {"usage": counts, "metrics": {"latencyMs": 0}}))
        return b"".join([encode_event(kind, orjson.dumps(payload)) for kind, payload in frames])


def _chunk(event: dict[str, Any]) -> bytes:
    payload = {"bytes": b64encode(orjson.dumps(event)).decode()}
    return encode_event("chunk", orjson.dumps(payload))
