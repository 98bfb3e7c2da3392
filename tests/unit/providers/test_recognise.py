"""Bare paths: which provider a client means that only changed its base URL."""

from __future__ import annotations

import pytest

from gateway.plugin.headers import Headers
from gateway.providers.recognise import (
    ROUTE_DIALECTS,
    model_from_path,
    recognise,
    recognise_dialect,
)
from gateway.settings import Dialect

NONE = Headers([])
ANTHROPIC = Headers([(b"Anthropic-Version", b"2023-06-01")])
GOOGLE = Headers([(b"X-Goog-Api-Key", b"k")])


@pytest.mark.parametrize(
    ("path", "query", "headers", "route"),
    [
        ("/v1/chat/completions", None, NONE, "openai"),
        ("/v1/responses", None, NONE, "openai"),
        ("/v1/models", None, NONE, "openai"),
        ("/v1/models", None, ANTHROPIC, "anthropic"),
        ("/v1/models", None, GOOGLE, "gemini"),
        ("/v1/messages", None, NONE, "anthropic"),
        ("/v1/messages", "beta=true", NONE, "anthropic"),
        ("/v1/messages/count_tokens", None, NONE, "anthropic"),
        ("/v1/messages/batches/b1/results", None, NONE, "anthropic"),
        ("/v1/files", None, ANTHROPIC, "anthropic"),
        ("/v1/models/gemini-2.5-pro:generateContent", None, NONE, "gemini"),
        ("/v1/models/g:streamGenerateContent", "alt=sse", NONE, "gemini"),
        ("/v1/models/g:countTokens", None, NONE, "gemini"),
        ("/v1/models/g:batchEmbedContents", None, NONE, "gemini"),
        ("/v1beta/models", None, NONE, "gemini"),
        ("/v1beta1/projects/p/locations/l/models/g:embedContent", None, NONE, "gemini"),
        ("/upload/v1beta/files", None, NONE, "gemini"),
        ("/openai/deployments/d/chat/completions", "api-version=1", NONE, "azure"),
        ("/openai/deployments/d/embeddings", "x=1&api-version=1", NONE, "azure"),
        ("/openai/deployments/d/chat/completions", None, NONE, None),
        ("/model/anthropic.claude-v1%3A0/converse", None, NONE, "bedrock"),
        ("/model/m/converse-stream", None, NONE, "bedrock"),
        ("/model/m/invoke-with-response-stream", None, NONE, "bedrock"),
        ("/model/m", None, NONE, None),
        ("/model/converse", None, NONE, None),
        ("/api/chat", None, NONE, "ollama"),
        ("/api/generate", None, NONE, "ollama"),
        ("/api/tags", None, NONE, "ollama"),
        ("/api/blobs/sha256:12", None, NONE, "ollama"),
        ("/api/users", None, NONE, None),
        ("/", None, NONE, None),
        ("/v1", None, NONE, None),
        ("/v2/anything", None, NONE, None),
    ],
)
def test_a_bare_path_finds_its_provider(
    path: str, query: str | None, headers: Headers, route: str | None
) -> None:
    assert recognise(path, query, headers) == route


def test_a_route_that_says_no_dialect_is_recognised_by_the_request() -> None:
    assert recognise_dialect("/v1/messages", None, NONE) is Dialect.ANTHROPIC
    assert recognise_dialect("/nothing/known", None, NONE) is Dialect.UNKNOWN


def test_every_route_that_can_be_recognised_has_a_dialect() -> None:
    assert set(ROUTE_DIALECTS) == {
        "openai", "anthropic", "gemini", "azure", "bedrock", "ollama", "vllm", "demo",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "path", "query", "model"),
    [
        (Dialect.GEMINI, "/v1beta/models/gemini-2.5-pro:generateContent", None, "gemini-2.5-pro"),
        (Dialect.GEMINI, "/v1beta/tunedModels/mine:generateContent", None, "mine"),
        (Dialect.GEMINI, "/v1beta/models/gemini-2.5-pro", None, None),
        (Dialect.GEMINI, "/v1beta/models/x:unknownVerb", None, None),
        (Dialect.GEMINI, "/v1beta/x:generateContent", None, None),
        (Dialect.AZURE, "/openai/deployments/gpt%2D5/chat/completions", None, "gpt-5"),
        (Dialect.BEDROCK, "/model/a.b-v1%3A0/invoke", None, "a.b-v1:0"),
        (Dialect.BEDROCK, "/guardrail/x", None, None),
        (Dialect.OPENAI, "/v1/chat/completions", None, None),
        (Dialect.OPENAI, "/v1/realtime", "model=gpt-realtime%2D2&x=1", "gpt-realtime-2"),
        (Dialect.OPENAI, "/v1/models", "my_model=", None),
        (Dialect.OLLAMA, "/api/chat", None, None),
        (Dialect.UNKNOWN, "/v1/models/g:countTokens", None, "g"),
        (Dialect.UNKNOWN, "/x/deployments/d/chat", None, "d"),
        (Dialect.UNKNOWN, "/model/m/converse", None, "m"),
        (Dialect.UNKNOWN, "/v1/realtime", "model=r", "r"),
        (Dialect.UNKNOWN, "/v1/chat/completions", None, None),
    ],
)
def test_the_model_of_a_path_is_read_as_people_write_it(
    dialect: Dialect, path: str, query: str | None, model: str | None
) -> None:
    assert model_from_path(dialect, path, query) == model
