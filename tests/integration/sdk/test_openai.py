"""OpenAI's Python SDK, unchanged but for its base URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.integration.sdk.endpoints import (
    CALL_TOOL,
    DEMO_HEADERS,
    EMBED,
    HELLO,
    TEXT,
    WEATHER_SCHEMA,
    Endpoint,
)

MODEL = "gpt-4o"
MESSAGES: Any = [{"role": "user", "content": HELLO}]
TOOL: Any = {"name": "get_weather", "parameters": WEATHER_SCHEMA}


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[OpenAI]:
    with OpenAI(base_url=endpoint.openai, api_key="k", default_headers=DEMO_HEADERS) as client:
        yield client


@pytest.fixture
async def async_client(endpoint: Endpoint) -> AsyncIterator[AsyncOpenAI]:
    headers = DEMO_HEADERS
    async with AsyncOpenAI(base_url=endpoint.openai, api_key="k", default_headers=headers) as c:
        yield c


def test_a_chat_completion(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].finish_reason == "stop"


def test_a_streamed_chat_completion_with_usage(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == TEXT
    assert len([text for text in texts if text]) > 2
    assert chunks[-1].usage is not None


async def test_the_asynchronous_client(async_client: AsyncOpenAI) -> None:
    completion = await async_client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert completion.choices[0].message.content == TEXT


async def test_the_asynchronous_client_streams(async_client: AsyncOpenAI) -> None:
    stream = await async_client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)

    texts = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
    assert "".join(texts) == TEXT


def test_a_tool_call(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": CALL_TOOL}],
        tools=[{"type": "function", "function": TOOL}],
    )

    (call,) = completion.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert orjson.loads(call.function.arguments) == {"city": "demo"}


def test_a_streamed_tool_call(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": CALL_TOOL}],
        tools=[{"type": "function", "function": TOOL}],
    ) as stream:
        pieces = [
            event.arguments_delta
            for event in stream
            if event.type == "tool_calls.function.arguments.delta"
        ]

    assert orjson.loads("".join(pieces)) == {"city": "demo"}
    assert len(pieces) > 1


def test_a_response(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input=HELLO)

    assert response.output_text == TEXT
    assert response.status == "completed"


def test_a_streamed_response(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=HELLO) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()

    assert response.output_text == TEXT
    assert kinds[0] == "response.created"
    assert kinds.count("response.output_text.delta") > 2
    assert kinds[-1] == "response.completed"


async def test_a_response_that_calls_a_tool(async_client: AsyncOpenAI) -> None:
    tool: Any = {"type": "function", "strict": False} | TOOL
    stream = await async_client.responses.create(
        model=MODEL, input=CALL_TOOL, tools=[tool], stream=True
    )

    done = [event.item async for event in stream if event.type == "response.output_item.done"]
    (call,) = [item for item in done if item.type == "function_call"]
    assert (call.name, orjson.loads(call.arguments)) == ("get_weather", {"city": "demo"})


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings(client: OpenAI, encoding: Any) -> None:
    created = client.embeddings.create(
        model="text-embedding-3-small", input=EMBED, encoding_format=encoding
    )

    (item,) = created.data
    assert len(item.embedding) > 2 or encoding == "base64"


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()]


def test_a_file_is_uploaded_and_comes_back_byte_for_byte(client: OpenAI) -> None:
    content = orjson.dumps({"text": "caf\u00e9 \u2028"}) + b"\n"
    padding = b" " * 300_000

    uploaded = client.files.create(file=("data.jsonl", content + padding), purpose="user_data")

    assert (uploaded.filename, uploaded.bytes) == ("data.jsonl", len(content + padding))
    assert client.files.content(uploaded.id).read() == content + padding
    assert client.files.delete(uploaded.id).deleted
