"""SDKs read answers that a plugin edits and holds back, whole and streamed, without noticing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import anthropic
import pytest
from google import genai
from openai import OpenAI

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.masker_plugin import installed, policy
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS

SECRET = "alice@example.com"
SAID = f"It is {SECRET}, and {SECRET[:-1]}"
WANTED = SAID.replace(SECRET, "[masked]")
HEADERS = {"x-demo-reply-text": quote(SAID), "x-demo-chunks": "13"}
MESSAGES: Any = [{"role": "user", "content": f"I am {SECRET}"}]
SCHEMA = {"type": "object", "properties": {"to": {"type": "string", "const": SECRET}}}


@pytest.fixture(scope="module")
def gateway(
    demo_server: DemoServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    environment = installed(tmp_path_factory.mktemp("masker"))
    upstreams = dict.fromkeys(PROVIDERS, demo_server.url)
    with running_gateway(
        policies=policy(SECRET, requests=False), upstreams=upstreams, environment=environment
    ) as gateway:
        yield gateway


@pytest.fixture
def demo_headers() -> dict[str, str]:
    """What every client asks of the simulated provider."""
    return HEADERS


def test_openai_chat(openai_client: OpenAI) -> None:
    create = openai_client.chat.completions.create
    stream = create(model="m", messages=MESSAGES, stream=True)
    texts = [c.delta.content or "" for chunk in stream for c in chunk.choices]

    assert "".join(texts) == WANTED
    assert create(model="m", messages=MESSAGES).choices[0].message.content == WANTED


def test_openai_chat_calls_a_tool(openai_client: OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "send", "parameters": SCHEMA}}
    stream = openai_client.chat.completions.create(
        model="m", messages=MESSAGES, tools=[tool], tool_choice="required", stream=True
    )
    arguments = [
        call.function.arguments or ""
        for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or []
        if call.function
    ]

    assert "".join(arguments) == '{"to":"[masked]"}'


def test_openai_responses(openai_client: OpenAI) -> None:
    with openai_client.responses.stream(model="m", input=f"I am {SECRET}") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert "".join(texts) == WANTED
    assert final.output_text == WANTED


def test_anthropic_messages(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(model="m", max_tokens=100, messages=MESSAGES) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text == WANTED
    assert [block.text for block in final.content if block.type == "text"] == [WANTED]


def test_anthropic_calls_a_tool(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="m",
        max_tokens=100,
        messages=MESSAGES,
        tools=[{"name": "send", "input_schema": SCHEMA}],
        tool_choice={"type": "any"},
    ) as stream:
        final = stream.get_final_message()

    assert [b.input for b in final.content if b.type == "tool_use"] == [{"to": "[masked]"}]


def test_gemini(gemini_client: genai.Client) -> None:
    parts = gemini_client.models.generate_content_stream(model="m", contents=f"I am {SECRET}")

    assert "".join(part.text or "" for part in parts) == WANTED
