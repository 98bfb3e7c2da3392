"""A stream that a budget cuts, as the official SDKs read it: whole, and ended by a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from openai import OpenAI, RateLimitError

from tests.integration.gateway_process import GatewayProcess, running_gateway

LONG = "word " * 400
TOKENS = 100
POLICY = f"""
version: 1
name: cutting
chain:
  - budget:
      budgets: [{{per: "header:x-case", tokens: {TOKENS}, period: month}}]
      reserve_output_tokens: 16
      on_exhaust: cut
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=POLICY) as gateway:
        yield gateway


@pytest.fixture
def headers(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each test has a budget of its own, and the provider a long answer."""
    return {"x-case": request.node.name, "x-demo-reply-text": quote(LONG)}


@pytest.fixture
def openai(gateway: GatewayProcess, headers: dict[str, str]) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/demo/v1", api_key="k", default_headers=headers) as client:
        yield client


MESSAGES: Any = [{"role": "user", "content": "hi"}]


def words(text: str) -> int:
    """The text is the beginning of the answer, and long enough to have used the budget up."""
    assert LONG.startswith(text)
    return len(text.split())


def test_a_chat_completion(openai: OpenAI) -> None:
    chunks = list(openai.chat.completions.create(model="m", messages=MESSAGES, stream=True))

    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].choices[0].finish_reason == "length"
    assert all(chunk.usage is None for chunk in chunks)
    assert 40 < words(text) < TOKENS


def test_a_chat_completion_whose_usage_was_asked_for(openai: OpenAI) -> None:
    chunks = list(
        openai.chat.completions.create(
            model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )

    usage = chunks[-1].usage
    assert usage is not None
    assert chunks[-1].choices == []
    assert chunks[-2].choices[0].finish_reason == "length"
    assert usage.total_tokens <= TOKENS + 2


def test_the_streaming_helper_for_chat_completions(openai: OpenAI) -> None:
    with openai.chat.completions.stream(model="m", messages=MESSAGES) as stream:
        for _ in stream:
            pass
        snapshot = stream.current_completion_snapshot

    assert snapshot.choices[0].finish_reason == "length"
    assert words(snapshot.choices[0].message.content or "") > 40


def test_a_response(openai: OpenAI) -> None:
    events = list(openai.responses.create(model="m", input="hi", stream=True))

    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.status == "incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert 40 < words(last.response.output_text) < TOKENS


def test_the_streaming_helper_for_responses(openai: OpenAI) -> None:
    with openai.responses.stream(model="m", input="hi") as stream:
        kinds = [event.type for event in stream]

    assert kinds[-3:] == [
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]


def test_a_message(gateway: GatewayProcess, headers: dict[str, str]) -> None:
    url = f"{gateway.url}/demo"
    with (
        Anthropic(base_url=url, api_key="k", default_headers=headers) as client,
        client.messages.stream(model="m", max_tokens=4000, messages=MESSAGES) as stream,
    ):
        text = "".join(stream.text_stream)
        message = stream.get_final_message()

    assert message.stop_reason == "max_tokens"
    assert 40 < words(text) < TOKENS
    assert message.usage.output_tokens > 40


def test_gemini(gateway: GatewayProcess, headers: dict[str, str]) -> None:
    options = types.HttpOptions(base_url=f"{gateway.url}/demo", headers=headers)
    client = genai.Client(api_key="k", http_options=options)

    chunks = list(client.models.generate_content_stream(model="gemini-x", contents="hi"))

    candidate = chunks[-1].candidates[0] if chunks[-1].candidates else None
    assert candidate is not None
    assert candidate.finish_reason == types.FinishReason.MAX_TOKENS
    assert 40 < words("".join(chunk.text or "" for chunk in chunks)) < TOKENS
    client.close()


def test_a_spent_budget_is_a_rate_limit_that_is_not_tried_again(openai: OpenAI) -> None:
    for _ in openai.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        pass

    with pytest.raises(RateLimitError) as refused:
        openai.chat.completions.create(model="m", messages=MESSAGES, stream=True)

    response = refused.value.response
    assert response.headers["x-should-retry"] == "false"
    assert "retry-after" not in response.headers
    assert response.request.headers["x-stainless-retry-count"] == "0"
    assert refused.value.code == "budget_exhausted"
