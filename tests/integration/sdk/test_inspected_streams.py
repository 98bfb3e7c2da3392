"""Every official SDK reads streams that are redacted, restored or blocked, and stumbles over none.

The provider sends its recorded streams, with a text and the arguments of a call in small deltas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import anthropic
import boto3
import ollama
import openai
import orjson
import pytest
from botocore.config import Config
from botocore.exceptions import EventStreamError
from google import genai
from google.genai import errors as google_errors
from google.genai import types

from tests.conformance.dialects import DIALECTS
from tests.conformance.upstream import Upstream, running_upstream
from tests.hostile.gateway import config
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.redaction_kit import EMAIL, pieces_of

ASKED = f"Write to {EMAIL}."
TOLD = "I write to {}, and to {} again."
SPOKEN = {spoken.name: spoken for spoken in DIALECTS}
POLICIES = {
    "redact": "dlp: {action: redact, directions: [response]}",
    "restore": "dlp: {action: tokenize, classes: [email]}",
    "block": "dlp: {action: block, directions: [response]}",
}


class Got:
    """What a client put together, also of a stream that ends with an error."""

    def __init__(self) -> None:
        self.text = ""
        self.arguments = ""


Read = Callable[[str, Got], None]
MESSAGES: Any = [{"role": "user", "content": ASKED}]
BLOCKS: Any = [{"role": "user", "content": [{"text": ASKED}]}]


def openai_chat(url: str, got: Got) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        for chunk in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            for choice in chunk.choices:
                got.text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    got.arguments += (call.function and call.function.arguments) or ""


def openai_responses(url: str, got: Got) -> None:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.responses.stream(model="m", input=ASKED) as stream,
    ):
        for event in stream:
            if event.type == "response.output_text.delta":
                got.text += event.delta
            elif event.type == "response.function_call_arguments.delta":
                got.arguments += event.delta
        assert stream.get_final_response().output_text == got.text


def anthropic_messages(url: str, got: Got) -> None:
    with (
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream,
    ):
        for text in stream.text_stream:
            got.text += text
        for block in stream.get_final_message().content:
            if block.type == "tool_use":
                got.arguments += orjson.dumps(block.input).decode()


def gemini(url: str, got: Got) -> None:
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    with closing(client):
        for chunk in client.models.generate_content_stream(model="m", contents=ASKED):
            for candidate in chunk.candidates or []:
                for part in (candidate.content and candidate.content.parts) or []:
                    got.text += part.text or ""
                    if part.function_call:
                        got.arguments += str((part.function_call.args or {})["a"])


def bedrock(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="nobody's",  # an example, which nobody checks
        config=Config(retries={"total_max_attempts": 1}),
    )


def bedrock_converse(url: str, got: Got) -> None:
    with closing(bedrock(url)) as client:
        answer = client.converse_stream(modelId="m", messages=BLOCKS)
        with closing(answer["stream"]) as stream:
            for event in stream:
                delta = event.get("contentBlockDelta", {}).get("delta", {})
                got.text += delta.get("text", "")
                got.arguments += delta.get("toolUse", {}).get("input", "")


def bedrock_invoke(url: str, got: Got) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": MESSAGES}
    with closing(bedrock(url)) as client:
        answer = client.invoke_model_with_response_stream(modelId="m", body=orjson.dumps(body))
        with closing(answer["body"]) as stream:
            for event in stream:
                delta = orjson.loads(event["chunk"]["bytes"]).get("delta", {})
                got.text += delta.get("text", "")
                got.arguments += delta.get("partial_json", "")


def ollama_chat(url: str, got: Got) -> None:
    with ollama.Client(host=url) as client:
        for part in client.chat(model="m", messages=MESSAGES, stream=True):
            got.text += part.message.content or ""
            for call in part.message.tool_calls or []:
                got.arguments += str(call.function.arguments["a"])


@dataclass(frozen=True)
class Sdk:
    """A client, the recording that it reads, and what it raises where a policy ends a stream."""

    recording: str
    read: Read
    raises: type[Exception]


SDKS = [
    Sdk("openai_chat", openai_chat, openai.APIError),
    Sdk("openai_responses", openai_responses, openai.APIError),
    Sdk("anthropic", anthropic_messages, anthropic.APIError),
    Sdk("gemini", gemini, google_errors.APIError),
    Sdk("bedrock_converse", bedrock_converse, EventStreamError),
    Sdk("bedrock_invoke", bedrock_invoke, EventStreamError),
    Sdk("ollama", ollama_chat, ollama.ResponseError),
]
EVERY_SDK = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.recording)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


def started(upstream: Upstream, name: str) -> Any:
    port = int(upstream.url.rpartition(":")[2])
    policy = f"version: 1\nname: {name}\nchain:\n  - {POLICIES[name]}\n"
    return running_gateway(config=config(port), policies=policy)


@pytest.fixture(scope="module")
def redacting(upstream: Upstream) -> Iterator[GatewayProcess]:
    with started(upstream, "redact") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def restoring(upstream: Upstream) -> Iterator[GatewayProcess]:
    with started(upstream, "restore") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def blocking(upstream: Upstream) -> Iterator[GatewayProcess]:
    with started(upstream, "block") as gateway:
        yield gateway


def say(upstream: Upstream, sdk: Sdk, value: str, size: int) -> None:
    """What the provider streams next, in deltas of `size` characters."""
    spoken = SPOKEN[sdk.recording]
    text, call = TOLD.format(value, value), orjson.dumps({"to": value}).decode()
    stream = spoken.write(pieces_of(text, size), pieces_of(call, size))
    upstream.say(stream, spoken.content_type, streamed=True)


SIZES = pytest.mark.parametrize("size", [1, 7, 200])


@EVERY_SDK
@SIZES
def test_a_redacted_stream_is_read_to_its_end(
    redacting: GatewayProcess, upstream: Upstream, sdk: Sdk, size: int
) -> None:
    say(upstream, sdk, EMAIL, size)
    got = Got()

    sdk.read(redacting.url, got)

    assert got.text == TOLD.format("[EMAIL]", "[EMAIL]")
    assert orjson.loads(got.arguments) == {"to": "[EMAIL]"}


@EVERY_SDK
@SIZES
def test_a_restored_stream_is_read_to_its_end(
    restoring: GatewayProcess, upstream: Upstream, sdk: Sdk, size: int
) -> None:
    """What the provider was told in the place of the value comes back as the value."""
    say(upstream, sdk, "nobody", size)
    sdk.read(restoring.url, Got())
    asked = upstream.heard[-1][1].decode()
    assert EMAIL not in asked
    start = asked.index("<EMAIL_")
    say(upstream, sdk, asked[start : asked.index(">", start) + 1], size)
    got = Got()

    sdk.read(restoring.url, got)

    assert got.text == TOLD.format(EMAIL, EMAIL)
    assert orjson.loads(got.arguments) == {"to": EMAIL}


@EVERY_SDK
@SIZES
def test_a_blocked_stream_is_the_sdks_own_error(
    blocking: GatewayProcess, upstream: Upstream, sdk: Sdk, size: int
) -> None:
    """What was safe is read, nothing of the value is, and the error names the reason."""
    say(upstream, sdk, EMAIL, size)
    got = Got()

    with pytest.raises(sdk.raises) as raised:
        sdk.read(blocking.url, got)

    assert "sensitive_data" in str(vars(raised.value)) + str(raised.value)
    assert TOLD.startswith(got.text)
    assert '{"to":"'.startswith(got.arguments)
