"""What a request may come to, before anybody has counted."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest

from gateway.plugin import Headers
from gateway.providers.request_estimate import (
    FILE_TOKENS,
    generates,
    input_tokens,
    output_tokens,
)

PLAIN = Headers([])
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", True),
        ("/openai/v1/chat/completions/", True),
        ("/openai/deployments/x/chat/completions", True),
        ("/v1/responses", True),
        ("/v1/embeddings", True),
        ("/v1/messages", True),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", True),
        ("/v1beta/models/x:embedContent", True),
        ("/model/anthropic.claude%3A0/converse-stream", True),
        ("/model/x/invoke-with-response-stream", True),
        ("/api/chat", True),
        ("/v1/messages/count_tokens", False),
        ("/v1beta/models/x:countTokens", False),
        ("/v1/files", False),
        ("/v1/models", False),
    ],
)
def test_paths_that_make_a_model_work_are_known(path: str, expected: bool) -> None:
    assert generates("POST", path) is expected
    assert not generates("GET", path)


def test_a_prompt_is_a_quarter_of_its_bytes() -> None:
    assert [input_tokens(b"x" * size, PLAIN) for size in (0, 1, 4, 5, 4000)] == [0, 1, 1, 2, 1000]


def test_an_embedded_picture_counts_the_same_whatever_its_size() -> None:
    def asked(size: int) -> int:
        picture = "data:image/png;base64," + b64encode(b"\x89PNG" * size).decode()
        body = orjson.dumps({"text": "what is this?", "image_url": {"url": picture}})
        return input_tokens(body, PLAIN)

    assert asked(2_000) == asked(200_000)
    assert FILE_TOKENS < asked(2_000) < FILE_TOKENS + 30


def test_a_long_text_is_no_picture() -> None:
    body = orjson.dumps({"text": "word " * 10_000})

    assert input_tokens(body, PLAIN) == -(-len(body) // 4)


def test_a_compressed_prompt_counts_a_token_per_byte() -> None:
    assert input_tokens(b"x" * 100, Headers([(b"content-encoding", b"gzip")])) == 100
    assert input_tokens(b"x" * 100, Headers([(b"content-encoding", b"Identity")])) == 25


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, 1000),
        ({"max_tokens": 50}, 50),
        ({"max_completion_tokens": 50, "max_tokens": 60}, 50),
        ({"max_output_tokens": 50}, 50),
        ({"generationConfig": {"maxOutputTokens": 50}}, 50),
        ({"inferenceConfig": {"maxTokens": 50}}, 50),
        ({"options": {"num_predict": 50}}, 50),
        ({"options": {"num_predict": -1}}, 1000),
        ({"max_tokens": 128_000}, 1000),
        ({"max_tokens": 50, "n": 4}, 200),
        ({"max_tokens": 50, "n": 10**9}, 6400),
        ({"generationConfig": {"maxOutputTokens": 50, "candidateCount": 2}}, 100),
        ({"max_tokens": True, "n": "4"}, 1000),
        ([1], 1000),
        (None, 1000),
    ],
)
def test_an_answer_may_take_what_the_request_allows_up_to_a_bound(body: Any, tokens: int) -> None:
    assert output_tokens(body, CHAT, 1000) == tokens


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed", "/v1beta/models/x:embedContent"])
def test_an_embedding_writes_no_tokens(path: str) -> None:
    assert output_tokens({"max_tokens": 5}, path, 1000) == 0
