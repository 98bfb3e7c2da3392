"""Requests of every dialect with a history: what users wrote, and what tools gave back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

Said = tuple[str, str]
"""Who (`user`, `assistant`, `tool`), and what."""


def _chat(role: str, text: str) -> dict[str, Any]:
    more = {"tool_call_id": "call_1"} if role == "tool" else {}
    return {"role": role, "content": text, **more}


def _responses(role: str, text: str) -> dict[str, Any]:
    if role == "tool":
        return {"type": "function_call_output", "call_id": "call_1", "output": text}
    return {"role": role, "content": text}


def _anthropic(role: str, text: str) -> dict[str, Any]:
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": text}
        return {"role": "user", "content": [result]}
    return {"role": role, "content": [{"type": "text", "text": text}]}


def _gemini(role: str, text: str) -> dict[str, Any]:
    if role == "tool":
        response = {"name": "look", "response": {"result": text}}
        return {"role": "user", "parts": [{"functionResponse": response}]}
    return {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}


def _converse(role: str, text: str) -> dict[str, Any]:
    if role == "tool":
        result = {"toolUseId": "tooluse_1", "content": [{"text": text}]}
        return {"role": "user", "content": [{"toolResult": result}]}
    return {"role": role, "content": [{"text": text}]}


def _ollama(role: str, text: str) -> dict[str, Any]:
    more = {"tool_name": "look"} if role == "tool" else {}
    return {"role": role, "content": text, **more}


_FORMS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "openai_chat": ("messages", _chat, {"model": "m"}),
    "openai_responses": ("input", _responses, {"model": "m"}),
    "anthropic": ("messages", _anthropic, {"model": "m", "max_tokens": 9}),
    "gemini": ("contents", _gemini, {}),
    "bedrock_converse": ("messages", _converse, {}),
    "bedrock_invoke": (
        "messages", _anthropic, {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9},
    ),
    "ollama": ("messages", _ollama, {"model": "m"}),
}  # fmt: skip


def request(dialect: str, history: Sequence[Said]) -> bytes:
    """The body, written as no serialiser of ours would write it: with blanks, escapes, 1.50."""
    member, message, more = _FORMS[dialect]
    said = [orjson.dumps(message(*each), option=orjson.OPT_INDENT_2) for each in history]
    head = orjson.dumps(more)[1:-1] + b" , " if more else b""
    body = b'{ %b"temperature" : 1.50,\t"%b" : [\n%b\n] }' % (
        head,
        member.encode(),
        b",\n".join(said),
    )
    return body.replace("\u00e9".encode(), b"\\u00e9")
