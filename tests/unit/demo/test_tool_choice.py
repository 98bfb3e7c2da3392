"""What the client says of tools, in the words of each dialect; each handler is asked directly."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.demo import anthropic, gemini, openai_chat, openai_responses
from gateway.demo.answer import Call, Stream, Whole
from gateway.demo.options import Options
from gateway.providers.sse import SseSplitter
from tests.unit.demo.asking import WEATHER

NAMES = ["get_time", "get_weather"]


def whole(answer: Whole | Stream) -> Any:
    assert isinstance(answer, Whole)
    return orjson.loads(answer.body)


def streamed(answer: Whole | Stream) -> list[Any]:
    assert isinstance(answer, Stream)
    found = SseSplitter().feed(b"".join(answer.pieces))
    return [orjson.loads(event.data) for event in found if event.data and event.data != b"[DONE]"]


def call(body: dict[str, Any], **more: Any) -> Call:
    return Call("/", body, options=Options(chunks=2), **more)


def chat(choice: Any, role: str = "user") -> str:
    tools = [{"type": "function", "function": {"name": n, "parameters": WEATHER}} for n in NAMES]
    body = {"messages": [{"role": role, "content": "hi"}], "tools": tools, "tool_choice": choice}
    message = whole(openai_chat.chat(call(body)))["choices"][0]["message"]
    last = streamed(openai_chat.chat(call(body | {"stream": True})))[-1]
    called = message.get("tool_calls")
    assert last["choices"][0]["finish_reason"] == ("tool_calls" if called else "stop")
    return str(called[0]["function"]["name"]) if called else ""


def responses(choice: Any, kind: str = "message") -> str:
    tools = [{"type": "function", "name": name, "parameters": WEATHER} for name in NAMES]
    given = [{"type": kind, "role": "user", "content": "hi", "output": "hi"}]
    body = {"input": given, "tools": tools, "tool_choice": choice}
    item = whole(openai_responses.responses(call(body)))["output"][0]
    events = streamed(openai_responses.responses(call(body | {"stream": True})))
    assert events[-1]["response"]["output"][0].get("name") == item.get("name")
    return str(item.get("name", ""))


def messages(choice: Any, kind: str = "text") -> str:
    tools = [{"name": name, "input_schema": WEATHER} for name in NAMES]
    content = [{"type": kind, "text": "hi", "content": "hi"}]
    body = {"messages": [{"role": "user", "content": content}], "tools": tools}
    body["tool_choice"] = choice
    block = whole(anthropic.messages(call(body)))["content"][0]
    start = streamed(anthropic.messages(call(body | {"stream": True})))[1]["content_block"]
    assert start.get("name") == block.get("name")
    return str(block.get("name", ""))


def generate(choice: Any, part: Any = None) -> str:
    declared = [{"name": name, "parameters": WEATHER} for name in NAMES]
    body = {
        "contents": [{"role": "user", "parts": [part or {"text": "hi"}]}],
        "tools": [{"functionDeclarations": declared}],
        "toolConfig": choice,
    }
    asked = call(body, params={"target": "g:generateContent"}, query={"alt": "sse"})
    part = whole(gemini.generate(asked))["candidates"][0]["content"]["parts"][0]
    first = streamed(gemini.stream_generate(asked))[0]
    assert ("functionCall" in first["candidates"][0]["content"]["parts"][0]) == (
        "functionCall" in part
    )
    return str(part.get("functionCall", {}).get("name", ""))


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", ""),
        ("none", ""),
        ("required", "get_time"),
        ({"type": "function", "function": {"name": "get_weather"}}, "get_weather"),
    ],
)
def test_chat_completions(choice: Any, called: str) -> None:
    assert chat(choice) == called
    assert chat(choice, role="tool") == ""


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", ""),
        ("none", ""),
        ("required", "get_time"),
        ({"type": "function", "name": "get_weather"}, "get_weather"),
    ],
)
def test_responses(choice: Any, called: str) -> None:
    assert responses(choice) == called
    assert responses(choice, kind="function_call_output") == ""


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (None, ""),
        ({"type": "auto"}, ""),
        ({"type": "none"}, ""),
        ({"type": "any"}, "get_time"),
        ({"type": "tool", "name": "get_weather"}, "get_weather"),
    ],
)
def test_messages(choice: Any, called: str) -> None:
    assert messages(choice) == called
    assert messages(choice, kind="tool_result") == ""


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (None, ""),
        ({"functionCallingConfig": {"mode": "AUTO"}}, ""),
        ({"functionCallingConfig": {"mode": "NONE"}}, ""),
        ({"functionCallingConfig": {"mode": "ANY"}}, "get_time"),
        (
            {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}},
            "get_weather",
        ),
    ],
)
def test_generate_content(choice: Any, called: str) -> None:
    result = {"functionResponse": {"name": "get_time", "response": {"time": "noon"}}}

    assert generate(choice) == called
    assert generate(choice, part=result) == ""
