"""The servers that the SDK tests share, and the endpoints that each test runs against.

Every test runs against the provider itself as well: where that fails, the gateway is not to blame.
"""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from google import genai
from google.genai import types
from openai import OpenAI

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.sdk import node
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import (
    ALL,
    PROVIDERS,
    SIMULATED,
    Endpoint,
    EndpointFinder,
)


@pytest.fixture(scope="session")
def demo_server() -> Iterator[DemoServer]:
    server = DemoServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def aimock_server() -> Iterator[node.AimockServer]:
    if reason := node.missing():
        pytest.skip(reason)
    server = node.AimockServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def demo_gateway(demo_server: DemoServer) -> Iterator[GatewayProcess]:
    """A gateway whose providers are all the simulated one, on a port of its own."""
    with running_gateway(upstreams=dict.fromkeys(PROVIDERS, demo_server.url)) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def aimock_gateway(aimock_server: node.AimockServer) -> Iterator[GatewayProcess]:
    with running_gateway(upstreams=dict.fromkeys(PROVIDERS, aimock_server.url)) as gateway:
        yield gateway


@pytest.fixture
def find_endpoint(request: pytest.FixtureRequest) -> EndpointFinder:
    return EndpointFinder(request)


@pytest.fixture(params=ALL)
def endpoint(request: pytest.FixtureRequest, find_endpoint: EndpointFinder) -> Endpoint:
    return find_endpoint(request.param)


@pytest.fixture(params=SIMULATED)
def demo_endpoint(request: pytest.FixtureRequest, find_endpoint: EndpointFinder) -> Endpoint:
    """For what aimock cannot do."""
    return find_endpoint(request.param)


@pytest.fixture
def openai_client(gateway: GatewayProcess, demo_headers: dict[str, str]) -> Iterator[OpenAI]:
    """A client of the `gateway` that a test module starts, with its `demo_headers`."""
    url = f"{gateway.url}/v1"
    with OpenAI(base_url=url, api_key="k", default_headers=demo_headers) as client:
        yield client


@pytest.fixture
def anthropic_client(
    gateway: GatewayProcess, demo_headers: dict[str, str]
) -> Iterator[anthropic.Anthropic]:
    """As `openai_client`."""
    url = gateway.url
    with anthropic.Anthropic(base_url=url, api_key="k", default_headers=demo_headers) as client:
        yield client


@pytest.fixture
def gemini_client(gateway: GatewayProcess, demo_headers: dict[str, str]) -> Iterator[genai.Client]:
    """As `openai_client`."""
    options = types.HttpOptions(base_url=gateway.url, headers=demo_headers)
    client = genai.Client(api_key="k", http_options=options)
    yield client
    client.close()
