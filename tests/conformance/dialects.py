"""What a provider answers in each dialect, whole and streamed, and the request that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tests.recorded_streams import RECORDED

Whole = Callable[[str, str], dict[str, Any]]


def _chat(text: str, arguments: str) -> dict[str, Any]:
    function = {"name": "send", "arguments": arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": text, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}


def _responses(text: str, arguments: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}
    call = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "send"}
    output = [message, call | {"arguments": arguments}]
    return {"id": "resp_1", "object": "response", "status": "completed", "output": output}


def _anthropic(text: str, arguments: str) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "t", "name": "send", "input": orjson.loads(arguments)}
    content = [{"type": "text", "text": text}, call]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content}


def _gemini(text: str, arguments: str) -> dict[str, Any]:
    call = {"functionCall": {"name": "send", "args": orjson.loads(arguments)}}
    content = {"role": "model", "parts": [{"text": text}, call]}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}


def _converse(text: str, arguments: str) -> dict[str, Any]:
    call = {"toolUse": {"toolUseId": "t", "name": "send", "input": orjson.loads(arguments)}}
    message = {"role": "assistant", "content": [{"text": text}, call]}
    return {"output": {"message": message}, "stopReason": "end_turn"}


def _ollama(text: str, arguments: str) -> dict[str, Any]:
    call = {"function": {"name": "send", "arguments": orjson.loads(arguments)}}
    message = {"role": "assistant", "content": text, "tool_calls": [call]}
    return {"model": "m", "message": message, "done": True}


_MESSAGES = [{"role": "user", "content": "Go on."}]


@dataclass(frozen=True)
class Spoken:
    """One dialect: where it is spoken, and what is said. `asks` is the request without `stream`."""

    name: str
    stream_path: str
    path: str
    asks: dict[str, Any]
    whole: Whole
    content_type: str
    write: Callable[[Sequence[str], Sequence[str]], bytes]

    def request(self, *, streamed: bool) -> bytes:
        """The body of the request."""
        says_it = self.path == self.stream_path
        return orjson.dumps(self.asks | ({"stream": streamed} if says_it else {}))


_ASKS: dict[str, tuple[str, dict[str, Any], Whole]] = {
    "openai_chat": ("", {"model": "m", "messages": _MESSAGES}, _chat),
    "openai_responses": ("", {"model": "m", "input": "Go on."}, _responses),
    "anthropic": ("", {"model": "m", "max_tokens": 9, "messages": _MESSAGES}, _anthropic),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Go on."}]}]},
        _gemini,
    ),
    "bedrock_converse": (
        "/model/m/converse",
        {"messages": [{"role": "user", "content": [{"text": "Go on."}]}]},
        _converse,
    ),
    "bedrock_invoke": (
        "/model/m/invoke",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": _MESSAGES},
        _anthropic,
    ),
    "ollama": ("", {"model": "m", "messages": _MESSAGES}, _ollama),
}


def _spoken() -> tuple[Spoken, ...]:
    found = []
    for recorded in RECORDED:
        path, asks, whole = _ASKS[recorded.name]
        content_type = recorded.content_type.decode()
        found.append(
            Spoken(
                recorded.name, recorded.path, path or recorded.path, asks, whole, content_type,
                recorded.write,
            )
        )  # fmt: skip
    return tuple(found)


DIALECTS = _spoken()
