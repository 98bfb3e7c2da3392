"""A 429 makes every SDK wait as it is told, and then it succeeds; a long wait is not slept away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.sdk import node
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS

POLICY = """
version: 1
name: limited
chain:
  - rate_limit: {limits: [{per: route, requests: 1, window: %s}]}
"""
MESSAGES: Any = [{"role": "user", "content": "x"}]

Call = Callable[[str], object]


@contextmanager
def limited(provider: DemoServer, window: str) -> Iterator[GatewayProcess]:
    upstreams = dict.fromkeys(PROVIDERS, provider.url)
    with running_gateway(policies=POLICY % window, upstreams=upstreams) as gateway:
        yield gateway


def call_openai(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
        client.chat.completions.create(model="m", messages=MESSAGES)


def call_anthropic(url: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key="k") as client:
        client.messages.create(model="m", max_tokens=9, messages=MESSAGES)


def statuses(gateway: GatewayProcess, count: int) -> list[int]:
    """The first `count` exchanges, in the order of their ends."""
    gateway.wait_for_log("exchange", count=count)
    return [line["status"] for line in gateway.exchanges[:count]]


@pytest.mark.parametrize("call", [call_openai, call_anthropic])
def test_python_waits_and_succeeds(demo_server: DemoServer, call: Call) -> None:
    asked = len(demo_server.seen)
    with limited(demo_server, "3s") as gateway:
        call(gateway.url)
        call(gateway.url)

        assert statuses(gateway, 3) == [200, 429, 200]
    # The SDK says that it tries again; the gateway counts what it is sent, and no refusal.
    retries = [seen.headers["x-stainless-retry-count"] for seen in demo_server.seen[asked:]]
    assert retries == ["0", "1"]


@pytest.mark.skipif(bool(node.missing()), reason=node.missing())
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_node_waits_and_succeeds(demo_server: DemoServer, sdk: str) -> None:
    with limited(demo_server, "3s") as gateway:
        ended = node.run_script("limited.mjs", sdk=sdk, url=gateway.url, calls="2")

        assert ended == ["answered", "answered"]
        assert statuses(gateway, 3) == [200, 429, 200]


@pytest.mark.parametrize(
    ("call", "error"),
    [(call_openai, openai.RateLimitError), (call_anthropic, anthropic.RateLimitError)],
)
def test_python_is_not_put_to_sleep_for_a_day(
    demo_server: DemoServer, call: Call, error: type[openai.APIError | anthropic.APIError]
) -> None:
    with limited(demo_server, "1d") as gateway:
        call(gateway.url)

        with pytest.raises(error, match="try again in 24 hours"):
            call(gateway.url)
        assert statuses(gateway, 2) == [200, 429]


@pytest.mark.skipif(bool(node.missing()), reason=node.missing())
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_node_is_not_put_to_sleep_for_a_day(demo_server: DemoServer, sdk: str) -> None:
    with limited(demo_server, "1d") as gateway:
        ended = node.run_script("limited.mjs", sdk=sdk, url=gateway.url, calls="2")

        assert ended == ["answered", "RateLimitError"]
        assert statuses(gateway, 2) == [200, 429]
