"""Ollama's chat and generate methods: lines of JSON, streamed unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.demo.answer import Answer, Call, Stream, json_answer
from gateway.demo.openai_chat import read_chat
from gateway.demo.reply import Conversation, Reply, answer, text_of

_CREATED_AT = "2026-01-01T00:00:00Z"
_NDJSON = "application/x-ndjson"


def chat(call: Call) -> Answer:
    """`POST /api/chat`; messages and tools are written as OpenAI's."""
    reply = answer(read_chat(call), call.options)
    if call.body.get("stream", True):
        return Stream(_lines(_chat_chunks(reply)), _NDJSON)
    return json_answer(_frame(reply) | {"message": _message(reply, reply.text)} | _end(reply))


def generate(call: Call) -> Answer:
    """`POST /api/generate`."""
    prompt = text_of(call.body.get("prompt"))
    everything = text_of([call.body.get("system"), prompt])
    model = str(call.body.get("model", "demo-1"))
    reply = answer(Conversation(model, prompt, everything), call.options)
    if call.body.get("stream", True):
        return Stream(_lines(_generate_chunks(reply)), _NDJSON)
    return json_answer(_frame(reply) | {"response": reply.text} | _end(reply))


def version(_call: Call) -> Answer:
    """`GET /api/version`."""
    return json_answer({"version": "0.0.0-demo"})


def _frame(reply: Reply) -> dict[str, Any]:
    return {"model": reply.model, "created_at": _CREATED_AT}


def _message(reply: Reply, text: str) -> dict[str, Any]:
    if not reply.tool:
        return {"role": "assistant", "content": text}
    function = {"name": reply.tool, "arguments": orjson.loads(reply.arguments)}
    return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}


def _end(reply: Reply) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": reply.input_tokens,
        "prompt_eval_duration": 0,
        "eval_count": reply.output_tokens,
        "eval_duration": 0,
    }


def _chat_chunks(reply: Reply) -> Iterator[dict[str, Any]]:
    frame = _frame(reply)
    # A tool call comes in one piece.
    for piece in [""] if reply.tool else reply.pieces():
        yield frame | {"message": _message(reply, piece), "done": False}
    yield frame | {"message": {"role": "assistant", "content": ""}} | _end(reply)


def _generate_chunks(reply: Reply) -> Iterator[dict[str, Any]]:
    frame = _frame(reply)
    for piece in reply.pieces():
        yield frame | {"response": piece, "done": False}
    yield frame | {"response": ""} | _end(reply)


def _lines(chunks: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    return (orjson.dumps(chunk) + b"\n" for chunk in chunks)
