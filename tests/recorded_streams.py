"""Streams as the providers write them, one of each form, with texts that tests choose.

Each text of a channel is given as the pieces in which it arrives.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from gateway.providers.eventstream import encode_event
from gateway.settings import Dialect

Pieces = Sequence[str]


def sse(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    return f"{head}data: {text}\n\n".encode()


def openai_chat(content: Pieces, arguments: Pieces) -> bytes:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(frame | {"choices": [choice]})

    call = {"index": 0, "id": "call_1", "type": "function"}
    first = call | {"function": {"name": "send", "arguments": ""}}
    return b"".join(
        [
            chunk({"role": "assistant", "content": "", "refusal": None}),
            *[chunk({"content": piece}) for piece in content],
            chunk({"tool_calls": [first]}),
            *[
                chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
                for piece in arguments
            ],
            chunk({}, "tool_calls"),
            sse(frame | {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
            b"data: [DONE]\n\n",
        ]
    )


def openai_responses(content: Pieces, arguments: Pieces) -> bytes:
    numbers = count()

    def event(sort: str, **fields: Any) -> bytes:
        return sse({"type": sort, "sequence_number": next(numbers), **fields}, sort)

    text, given = "".join(content), "".join(arguments)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant"}
    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "send"}
    response = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "tools": [],
        "parallel_tool_calls": True, "tool_choice": "auto",
    }  # fmt: skip
    at, at_call = {"item_id": "msg_1", "output_index": 0}, {"item_id": "fc_1", "output_index": 1}
    in_part = at | {"content_index": 0}
    output = [message | {"content": [part]}, call | {"arguments": given, "status": "completed"}]
    return b"".join(
        [
            event("response.created", response=response | {"status": "in_progress", "output": []}),
            event("response.output_item.added", output_index=0, item=message | {"content": []}),
            event("response.content_part.added", part=part | {"text": ""}, **in_part),
            *[
                event("response.output_text.delta", delta=piece, logprobs=[], **in_part)
                for piece in content
            ],
            event("response.output_text.done", text=text, logprobs=[], **in_part),
            event("response.content_part.done", part=part, **in_part),
            event("response.output_item.done", output_index=0, item=output[0]),
            event("response.output_item.added", output_index=1, item=call | {"arguments": ""}),
            *[
                event("response.function_call_arguments.delta", delta=piece, **at_call)
                for piece in arguments
            ],
            event("response.function_call_arguments.done", arguments=given, name="send", **at_call),
            event("response.output_item.done", output_index=1, item=output[1]),
            event(
                "response.completed", response=response | {"status": "completed", "output": output}
            ),
        ]
    )


def anthropic_events(content: Pieces, arguments: Pieces) -> list[dict[str, Any]]:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip

    def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[Any]:
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *[{"type": "content_block_delta", "index": index, "delta": d} for d in deltas],
            {"type": "content_block_stop", "index": index},
        ]

    tool = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}}
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    return [
        {"type": "message_start", "message": message},
        {"type": "ping"},
        *block(
            0,
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in content],
        ),
        *block(
            1, tool, [{"type": "input_json_delta", "partial_json": piece} for piece in arguments]
        ),
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


def anthropic(content: Pieces, arguments: Pieces) -> bytes:
    return b"".join(sse(event, event["type"]) for event in anthropic_events(content, arguments))


def bedrock_invoke(content: Pieces, arguments: Pieces) -> bytes:
    return b"".join(
        encode_event(
            "chunk", orjson.dumps({"bytes": b64encode(orjson.dumps(event)).decode(), "p": "abcd"})
        )
        for event in anthropic_events(content, arguments)
    )


def bedrock_converse(content: Pieces, arguments: Pieces) -> bytes:
    def frame(kind: str, **payload: Any) -> bytes:
        return encode_event(kind, orjson.dumps(payload))

    def delta(index: int, value: dict[str, Any]) -> bytes:
        return frame("contentBlockDelta", contentBlockIndex=index, delta=value, p="abc")

    tool = {"toolUse": {"toolUseId": "tooluse_1", "name": "send"}}
    return b"".join(
        [
            frame("messageStart", role="assistant"),
            *[delta(0, {"text": piece}) for piece in content],
            frame("contentBlockStop", contentBlockIndex=0),
            frame("contentBlockStart", contentBlockIndex=1, start=tool),
            *[delta(1, {"toolUse": {"input": piece}}) for piece in arguments],
            frame("contentBlockStop", contentBlockIndex=1),
            frame("messageStop", stopReason="tool_use"),
            frame("metadata", usage={"inputTokens": 1, "outputTokens": 2}, metrics={}),
        ]
    )


def gemini(content: Pieces, arguments: Pieces) -> bytes:
    """The arguments come whole: nothing of a call is streamed."""

    def answer(parts: list[Any], finish: str | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return sse({"candidates": [candidate], "modelVersion": "m", "responseId": "r"})

    call = {"functionCall": {"name": "send", "args": {"a": "".join(arguments)}}}
    return b"".join(
        [
            *[answer([{"text": piece}]) for piece in content],
            answer([call]),
            answer([{"text": ""}], "STOP"),
        ]
    )


def ollama(content: Pieces, arguments: Pieces) -> bytes:
    """The arguments come whole: nothing of a call is streamed."""
    frame = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}

    def line(message: dict[str, Any], **more: Any) -> bytes:
        return orjson.dumps(frame | {"message": {"role": "assistant", **message}} | more) + b"\n"

    call = {"function": {"name": "send", "arguments": {"a": "".join(arguments)}}}
    return b"".join(
        [
            *[line({"content": piece}, done=False) for piece in content],
            line({"content": "", "tool_calls": [call]}, done=False),
            line({"content": ""}, done=True, done_reason="stop", eval_count=3),
        ]
    )


@dataclass(frozen=True)
class Recorded:
    """A form: where it is spoken, how it is written, and the channels of its two texts."""

    name: str
    dialect: Dialect
    path: str
    content_type: bytes
    write: Callable[[Pieces, Pieces], bytes]
    content: str
    arguments: str


SSE, LINES, FRAMES = (
    b"text/event-stream",
    b"application/x-ndjson",
    b"application/vnd.amazon.eventstream",
)
RECORDED = [
    Recorded("openai_chat", Dialect.OPENAI, "/v1/chat/completions", SSE, openai_chat,
             "content:0", "tool:0:0"),
    Recorded("openai_responses", Dialect.OPENAI, "/v1/responses", SSE, openai_responses,
             "content:0:0", "tool:1"),
    Recorded("anthropic", Dialect.ANTHROPIC, "/v1/messages", SSE, anthropic,
             "content:0", "tool:1"),
    Recorded("gemini", Dialect.GEMINI, "/v1beta/models/m:streamGenerateContent", SSE, gemini,
             "content:0", "tool_call_arguments"),
    Recorded("bedrock_converse", Dialect.BEDROCK, "/model/m/converse-stream", FRAMES,
             bedrock_converse, "content:0", "tool:1"),
    Recorded("bedrock_invoke", Dialect.BEDROCK, "/model/m/invoke-with-response-stream", FRAMES,
             bedrock_invoke, "content:0", "tool:1"),
    Recorded("ollama", Dialect.OLLAMA, "/api/chat", LINES, ollama,
             "content:0", "tool_call_arguments"),
]  # fmt: skip


def completions(content: Pieces, _: Pieces) -> bytes:
    frame = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}

    def chunk(text: str, finish: str | None = None) -> bytes:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return sse(frame | {"choices": [choice]})

    return b"".join([*map(chunk, content), chunk("", "stop"), b"data: [DONE]\n\n"])


def assistants(content: Pieces, _: Pieces) -> bytes:
    run = {"id": "run_1", "object": "thread.run", "status": "in_progress"}
    message = {"id": "msg_1", "object": "thread.message", "role": "assistant"}

    def part(text: str) -> dict[str, Any]:
        value = {"value": text, "annotations": []}
        return {"content": [{"index": 0, "type": "text", "text": value}]}

    delta = {"id": "msg_1", "object": "thread.message.delta"}
    return b"".join(
        [
            sse(run, "thread.run.created"),
            sse(message | {"content": []}, "thread.message.created"),
            *[sse(delta | {"delta": part(piece)}, "thread.message.delta") for piece in content],
            sse(message | part("".join(content)), "thread.message.completed"),
            sse(run | {"status": "completed"}, "thread.run.completed"),
            b"event: done\ndata: [DONE]\n\n",
        ]
    )


def generate(content: Pieces, _: Pieces) -> bytes:
    frame = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    lines = [frame | {"response": piece, "done": False} for piece in content]
    lines.append(frame | {"response": "", "done": True, "done_reason": "stop", "eval_count": 3})
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def titan(content: Pieces, _: Pieces) -> bytes:
    def frame(event: dict[str, Any]) -> bytes:
        data = b64encode(orjson.dumps(event)).decode()
        return encode_event("chunk", orjson.dumps({"bytes": data, "p": "ab"}))

    events = [{"outputText": piece, "index": 0, "completionReason": None} for piece in content]
    return b"".join(map(frame, [*events, {"outputText": "", "index": 0, "completionReason": "F"}]))


def mcp(content: Pieces, _: Pieces) -> bytes:
    """A result comes whole."""
    progress = {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
    result = {"content": [{"type": "text", "text": "".join(content)}], "isError": False}
    return b"".join(
        [
            sse({"jsonrpc": "2.0", **progress}, "message"),
            b": alive\n\n",
            sse({"jsonrpc": "2.0", "id": 1, "result": result}, "message"),
        ]
    )


OTHERS = [
    Recorded("completions", Dialect.OPENAI, "/v1/completions", SSE, completions, "content:0", ""),
    Recorded("assistants", Dialect.OPENAI, "/v1/threads/t/runs", SSE, assistants, "content:0", ""),
    Recorded("ollama_generate", Dialect.OLLAMA, "/api/generate", LINES, generate, "content:0", ""),
    Recorded("bedrock_titan", Dialect.BEDROCK, "/model/m/invoke-with-response-stream", FRAMES,
             titan, "content:0", ""),
    Recorded("mcp", Dialect.MCP, "/mcp", SSE, mcp, "tool_result", ""),
]  # fmt: skip
"""Streams without arguments of calls: the smaller APIs of the same dialects, and MCP."""
