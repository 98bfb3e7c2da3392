"""Ollama's methods."""

from __future__ import annotations

import orjson

from gateway.providers.ndjson import NdjsonSplitter
from tests.unit.demo.asking import HELLO, SAID, WEATHER, DemoClient, answer, post


async def test_ollama_streams_lines_unless_told_otherwise(client: DemoClient) -> None:
    _, raw = await post(client, "/api/chat", {"model": "m", "messages": HELLO})
    whole = await answer(client, "/api/chat", {"model": "m", "messages": HELLO, "stream": False})

    lines = [orjson.loads(line.data or b"") for line in NdjsonSplitter().feed(raw)]
    assert "".join(line["message"]["content"] for line in lines) == SAID
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert (whole["message"]["content"], whole["eval_count"]) == (SAID, 12)


async def test_ollama_generates_lists_and_embeds(client: DemoClient) -> None:
    body = {"model": "m", "prompt": "hello"}

    whole = await answer(client, "/api/generate", body | {"stream": False})
    _, raw = await post(client, "/api/generate", body)
    embedded = await answer(client, "/api/embed", {"model": "m", "input": "a"})
    async with client.get("/api/tags") as response:
        tags = await response.json()

    assert whole["response"] == SAID
    lines = [orjson.loads(line.data or b"") for line in NdjsonSplitter().feed(raw)]
    assert "".join(line["response"] for line in lines) == SAID
    assert len(embedded["embeddings"]) == 1
    assert [model["name"] for model in tags["models"]] == ["demo-1", "demo-2"]


async def test_ollama_calls_a_tool(client: DemoClient) -> None:
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    body = {"messages": [{"role": "user", "content": "get_weather"}], "tools": tools}

    whole = await answer(client, "/api/chat", body | {"stream": False})

    (call,) = whole["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": {"city": "demo"}}
