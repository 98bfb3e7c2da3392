"""Bedrock's converse methods, whole and as Amazon's event stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.demo.answer import Answer, Call, Stream, json_answer
from gateway.demo.reply import Conversation, Reply, Tool, answer, text_of
from gateway.providers.eventstream import encode_frame


def converse(call: Call) -> Answer:
    """`POST /model/ID/converse`."""
    reply = answer(_conversation(call), call.options)
    block: dict[str, Any] = {"text": reply.text}
    if reply.tool:
        block = {"toolUse": _tool_use(call, reply) | {"input": orjson.loads(reply.arguments)}}
    return json_answer(
        {
            "output": {"message": {"role": "assistant", "content": [block]}},
            "stopReason": _stop_reason(reply),
            "usage": _usage(reply),
            "metrics": {"latencyMs": 1},
        }
    )


def converse_stream(call: Call) -> Answer:
    """`POST /model/ID/converse-stream`."""
    reply = answer(_conversation(call), call.options)
    return Stream(_frames(call, reply), "application/vnd.amazon.eventstream")


def _conversation(call: Call) -> Conversation:
    body = call.body
    given = [m for m in body.get("messages") or [] if isinstance(m, dict)]
    parts = (given[-1].get("content") or []) if given else []
    config = body.get("toolConfig") or {}
    specs = [tool.get("toolSpec") or {} for tool in config.get("tools") or []]
    results = [p["toolResult"] for p in parts if isinstance(p, dict) and "toolResult" in p]
    return Conversation(
        model=call.params["model"],
        prompt=text_of(results) or text_of(parts),
        everything=text_of([body.get("system"), given]),
        tools=tuple(
            Tool(str(spec.get("name", "")), (spec.get("inputSchema") or {}).get("json") or {})
            for spec in specs
        ),
        must_call=_must_call(config.get("toolChoice") or {}),
        after_tool=bool(results),
    )


def _must_call(choice: dict[str, Any]) -> str | None:
    if "any" in choice:
        return ""
    return text_of(choice["tool"].get("name")) if "tool" in choice else None


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.tool else "end_turn"


def _tool_use(call: Call, reply: Reply) -> dict[str, Any]:
    return {"toolUseId": call.id("tooluse_"), "name": reply.tool}


def _usage(reply: Reply) -> dict[str, int]:
    total = reply.input_tokens + reply.output_tokens
    return {
        "inputTokens": reply.input_tokens,
        "outputTokens": reply.output_tokens,
        "totalTokens": total,
    }


def _frames(call: Call, reply: Reply) -> Iterator[bytes]:
    yield _frame("messageStart", {"role": "assistant"})
    if reply.tool:
        start = {"toolUse": _tool_use(call, reply)}
        yield _frame("contentBlockStart", {"contentBlockIndex": 0, "start": start})
    for piece in reply.pieces():
        delta: dict[str, Any] = {"toolUse": {"input": piece}} if reply.tool else {"text": piece}
        yield _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta})
    yield _frame("contentBlockStop", {"contentBlockIndex": 0})
    yield _frame("messageStop", {"stopReason": _stop_reason(reply)})
    yield _frame("metadata", {"usage": _usage(reply), "metrics": {"latencyMs": 1}})


def _frame(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {
        b":event-type": kind.encode(),
        b":content-type": b"application/json",
        b":message-type": b"event",
    }
    return encode_frame(headers, orjson.dumps(payload))
