"""What the SDKs raise behind a real gateway: a policy denies, a provider is away or breaks off."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS, Endpoint

POLICY = """
version: 1
name: models
chain:
  - request_limits: {models_denied: [forbidden]}
"""
DENIED = "The policy does not allow this model"
MESSAGES: Any = [{"role": "user", "content": "x"}]
NOBODY = "http://127.0.0.1:1"
"""A port where nothing listens (tcpmux; needs root to be bound)."""


@pytest.fixture(scope="module")
def gateway(demo_server: DemoServer) -> Iterator[GatewayProcess]:
    upstreams = dict.fromkeys(PROVIDERS, demo_server.url) | {"vllm": NOBODY}
    with running_gateway(policies=POLICY, upstreams=upstreams) as gateway:
        yield gateway


@pytest.fixture(params=["builtin", "bare", "prefix"])
def endpoint(gateway: GatewayProcess, request: pytest.FixtureRequest) -> Endpoint:
    if request.param == "prefix":
        return Endpoint.prefixed(gateway.url)
    return Endpoint.bare(gateway.url + ("/demo" if request.param == "builtin" else ""))


@pytest.fixture
def exchanges(gateway: GatewayProcess) -> Callable[[], list[dict[str, Any]]]:
    """The exchanges of this test so far."""
    before = _logged(gateway)
    return lambda: _logged(gateway)[len(before) : -1]


_MARKS = count()


def _logged(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """All exchanges, the last being one of our own: what came before it is in the log by then."""
    mark = f"/mark/{next(_MARKS)}"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(gateway.url + mark)
    raised.value.close()
    gateway.wait_for_log(lambda line: line.get("path") == mark)
    return gateway.exchanges


Exchanges = Callable[[], list[dict[str, Any]]]


def ask_openai(url: str, model: str, headers: Any = None, **more: Any) -> None:
    with openai.OpenAI(base_url=url, api_key="k", max_retries=1, default_headers=headers) as client:
        list(client.chat.completions.create(model=model, messages=MESSAGES, **more))


def ask_anthropic(url: str, model: str, headers: Any = None, **more: Any) -> None:
    with anthropic.Anthropic(
        base_url=url, api_key="k", max_retries=1, default_headers=headers
    ) as client:
        list(client.messages.create(model=model, max_tokens=9, messages=MESSAGES, **more))


def ask_google(url: str, model: str) -> None:
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    try:
        client.models.generate_content(model=model, contents="x")
    finally:
        client.close()


class TestDeniedByPolicy:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_openai(
        self, endpoint: Endpoint, exchanges: Exchanges, demo_server: DemoServer, *, stream: bool
    ) -> None:
        asked = len(demo_server.seen)

        with pytest.raises(openai.BadRequestError, match=DENIED) as raised:
            ask_openai(endpoint.openai, "forbidden", stream=stream)

        (line,) = exchanges()
        assert raised.value.code == "model_denied"
        assert raised.value.request_id == line["request_id"]
        assert f"[model_denied, request {line['request_id']}]" in str(raised.value)
        assert len(demo_server.seen) == asked

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_anthropic(self, endpoint: Endpoint, exchanges: Exchanges, *, stream: bool) -> None:
        with pytest.raises(anthropic.BadRequestError, match=DENIED) as raised:
            ask_anthropic(endpoint.anthropic, "forbidden", stream=stream)

        (line,) = exchanges()
        assert raised.value.request_id == line["request_id"]
        assert f"[model_denied, request {line['request_id']}]" in str(raised.value)

    def test_google(self, endpoint: Endpoint, exchanges: Exchanges) -> None:
        with pytest.raises(google_errors.ClientError, match=DENIED) as raised:
            ask_google(endpoint.gemini, "forbidden")

        (line,) = exchanges()
        assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
        assert f"[model_denied, request {line['request_id']}]" in str(raised.value.message)


class TestProviderAway:
    def test_the_client_tries_again(self, gateway: GatewayProcess, exchanges: Exchanges) -> None:
        with pytest.raises(openai.InternalServerError, match="could not be reached") as raised:
            ask_openai(f"{gateway.url}/vllm/v1", "m")

        assert (raised.value.status_code, raised.value.code) == (502, "upstream_connect_failed")
        assert len(exchanges()) == 2


class TestProviderBreaksOff:
    """A stream that just ended would be taken for a whole answer."""

    @pytest.mark.parametrize("fault", ["truncate", "reset-mid-stream"])
    def test_openai(self, endpoint: Endpoint, fault: str) -> None:
        with pytest.raises(openai.APIError, match="broke its answer off"):
            ask_openai(endpoint.openai, "m", {"x-demo-fault": fault}, stream=True)

    @pytest.mark.parametrize("fault", ["truncate", "reset-mid-stream"])
    def test_anthropic(self, endpoint: Endpoint, fault: str) -> None:
        with pytest.raises(anthropic.APIStatusError, match="broke its answer off"):
            ask_anthropic(endpoint.anthropic, "m", {"x-demo-fault": fault}, stream=True)


class TestProviderRefuses:
    """Its own errors pass as they are: the client decides as if there were no gateway."""

    def test_openai(self, endpoint: Endpoint, exchanges: Exchanges) -> None:
        with pytest.raises(openai.RateLimitError, match="This error was asked for"):
            ask_openai(endpoint.openai, "m", {"x-demo-status": "429"})

        assert [line["status"] for line in exchanges()] == [429, 429]

    def test_anthropic(self, endpoint: Endpoint, exchanges: Exchanges) -> None:
        with pytest.raises(anthropic.BadRequestError, match="This error was asked for"):
            ask_anthropic(endpoint.anthropic, "m", {"x-demo-status": "400"})

        assert [line["status"] for line in exchanges()] == [400]
