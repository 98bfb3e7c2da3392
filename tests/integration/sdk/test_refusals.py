"""What the SDKs make of a refusal: their ordinary exception, readable, and tried once or again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types

from gateway.settings import Dialect
from tests.integration.sdk import node
from tests.integration.sdk.refusing_server import (
    CODE,
    MESSAGE,
    REQUEST_ID,
    Refusal,
    RefusingServer,
)

TEXT = f"{MESSAGE} [{CODE}, request {REQUEST_ID}]"
MESSAGES: Any = [{"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def server() -> Iterator[RefusingServer]:
    server = RefusingServer()
    yield server
    server.close()


@pytest.fixture
def refuse(server: RefusingServer) -> Callable[..., RefusingServer]:
    def prepare(**refusal: Any) -> RefusingServer:
        server.refusal = Refusal(**refusal)
        server.asked = 0
        return server

    return prepare


def ask_openai(server: RefusingServer, *, stream: bool = False, max_retries: int = 2) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=max_retries) as client:
        answer = client.chat.completions.create(model="m", messages=MESSAGES, stream=stream)
        list(answer)


def ask_openai_responses(server: RefusingServer) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
        list(client.responses.create(model="m", input="x", stream=True))


def ask_anthropic(server: RefusingServer, *, stream: bool = False, max_retries: int = 2) -> None:
    with anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=max_retries) as client:
        answer = client.messages.create(
            model="claude-test", max_tokens=9, messages=MESSAGES, stream=stream
        )
        list(answer)


def ask_google(server: RefusingServer, *, stream: bool = False) -> None:
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
    try:
        if stream:
            list(client.models.generate_content_stream(model="m", contents="x"))
        else:
            client.models.generate_content(model="m", contents="x")
    finally:
        client.close()


Prepare = Callable[..., RefusingServer]


class TestOpenAi:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, openai.BadRequestError),
            (403, openai.PermissionDeniedError),
            (429, openai.RateLimitError),
            (503, openai.InternalServerError),
        ],
    )
    def test_a_refusal_is_shown_at_once_with_message_code_and_request_id(
        self, refuse: Prepare, status: int, error: type[openai.APIStatusError], *, stream: bool
    ) -> None:
        server = refuse(status=status)

        with pytest.raises(error) as raised:
            ask_openai(server, stream=stream)

        assert TEXT in str(raised.value)
        assert (raised.value.code, raised.value.request_id) == (CODE, REQUEST_ID)
        assert server.asked == 1

    def test_what_may_work_in_a_moment_is_tried_again(self, refuse: Prepare) -> None:
        server = refuse(status=503, retry=True)

        with pytest.raises(openai.InternalServerError):
            ask_openai(server, max_retries=1)

        assert server.asked == 2

    def test_an_error_in_a_stream_raises(self, refuse: Prepare) -> None:
        server = refuse(before=b'data: {"id":"c","choices":[]}\n\n')

        with pytest.raises(openai.APIError, match="broke its answer off") as raised:
            ask_openai(server, stream=True)

        assert raised.value.code == "upstream_truncated"

    def test_an_error_in_a_stream_of_the_responses_api_raises(self, refuse: Prepare) -> None:
        server = refuse(before=b'data: {"type":"response.in_progress"}\n\n')

        with pytest.raises(openai.APIError, match="broke its answer off"):
            ask_openai_responses(server)


class TestAnthropic:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, anthropic.BadRequestError),
            (403, anthropic.PermissionDeniedError),
            (429, anthropic.RateLimitError),
            (503, anthropic.InternalServerError),
        ],
    )
    def test_a_refusal_is_shown_at_once_with_message_code_and_request_id(
        self, refuse: Prepare, status: int, error: type[anthropic.APIStatusError], *, stream: bool
    ) -> None:
        server = refuse(status=status)

        with pytest.raises(error) as raised:
            ask_anthropic(server, stream=stream)

        assert TEXT in str(raised.value)
        assert raised.value.request_id == REQUEST_ID
        assert server.asked == 1

    def test_what_may_work_in_a_moment_is_tried_again(self, refuse: Prepare) -> None:
        server = refuse(status=503, retry=True)

        with pytest.raises(anthropic.InternalServerError):
            ask_anthropic(server, max_retries=1)

        assert server.asked == 2

    def test_a_wait_of_a_day_is_not_slept_through(self, refuse: Prepare) -> None:
        server = refuse(status=429, retry_after_s=86_400)

        with pytest.raises(anthropic.RateLimitError) as raised:
            ask_anthropic(server)

        assert "retry-after" not in raised.value.response.headers
        assert server.asked == 1

    def test_an_error_in_a_stream_raises(self, refuse: Prepare) -> None:
        server = refuse(before=b'event: ping\ndata: {"type":"ping"}\n\n')

        with pytest.raises(anthropic.APIStatusError, match="broke its answer off"):
            ask_anthropic(server, stream=True)


class TestGoogle:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize(
        ("status", "word"),
        [(400, "INVALID_ARGUMENT"), (403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED")],
    )
    def test_a_refusal_is_shown_at_once_with_message_code_and_request_id(
        self, refuse: Prepare, status: int, word: str, *, stream: bool
    ) -> None:
        server = refuse(status=status)

        with pytest.raises(google_errors.ClientError) as raised:
            ask_google(server, stream=stream)

        error = raised.value
        assert (error.code, error.status, error.message) == (status, word, TEXT)
        assert server.asked == 1

    def test_a_failure_of_the_provider_is_a_server_error(self, refuse: Prepare) -> None:
        server = refuse(status=503, retry=True)

        with pytest.raises(google_errors.ServerError, match=CODE):
            ask_google(server)

        assert server.asked == 1

    def test_an_error_in_a_stream_raises(self, refuse: Prepare) -> None:
        server = refuse(before=b'data: {"candidates":[]}\r\n\r\n')

        with pytest.raises(google_errors.ServerError, match="broke its answer off") as raised:
            ask_google(server, stream=True)

        assert raised.value.code == 502


class TestUnknownDialect:
    """A route whose provider nobody named: one body that each SDK reads in its own place."""

    def test_openai(self, refuse: Prepare) -> None:
        with pytest.raises(openai.BadRequestError) as raised:
            ask_openai(refuse(dialect=Dialect.UNKNOWN))

        assert TEXT in str(raised.value)

    def test_anthropic(self, refuse: Prepare) -> None:
        with pytest.raises(anthropic.BadRequestError) as raised:
            ask_anthropic(refuse(dialect=Dialect.UNKNOWN))

        assert TEXT in str(raised.value)

    def test_google(self, refuse: Prepare) -> None:
        with pytest.raises(google_errors.ClientError) as raised:
            ask_google(refuse(dialect=Dialect.UNKNOWN))

        assert raised.value.message == TEXT


class TestNode:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        if reason := node.missing():
            pytest.skip(reason)

    @pytest.mark.parametrize("sdk", ["openai", "anthropic"])
    @pytest.mark.parametrize(
        ("status", "name"),
        [(400, "BadRequestError"), (403, "PermissionDeniedError"), (429, "RateLimitError")],
    )
    def test_a_refusal_is_shown_at_once_with_message_and_request_id(
        self, refuse: Prepare, sdk: str, status: int, name: str
    ) -> None:
        server = refuse(status=status)

        seen = node.run_script("refused.mjs", sdk=sdk, url=server.url)

        assert (seen["name"], seen["status"], seen["requestId"]) == (name, status, REQUEST_ID)
        assert TEXT in seen["message"]
        assert server.asked == 1

    @pytest.mark.parametrize("sdk", ["openai", "anthropic"])
    def test_an_error_in_a_stream_raises(self, refuse: Prepare, sdk: str) -> None:
        server = refuse(before=b": begun\n\n")

        seen = node.run_script("refused.mjs", sdk=sdk, url=server.url, stream="yes")

        assert "broke its answer off" in seen["message"]
