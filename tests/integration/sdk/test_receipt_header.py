"""Each SDK sees the reference of its receipt: in whole answers, and in streams before the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from google import genai
from openai import OpenAI

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.sdk import node
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS
from tests.integration.test_receipts import HEADER, POLICY, Admin

MESSAGES: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def gateway(demo_server: DemoServer) -> Iterator[GatewayProcess]:
    upstreams = dict.fromkeys(PROVIDERS, demo_server.url)
    with running_gateway(policies=POLICY % "strict", upstreams=upstreams) as gateway:
        yield gateway


@pytest.fixture
def demo_headers() -> dict[str, str]:
    """Streams of several events."""
    return {"x-demo-chunks": "7"}


def openai_chat(client: OpenAI, *, streamed: bool) -> str:
    create = client.chat.completions.with_raw_response.create
    answer = create(model="m", messages=MESSAGES, stream=streamed)
    return read(answer, streamed=streamed)


def openai_responses(client: OpenAI, *, streamed: bool) -> str:
    create = client.responses.with_raw_response.create
    return read(create(model="m", input="hello", stream=streamed), streamed=streamed)


def read(answer: Any, *, streamed: bool) -> str:
    """The reference, read before the body is."""
    ref = answer.headers[HEADER]
    parsed = answer.parse()
    assert not streamed or list(parsed)
    return str(ref)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("call", [openai_chat, openai_responses])
def test_openai(
    gateway: GatewayProcess, openai_client: OpenAI, call: Callable[..., str], streamed: bool
) -> None:
    check(gateway, call(openai_client, streamed=streamed), "openai", streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic(
    gateway: GatewayProcess, anthropic_client: anthropic.Anthropic, streamed: bool
) -> None:
    messages = anthropic_client.messages
    if streamed:
        with messages.stream(model="m", max_tokens=50, messages=MESSAGES) as stream:
            ref = stream.response.headers[HEADER]
            assert "".join(stream.text_stream)
    else:
        create = messages.with_raw_response.create
        ref = read(create(model="m", max_tokens=50, messages=MESSAGES), streamed=False)

    check(gateway, ref, "anthropic", streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True])
def test_gemini(gateway: GatewayProcess, gemini_client: genai.Client, streamed: bool) -> None:
    models = gemini_client.models
    if streamed:
        parts = list(models.generate_content_stream(model="gemini-2.5-flash", contents="hello"))
    else:
        parts = [models.generate_content(model="gemini-2.5-flash", contents="hello")]
    refs = {
        (part.sdk_http_response.headers or {})[HEADER] for part in parts if part.sdk_http_response
    }

    assert len(refs) == 1
    check(gateway, refs.pop(), "gemini", streamed=streamed)


def test_sdks_of_node(gateway: GatewayProcess) -> None:
    if reason := node.missing():
        pytest.skip(reason)
    seen = node.run_script("receipt_header.mjs", baseURL=gateway.url, header=HEADER)

    assert len(set(seen.values())) == 4
    for name, ref in seen.items():
        provider, _, how = name.partition("_")
        check(gateway, ref, provider, streamed=how == "streamed")


def check(gateway: GatewayProcess, ref: str, provider: str, *, streamed: bool) -> None:
    """That the reference is that of the receipt of this very exchange."""
    receipt = Admin(gateway).receipt(ref)
    sealgate = receipt["metadata"]["sealgate"]
    assert sealgate["ref"] == ref
    assert receipt["interaction"]["provider"] == provider
    assert sealgate["status"] == 200
    # Some SDKs leave at `[DONE]`, which may be a moment before the upstream ends the answer.
    assert sealgate["stream"]["outcome"] == "complete"
    assert (sealgate["stream"]["events"] > 3) == streamed
