"""SDKs with a virtual key in the place of the provider's: it works, or raises their own exception.

The provider is the simulated one, behind a gateway that has a key for it; it records what it sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import anthropic
import openai
import orjson
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import ask as raw_ask
from tests.integration.sdk import node
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS
from tests.integration.sdk.threaded_server import ThreadedServer
from tests.integration.virtual_keys import make_key
from tests.issuer_server import Issuer
from tests.tokens import Signer, claims

PROVIDER_KEY = "sk-of-the-provider"
MESSAGES: Any = [{"role": "user", "content": "x"}]
SIGNER = Signer()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer(SIGNER)
    server = ThreadedServer(made.app)
    made.url = server.url
    yield made
    server.close()


@pytest.fixture(scope="module")
def gateway(demo_server: DemoServer, issuer: Issuer) -> Iterator[GatewayProcess]:
    auth = {"api_keys": True, "jwt": {"issuer": issuer.url, "audience": "sealgate"}}
    policy = orjson.dumps({"version": 1, "name": "keyed", "chain": [{"auth": auth}]}).decode()
    each = {"url": demo_server.url, "credentials": {"keys": "${TEST_PROVIDER_KEY}"}}
    config = orjson.dumps({"upstreams": dict.fromkeys(PROVIDERS, each)}).decode()
    environment = {"TEST_PROVIDER_KEY": PROVIDER_KEY}
    with running_gateway(config=config, policies=policy, environment=environment) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def key(gateway: GatewayProcess) -> str:
    return make_key(gateway)


def ask_openai(url: str, key: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key) as client:
        client.chat.completions.create(model="m", messages=MESSAGES)


def ask_anthropic(url: str, key: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key=key) as client:
        client.messages.create(model="claude-test", max_tokens=9, messages=MESSAGES)


def ask_anthropic_by_token(url: str, key: str) -> None:
    with anthropic.Anthropic(base_url=url, auth_token=key) as client:
        client.messages.create(model="claude-test", max_tokens=9, messages=MESSAGES)


def ask_google(url: str, key: str) -> None:
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
    try:
        client.models.generate_content(model="gemini-test", contents="x")
    finally:
        client.close()


ASKS: dict[str, tuple[Callable[[str, str], None], type[Exception]]] = {
    "openai": (ask_openai, openai.AuthenticationError),
    "anthropic": (ask_anthropic, anthropic.AuthenticationError),
    "anthropic-token": (ask_anthropic_by_token, anthropic.AuthenticationError),
    "google": (ask_google, google_errors.ClientError),
}


_MARKS = count()


def exchanges(gateway: GatewayProcess) -> int:
    """How many there were, the last being one of our own: all before it are in the log by then."""
    mark = f"/mark/{next(_MARKS)}"
    raw_ask(gateway, mark, method="GET", body=None)
    gateway.wait_for_log(lambda line: line.get("path") == mark)
    return len(gateway.exchanges)


def test_a_good_key_works_and_the_provider_sees_its_own(
    key: str, gateway: GatewayProcess, demo_server: DemoServer
) -> None:
    for ask, _ in ASKS.values():
        ask(gateway.url, key)
        seen = demo_server.seen[-1]
        values = [seen.target, *seen.headers.values()]

        assert not any(key in value for value in values)
        assert sum(PROVIDER_KEY in value for value in values) == 1


def test_a_token_works_where_a_key_would(
    gateway: GatewayProcess, issuer: Issuer, demo_server: DemoServer
) -> None:
    token = SIGNER.sign(claims(iss=issuer.url))
    for ask, _ in ASKS.values():
        ask(gateway.url, token)
        assert not any(token in value for value in demo_server.seen[-1].headers.values())


@pytest.mark.parametrize("sdk", ASKS)
def test_a_refused_key_raises_the_sdks_own_error_at_once(
    sdk: str, gateway: GatewayProcess, issuer: Issuer, demo_server: DemoServer
) -> None:
    ask, error = ASKS[sdk]
    expired = SIGNER.sign(claims(time.time() - 7200, iss=issuer.url))  # noqa: TID251  # an hour ago
    asked, before = len(demo_server.seen), exchanges(gateway)
    told = {
        "sg_" + "x" * 49: "not valid",
        "sk-proj-of-another-place": "A credential is needed",
        expired: "has expired",
    }
    for refused, said in told.items():
        with pytest.raises(error, match=said) as raised:
            ask(gateway.url, refused)
        assert refused not in str(raised.value)

    assert exchanges(gateway) - before == len(told) + 1  # the mark; nothing was tried again
    assert len(demo_server.seen) == asked


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_node(sdk: str, key: str, gateway: GatewayProcess, demo_server: DemoServer) -> None:
    if reason := node.missing():
        pytest.skip(reason)
    assert node.run_script("refused.mjs", sdk=sdk, url=gateway.url, apiKey=key)["name"] == "none"
    asked = len(demo_server.seen)
    refused = "sg_" + "x" * 49
    seen = node.run_script("refused.mjs", sdk=sdk, url=gateway.url, apiKey=refused)

    assert (seen["name"], seen["status"]) == ("AuthenticationError", 401)
    assert "The credential is not valid" in seen["message"]
    assert refused not in seen["message"]
    assert len(demo_server.seen) == asked
