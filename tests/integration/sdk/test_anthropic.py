"""Anthropic's Python SDK, unchanged but for its base URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic

from tests.integration.sdk.endpoints import (
    CALL_TOOL,
    DEMO_HEADERS,
    HELLO,
    TEXT,
    WEATHER_SCHEMA,
    Endpoint,
)

CALL: Any = {
    "model": "claude-test",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": HELLO}],
}
TOOL_CALL: Any = CALL | {
    "messages": [{"role": "user", "content": CALL_TOOL}],
    "tools": [{"name": "get_weather", "input_schema": WEATHER_SCHEMA}],
}


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Anthropic]:
    headers = DEMO_HEADERS
    with Anthropic(base_url=endpoint.anthropic, api_key="k", default_headers=headers) as client:
        yield client


@pytest.fixture
async def async_client(endpoint: Endpoint) -> AsyncIterator[AsyncAnthropic]:
    headers = DEMO_HEADERS
    async with AsyncAnthropic(
        base_url=endpoint.anthropic, api_key="k", default_headers=headers
    ) as client:
        yield client


def test_a_message(client: Anthropic) -> None:
    message = client.messages.create(**CALL)

    assert [block.text for block in message.content if block.type == "text"] == [TEXT]
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens >= 0


def test_a_streamed_message(client: Anthropic) -> None:
    with client.messages.stream(**CALL) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()

    assert "".join(pieces) == TEXT
    assert len(pieces) > 2
    assert message.stop_reason == "end_turn"


async def test_the_asynchronous_client_streams(async_client: AsyncAnthropic) -> None:
    async with async_client.messages.stream(**CALL) as stream:
        pieces = [piece async for piece in stream.text_stream]

    assert "".join(pieces) == TEXT


async def test_the_asynchronous_client(async_client: AsyncAnthropic) -> None:
    message = await async_client.messages.create(**CALL)

    assert message.role == "assistant"


def test_a_tool_call(client: Anthropic) -> None:
    message = client.messages.create(**TOOL_CALL)

    (block,) = [block for block in message.content if block.type == "tool_use"]
    assert (block.name, block.input) == ("get_weather", {"city": "demo"})
    assert message.stop_reason == "tool_use"


def test_a_streamed_tool_call(client: Anthropic) -> None:
    with client.messages.stream(**TOOL_CALL) as stream:
        deltas = [event for event in stream if event.type == "input_json"]
        message = stream.get_final_message()

    (block,) = [block for block in message.content if block.type == "tool_use"]
    assert block.input == {"city": "demo"}
    assert len(deltas) > 1


def test_tokens_are_counted(demo_endpoint: Endpoint) -> None:
    with Anthropic(base_url=demo_endpoint.anthropic, api_key="k") as client:
        counted = client.messages.count_tokens(model=CALL["model"], messages=CALL["messages"])

    assert counted.input_tokens > 0


def test_models(demo_endpoint: Endpoint) -> None:
    """`/v1/models` is OpenAI's and Anthropic's path: the header tells them apart."""
    with Anthropic(base_url=demo_endpoint.anthropic, api_key="k") as client:
        models = list(client.models.list())

    assert [model.type for model in models] == ["model", "model"]
