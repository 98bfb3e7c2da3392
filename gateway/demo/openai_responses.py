"""OpenAI's responses API, with its whole native event sequence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from gateway.demo.answer import CREATED_AT_S, Answer, Call, Stream, json_answer, sse
from gateway.demo.reply import Conversation, Reply, Tool, answer, text_of


def responses(call: Call) -> Answer:
    """`POST /v1/responses`."""
    reply = answer(_conversation(call), call.options)
    if call.body.get("stream") is True:
        return Stream(_stream(call, reply))
    return json_answer(_response(call, reply, "completed", [_item(call, reply, "completed")]))


def _conversation(call: Call) -> Conversation:
    body = call.body
    given = body.get("input")
    items = given if isinstance(given, list) else [{"role": "user", "content": given}]
    last = items[-1] if items and isinstance(items[-1], dict) else {}
    return Conversation(
        model=str(body.get("model", "demo-1")),
        prompt=text_of(last),
        everything=text_of([body.get("instructions"), items]),
        tools=tuple(
            Tool(str(tool.get("name", "")), tool.get("parameters") or {})
            for tool in body.get("tools") or []
            if isinstance(tool, dict) and tool.get("type") == "function"
        ),
        must_call=_must_call(body.get("tool_choice")),
        after_tool=last.get("type") == "function_call_output",
    )


def _must_call(choice: Any) -> str | None:
    if choice == "required":
        return ""
    if isinstance(choice, dict):
        return text_of(choice.get("name"))
    # A name that no tool has: the client wants none.
    return "\0" if choice == "none" else None


def text_part(text: str) -> dict[str, Any]:
    """One piece of a message's content."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(call: Call, reply: Reply, status: str) -> dict[str, Any]:
    done = status == "completed"
    if reply.tool:
        return {
            "id": call.id("fc_"),
            "type": "function_call",
            "status": status,
            "call_id": call.id("call_"),
            "name": reply.tool,
            "arguments": reply.arguments if done else "",
        }
    return {
        "id": call.id("msg_"),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [text_part(reply.text)] if done else [],
    }


def usage(reply: Reply) -> dict[str, Any]:
    """The token counts of a response."""
    return {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }


def _response(call: Call, reply: Reply, status: str, output: list[Any]) -> dict[str, Any]:
    return {
        "id": call.id("resp_"),
        "object": "response",
        "created_at": CREATED_AT_S,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": call.body.get("instructions"),
        "metadata": call.body.get("metadata") or {},
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": call.body.get("tool_choice") or "auto",
        "tools": call.body.get("tools") or [],
        "top_p": 1.0,
        "usage": usage(reply) if status == "completed" else None,
    }


def _stream(call: Call, reply: Reply) -> Iterator[bytes]:
    numbers = count()

    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(numbers)} | fields, kind)

    started = _response(call, reply, "in_progress", [])
    yield event("response.created", response=started)
    yield event("response.in_progress", response=started)
    item = _item(call, reply, "in_progress")
    yield event("response.output_item.added", output_index=0, item=item)
    for kind, fields in item_events(reply, item["id"]):
        yield event(kind, **fields)
    item = _item(call, reply, "completed")
    yield event("response.output_item.done", output_index=0, item=item)
    yield event("response.completed", response=_response(call, reply, "completed", [item]))


def item_events(reply: Reply, item_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and fields of the events between an item's `added` and its `done`."""
    at = {"item_id": item_id, "output_index": 0}
    if reply.tool:
        kind = "response.function_call_arguments"
        for piece in reply.pieces():
            yield f"{kind}.delta", at | {"delta": piece}
        yield f"{kind}.done", at | {"name": reply.tool, "arguments": reply.arguments}
        return
    at["content_index"] = 0
    yield "response.content_part.added", at | {"part": text_part("")}
    for piece in reply.pieces():
        yield "response.output_text.delta", at | {"delta": piece, "logprobs": []}
    yield "response.output_text.done", at | {"text": reply.text, "logprobs": []}
    yield "response.content_part.done", at | {"part": text_part(reply.text)}
