"""What is reserved before a request is sent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.plugin import Exchange
from gateway.plugin.testing import make_exchange
from gateway_plugins.rate_limit.estimate import bytes_of, is_streamed, tokens_of


def exchange(body: Any, target: str = "/v1/chat/completions") -> Exchange:
    return make_exchange(
        target=target, body=body if isinstance(body, bytes) else orjson.dumps(body)
    )


@pytest.mark.parametrize(
    ("body", "output"), [({"max_tokens": 100}, 100), ({"max_tokens": 9999}, 500), ({}, 500)]
)
def test_tokens_are_the_prompt_and_the_longest_answer_allowed(body: Any, output: int) -> None:
    x = exchange(body)
    assert x.request.body is not None

    assert tokens_of(x, 500) == -(-len(x.request.body) // 4) + output


def test_only_models_use_tokens() -> None:
    assert tokens_of(make_exchange("GET", "/v1/models"), 500) is None
    assert tokens_of(exchange(b"a file", "/v1/files"), 500) == 0


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ({"content-length": "1700"}, 1700),
        ({"content-length": "0"}, 1),
        ({}, 1),
        ({"content-length": "-5"}, 1),
        ({"transfer-encoding": "chunked"}, 1),
    ],
)
def test_bytes_are_what_the_head_announces(headers: dict[str, str], size: int) -> None:
    assert bytes_of(make_exchange(headers=headers)) == size


def test_bytes_of_a_held_body_are_its_own() -> None:
    x = exchange(b"12345")
    x.request.headers.set("content-length", "99")

    assert bytes_of(x) == 5


@pytest.mark.parametrize(
    ("target", "body", "streamed"),
    [
        ("/v1/chat/completions", {"stream": True}, True),
        ("/v1/chat/completions", {"stream": False}, False),
        ("/v1/chat/completions", {"stream": "true"}, True),
        ("/v1/chat/completions", {}, False),
        ("/v1beta/models/gemini:streamGenerateContent", {}, True),
        ("/v1beta/models/gemini:generateContent", {}, False),
        ("/model/claude/converse-stream", {}, True),
        ("/model/claude/invoke-with-response-stream", {}, True),
        ("/model/claude/converse", {}, False),
        ("/api/chat", {}, True),
        ("/api/generate", {"stream": False}, False),
        ("/v1/audio/transcriptions", b"--form", True),
        ("/v1/models", b"", False),
    ],
)
def test_streams_are_known_by_path_and_body(target: str, body: Any, *, streamed: bool) -> None:
    assert is_streamed(exchange(body, target)) is streamed
