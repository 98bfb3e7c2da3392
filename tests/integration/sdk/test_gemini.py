"""Google's Python SDK (google-genai), unchanged but for its base URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.integration.sdk.endpoints import (
    ALL,
    CALL_TOOL,
    DEMO_HEADERS,
    EMBED,
    HELLO,
    SIMULATED,
    TEXT,
    WEATHER_SCHEMA,
    Endpoint,
    EndpointFinder,
)

MODEL = "gemini-2.5-flash"
TOOL: Any = {
    "function_declarations": [{"name": "get_weather", "parameters_json_schema": WEATHER_SCHEMA}]
}


# aimock knows Gemini under /v1beta only, and no method but the generating ones.
EVERYWHERE = [(name, "v1beta") for name in ALL] + [(name, "v1") for name in SIMULATED]


def make_client(endpoint: Endpoint, version: str) -> genai.Client:
    options = types.HttpOptions(
        base_url=endpoint.gemini, api_version=version, headers=dict(DEMO_HEADERS)
    )
    return genai.Client(api_key="k", http_options=options)


@pytest.fixture(params=EVERYWHERE, ids="-".join)
def client(find_endpoint: EndpointFinder, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    name, version = request.param
    client = make_client(find_endpoint(name), version)
    yield client
    client.close()


@pytest.fixture(params=["v1beta", "v1"])
def demo_client(demo_endpoint: Endpoint, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    client = make_client(demo_endpoint, request.param)
    yield client
    client.close()


def test_content_is_generated(client: genai.Client) -> None:
    answer = client.models.generate_content(model=MODEL, contents=HELLO)

    assert answer.text == TEXT
    assert answer.usage_metadata is not None


def test_content_is_streamed(client: genai.Client) -> None:
    pieces = [
        chunk.text or ""
        for chunk in client.models.generate_content_stream(model=MODEL, contents=HELLO)
    ]

    assert "".join(pieces) == TEXT
    assert len(pieces) > 2


# The SDK's own use of aiohttp.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_the_asynchronous_client_streams(client: genai.Client) -> None:
    async with client.aio as aio:
        stream = await aio.models.generate_content_stream(model=MODEL, contents=HELLO)
        pieces = [chunk.text or "" async for chunk in stream]

    assert "".join(pieces) == TEXT


# aimock ends a tool call with a finish reason that Google does not have.
@pytest.mark.filterwarnings("ignore:FUNCTION_CALL is not a valid FinishReason:UserWarning")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_call(client: genai.Client, *, stream: bool) -> None:
    models = client.models
    call: Any = models.generate_content_stream if stream else models.generate_content
    config = {"tools": [TOOL], "automatic_function_calling": {"disable": True}}

    answer = call(model=MODEL, contents=CALL_TOOL, config=config)

    answers = list(answer) if stream else [answer]
    calls = [found for each in answers for found in each.function_calls or []]
    assert [(found.name, found.args) for found in calls] == [("get_weather", {"city": "demo"})]


def test_tokens_are_counted(demo_client: genai.Client) -> None:
    assert demo_client.models.count_tokens(model=MODEL, contents=HELLO).total_tokens == 3


def test_embeddings(demo_client: genai.Client) -> None:
    answer = demo_client.models.embed_content(model="gemini-embedding-001", contents=EMBED)

    assert len((answer.embeddings or [])[0].values or []) > 2


def test_models(demo_client: genai.Client) -> None:
    """`/v1/models` is OpenAI's path as well: `x-goog-api-key` tells them apart."""
    assert [model.name for model in demo_client.models.list()] == ["models/demo-1", "models/demo-2"]
