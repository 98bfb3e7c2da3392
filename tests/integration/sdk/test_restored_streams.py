"""SDKs read answers in which placeholders became values again, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from google import genai
from openai import OpenAI

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import PROVIDERS
from tests.integration.tokenising import policy

VALUE = "jane.doe@acme.test"
HEADERS = {"x-demo-chunks": "17"}
SAID = f"Write to {VALUE}, twice: {VALUE}"
MESSAGES: Any = [{"role": "user", "content": SAID}]
SCHEMA = {"type": "object", "properties": {"to": {"type": "string", "const": VALUE}}}


@pytest.fixture(scope="module", params=["tagged", "lookalike"])
def gateway(
    request: pytest.FixtureRequest,
    demo_server: DemoServer,
) -> Iterator[GatewayProcess]:
    """The provider repeats what it was told, and calls tools with what their schema says."""
    upstreams = dict.fromkeys(PROVIDERS, demo_server.url)
    text = policy(f"{{style: {request.param}}}")
    with running_gateway(policies=text, upstreams=upstreams) as gateway:
        yield gateway


@pytest.fixture
def demo_headers() -> dict[str, str]:
    """What every client asks of the simulated provider."""
    return HEADERS


def test_openai_chat(openai_client: OpenAI) -> None:
    create = openai_client.chat.completions.create
    stream = create(model="m", messages=MESSAGES, stream=True)
    texts = [c.delta.content or "" for chunk in stream for c in chunk.choices]

    assert "".join(texts).endswith(SAID)
    assert str(create(model="m", messages=MESSAGES).choices[0].message.content).endswith(SAID)


@pytest.mark.parametrize("stream", [False, True])
def test_openai_chat_calls_a_tool(openai_client: OpenAI, stream: bool) -> None:
    tool: Any = {"type": "function", "function": {"name": "send", "parameters": SCHEMA}}
    create = openai_client.chat.completions.create
    arguments: list[str] = []
    if stream:
        for chunk in create(
            model="m", messages=MESSAGES, tools=[tool], tool_choice="required", stream=True
        ):
            arguments += [
                call.function.arguments or ""
                for choice in chunk.choices
                for call in choice.delta.tool_calls or []
                if call.function
            ]
    else:
        whole: Any = create(model="m", messages=MESSAGES, tools=[tool], tool_choice="required")
        arguments = [call.function.arguments for call in whole.choices[0].message.tool_calls]

    assert "".join(arguments) == f'{{"to":"{VALUE}"}}'


def test_openai_responses(openai_client: OpenAI) -> None:
    with openai_client.responses.stream(model="m", input=SAID) as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert "".join(texts).endswith(SAID)
    assert final.output_text.endswith(SAID)


def test_anthropic_messages(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(model="m", max_tokens=100, messages=MESSAGES) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text.endswith(SAID)
    assert [block.text for block in final.content if block.type == "text"] == [text]


def test_anthropic_calls_a_tool(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="m",
        max_tokens=100,
        messages=MESSAGES,
        tools=[{"name": "send", "input_schema": SCHEMA}],
        tool_choice={"type": "any"},
    ) as stream:
        final = stream.get_final_message()

    assert [b.input for b in final.content if b.type == "tool_use"] == [{"to": VALUE}]


def test_gemini(gemini_client: genai.Client) -> None:
    parts = gemini_client.models.generate_content_stream(model="m", contents=SAID)

    assert "".join(part.text or "" for part in parts).endswith(SAID)
