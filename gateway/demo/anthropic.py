"""Anthropic's messages API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.demo.answer import Answer, Call, Stream, json_answer, sse
from gateway.demo.reply import Conversation, Reply, Tool, answer, count_tokens, text_of


def messages(call: Call) -> Answer:
    """`POST /v1/messages`."""
    reply = answer(_conversation(call), call.options)
    if call.body.get("stream") is True:
        return Stream(_stream(call, reply))
    return json_answer(message(call, reply))


def count_message_tokens(call: Call) -> Answer:
    """`POST /v1/messages/count_tokens`."""
    return json_answer({"input_tokens": count_tokens(_conversation(call).everything)})


def message(call: Call, reply: Reply) -> dict[str, Any]:
    """A whole message; also what Bedrock's `invoke` answers for Anthropic's models."""
    block: dict[str, Any] = {"type": "text", "text": reply.text}
    if reply.tool:
        block = _tool_block(call, reply) | {"input": orjson.loads(reply.arguments)}
    return _head(call, reply) | {
        "content": [block],
        "stop_reason": _stop_reason(reply),
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
    }


def invoke(call: Call) -> Answer:
    """`POST /model/ID/invoke` with a body in Anthropic's form."""
    return json_answer(message(call, answer(_conversation(call), call.options)))


def _conversation(call: Call) -> Conversation:
    body = call.body
    given = [m for m in body.get("messages") or [] if isinstance(m, dict)]
    content = given[-1].get("content") if given else ""
    parts = content if isinstance(content, list) else []
    return Conversation(
        model=str(body.get("model") or call.params.get("model", "demo-1")),
        prompt=text_of(content),
        everything=text_of([body.get("system"), given]),
        tools=tuple(
            Tool(str(tool.get("name", "")), tool.get("input_schema") or {})
            for tool in body.get("tools") or []
            if isinstance(tool, dict)
        ),
        must_call=_must_call(body.get("tool_choice")),
        after_tool=any(isinstance(p, dict) and p.get("type") == "tool_result" for p in parts),
    )


def _must_call(choice: Any) -> str | None:
    kind = choice.get("type") if isinstance(choice, dict) else "auto"
    if kind == "tool":
        return text_of(choice.get("name"))
    # A name that no tool has: the client wants none.
    return {"any": "", "none": "\0"}.get(str(kind))


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.tool else "end_turn"


def _head(call: Call, reply: Reply) -> dict[str, Any]:
    return {
        "id": call.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _tool_block(call: Call, reply: Reply) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id("toolu_"), "name": reply.tool, "input": {}}


def _stream(call: Call, reply: Reply) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind} | fields, kind)

    used = {"input_tokens": reply.input_tokens, "output_tokens": 1}
    yield event("message_start", message=_head(call, reply) | {"usage": used})
    block = _tool_block(call, reply) if reply.tool else {"type": "text", "text": ""}
    yield event("content_block_start", index=0, content_block=block)
    yield event("ping")
    for piece in reply.pieces():
        delta = {"type": "text_delta", "text": piece}
        if reply.tool:
            delta = {"type": "input_json_delta", "partial_json": piece}
        yield event("content_block_delta", index=0, delta=delta)
    yield event("content_block_stop", index=0)
    yield event(
        "message_delta",
        delta={"stop_reason": _stop_reason(reply), "stop_sequence": None},
        usage={"output_tokens": reply.output_tokens},
    )
    yield event("message_stop")
