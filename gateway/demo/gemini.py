"""Gemini's generate and count methods, under `/v1beta` and `/v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from gateway.demo.answer import Answer, Call, Stream, json_answer
from gateway.demo.embeddings import gemini_batch_embed, gemini_embed
from gateway.demo.options import BadCallError
from gateway.demo.reply import Conversation, Reply, Tool, answer, count_tokens, text_of


def model_method(call: Call) -> Answer:
    """`POST /v1beta/models/MODEL:METHOD`."""
    method = call.params["target"].rpartition(":")[2]
    handler = _METHODS.get(method)
    if handler is None:
        raise BadCallError(f"the method is one of {', '.join(_METHODS)}")
    return handler(call)


def generate(call: Call) -> Answer:
    """`generateContent`: one JSON body."""
    reply = answer(_conversation(call), call.options)
    part: dict[str, Any] = {"text": reply.text}
    if reply.tool:
        part = _call_part(reply)
    return json_answer(_chunk(call, reply, part, last=True))


def stream_generate(call: Call) -> Answer:
    """`streamGenerateContent`: events with `alt=sse`, else one JSON array that grows."""
    reply = answer(_conversation(call), call.options)
    chunks = _chunks(call, reply)
    if call.query.get("alt") == "sse":
        # Google ends its lines with CRLF.
        return Stream(b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in chunks)
    return Stream(_array(chunks), "application/json; charset=UTF-8")


def count(call: Call) -> Answer:
    """`countTokens`."""
    return json_answer({"totalTokens": count_tokens(_conversation(call).everything)})


_METHODS: Final[dict[str, Callable[[Call], Answer]]] = {
    "generateContent": generate,
    "streamGenerateContent": stream_generate,
    "countTokens": count,
    "embedContent": gemini_embed,
    "batchEmbedContents": gemini_batch_embed,
}


def _conversation(call: Call) -> Conversation:
    body = call.body
    given = body.get("contents") or []
    contents = [c for c in given if isinstance(c, dict)]
    last = contents[-1] if contents else {}
    parts = [part for part in last.get("parts") or [] if isinstance(part, dict)]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return Conversation(
        model=call.params["target"].rpartition(":")[0],
        prompt=orjson.dumps(results).decode() if results else text_of(last),
        everything=text_of([body.get("systemInstruction"), contents]),
        tools=tuple(
            Tool(str(f.get("name", "")), _schema(f))
            for tool in body.get("tools") or []
            if isinstance(tool, dict)
            for f in tool.get("functionDeclarations") or []
        ),
        must_call=_must_call(body.get("toolConfig")),
        after_tool=bool(results),
    )


def _schema(function: dict[str, Any]) -> dict[str, Any]:
    # Google reads both spellings, and its SDK sends what the caller wrote.
    for key in ("parameters", "parametersJsonSchema", "parameters_json_schema"):
        if isinstance(function.get(key), dict):
            return dict(function[key])
    return {}


def _must_call(config: Any) -> str | None:
    calling = config.get("functionCallingConfig") if isinstance(config, dict) else None
    if not isinstance(calling, dict):
        return None
    if calling.get("mode") == "ANY":
        names = calling.get("allowedFunctionNames") or [""]
        return str(names[0])
    # A name that no tool has: the client wants none.
    return "\0" if calling.get("mode") == "NONE" else None


def _call_part(reply: Reply) -> dict[str, Any]:
    return {"functionCall": {"name": reply.tool, "args": orjson.loads(reply.arguments)}}


def _chunk(call: Call, reply: Reply, part: dict[str, Any], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    output = reply.output_tokens if last else 0
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": reply.input_tokens,
            "candidatesTokenCount": output,
            "totalTokenCount": reply.input_tokens + output,
        },
        "modelVersion": reply.model,
        "responseId": call.id("demo-"),
    }


def _chunks(call: Call, reply: Reply) -> Iterator[dict[str, Any]]:
    # A function call comes in one piece.
    parts: list[dict[str, Any]] = [{"text": piece} for piece in reply.pieces()]
    if reply.tool:
        parts = [_call_part(reply)]
    for index, part in enumerate(parts, 1):
        yield _chunk(call, reply, part, last=index == len(parts))


def _array(chunks: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    mark = b"["
    for chunk in chunks:
        yield mark + orjson.dumps(chunk)
        mark = b"\n,\r\n"
    yield b"]" if mark != b"[" else b"[]"
