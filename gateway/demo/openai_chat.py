"""OpenAI's chat completions (also Azure's deployments, and vLLM)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.demo.answer import CREATED_AT_S, Answer, Call, Stream, json_answer, sse
from gateway.demo.reply import Conversation, Reply, Tool, answer, text_of

_CHOICES_MAX = 128


def chat(call: Call) -> Answer:
    """`POST /v1/chat/completions`."""
    conversation = read_chat(call)
    reply = answer(conversation, call.options)
    if call.body.get("stream") is True:
        return Stream(_stream(call, reply))
    return json_answer(_completion(call, reply))


def read_chat(call: Call) -> Conversation:
    """The conversation in a chat completion request."""
    body = call.body
    messages = [m for m in body.get("messages") or [] if isinstance(m, dict)]
    last = messages[-1] if messages else {}
    return Conversation(
        model=str(body.get("model") or call.params.get("deployment", "demo-1")),
        prompt=text_of(last.get("content")),
        everything=text_of(messages),
        tools=tuple(
            Tool(str(tool["function"].get("name", "")), tool["function"].get("parameters") or {})
            for tool in body.get("tools") or []
            if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
        ),
        must_call=_must_call(body.get("tool_choice")),
        after_tool=last.get("role") == "tool",
    )


def _must_call(choice: Any) -> str | None:
    if choice == "required":
        return ""
    if isinstance(choice, dict):
        return text_of(choice.get("function", {}).get("name"))
    # A name that no tool has: the client wants none.
    return "\0" if choice == "none" else None


def usage(reply: Reply, choices: int) -> dict[str, Any]:
    """The token counts of a completion."""
    output = reply.output_tokens * choices
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": output,
        "total_tokens": reply.input_tokens + output,
    }


def _choices(call: Call) -> int:
    wanted = call.body.get("n")
    return min(max(wanted, 1), _CHOICES_MAX) if isinstance(wanted, int) else 1


def _frame(call: Call, reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": call.id("chatcmpl-"),
        "object": kind,
        "created": CREATED_AT_S,
        "model": reply.model,
        "system_fingerprint": "fp_demo",
    }


def _tool_call(call: Call, reply: Reply, index: int, arguments: str) -> dict[str, Any]:
    return {
        "id": call.id(f"call_{index}_"),
        "type": "function",
        "function": {"name": reply.tool, "arguments": arguments},
    }


def _completion(call: Call, reply: Reply) -> dict[str, Any]:
    count = _choices(call)
    choices = []
    for index in range(count):
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.tool:
            message["content"] = None
            message["tool_calls"] = [_tool_call(call, reply, index, reply.arguments)]
        choices.append(
            {
                "index": index,
                "message": message,
                "logprobs": None,
                "finish_reason": "tool_calls" if reply.tool else "stop",
            }
        )
    frame = _frame(call, reply, "chat.completion")
    return frame | {"choices": choices, "usage": usage(reply, count)}


def _stream(call: Call, reply: Reply) -> Iterator[bytes]:
    count = _choices(call)
    options = call.body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    frame = _frame(call, reply, "chat.completion.chunk")
    if with_usage:
        frame["usage"] = None

    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(frame | {"choices": [choice]})

    for index in range(count):
        yield chunk(index, _first_delta(call, reply, index))
    for piece in reply.pieces():
        for index in range(count):
            yield chunk(index, _delta(reply, piece))
    for index in range(count):
        yield chunk(index, {}, "tool_calls" if reply.tool else "stop")
    if with_usage:
        yield sse(frame | {"choices": [], "usage": usage(reply, count)})
    yield b"data: [DONE]\n\n"


def _first_delta(call: Call, reply: Reply, index: int) -> dict[str, Any]:
    if not reply.tool:
        return {"role": "assistant", "content": "", "refusal": None}
    tool_call = {"index": 0} | _tool_call(call, reply, index, "")
    return {"role": "assistant", "content": None, "tool_calls": [tool_call]}


def _delta(reply: Reply, piece: str) -> dict[str, Any]:
    if reply.tool:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"content": piece}
