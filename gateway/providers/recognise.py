"""Which provider a bare path belongs to, and the model that a path names.

A client that only changes its base URL sends the provider's own paths. They are told apart by path
and headers, never by the body. The order matters where two providers share `/v1`:

1. `/openai/...` with `api-version` in the query: Azure OpenAI
2. `/v1/messages...`, or an `anthropic-version` header: Anthropic
3. a `:generateContent`-like suffix, `/v1beta...`, `/v1alpha...`, or `x-goog-api-key`: Gemini
   (google-genai 3.x calls `/v1/models/X:generateContent`)
4. any other `/v1/...`: OpenAI
5. `/model/ID/converse...` and `/model/ID/invoke...`: Bedrock
6. `/api/chat`, `/api/generate`, `/api/tags`, ...: Ollama
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote

from gateway.plugin.headers import Headers
from gateway.settings import Dialect

# Looked up once: a member of an enumeration costs as much as the rest of the question.
_OPENAI, _ANTHROPIC = Dialect.OPENAI, Dialect.ANTHROPIC

ROUTE_DIALECTS: Final[dict[str, Dialect]] = {
    "openai": Dialect.OPENAI,
    "anthropic": Dialect.ANTHROPIC,
    "gemini": Dialect.GEMINI,
    "azure": Dialect.AZURE,
    "bedrock": Dialect.BEDROCK,
    "ollama": Dialect.OLLAMA,
    "vllm": Dialect.OPENAI,
    "demo": Dialect.UNKNOWN,
}
"""The built-in routes and the dialect that each speaks."""

GEMINI_VERBS: Final = frozenset(
    {
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "computeTokens",
        "embedContent",
        "batchEmbedContents",
        "batchGenerateContent",
        "asyncBatchEmbedContent",
        "generateAnswer",
        "predict",
        "predictLongRunning",
        "bidiGenerateContent",
    }
)

_GEMINI_PREFIXES: Final = ("/v1beta", "/v1alpha", "/upload/v1beta", "/upload/v1alpha")

_OLLAMA_PATHS: Final = frozenset(
    {
        "/api/blobs",
        "/api/chat",
        "/api/copy",
        "/api/create",
        "/api/delete",
        "/api/embed",
        "/api/embeddings",
        "/api/generate",
        "/api/ps",
        "/api/pull",
        "/api/push",
        "/api/show",
        "/api/tags",
        "/api/version",
    }
)


def recognise(path: str, query: str | None, headers: Headers) -> str | None:
    """The built-in route for a bare path, or None where no provider is recognised.

    `path` and `query` are as on the wire, not decoded. The answer is a key of `ROUTE_DIALECTS`.
    """
    if path.startswith("/openai/") and query is not None and _has_api_version(query):
        return "azure"
    if path.startswith("/v1/messages") or headers.first(b"anthropic-version") is not None:
        return "anthropic"
    if _is_gemini(path, headers):
        return "gemini"
    if path.startswith("/v1/"):
        return "openai"
    if path.startswith("/model/") and _is_bedrock(path):
        return "bedrock"
    if path.startswith("/api/") and _is_ollama(path):
        return "ollama"
    return None


def recognise_dialect(path: str, query: str | None, headers: Headers) -> Dialect:
    """The dialect a request speaks, for a route that does not say; `path` without route prefix."""
    route = recognise(path, query, headers)
    return Dialect.UNKNOWN if route is None else ROUTE_DIALECTS[route]


def model_from_path(dialect: Dialect, path: str, query: str | None = None) -> str | None:
    """The model that a path (or the `model` of a WebSocket's query) names, or None.

    Percent-decoded, since policies list models as people write them (a Bedrock id holds `%3A`).
    With `Dialect.UNKNOWN` each provider's form is tried.
    """
    if dialect is _OPENAI or dialect is _ANTHROPIC:
        return _query_model(query, "model")
    if dialect is Dialect.GEMINI:
        return _gemini_model(path)
    if dialect is Dialect.AZURE:
        return _segment_after(path, "/deployments/") or _query_model(query, "deployment")
    if dialect is Dialect.BEDROCK:
        return _segment_after(path, "/model/")
    if dialect is Dialect.UNKNOWN:
        return (
            _gemini_model(path)
            or _segment_after(path, "/deployments/")
            or (_segment_after(path, "/model/") if _is_bedrock(path) else None)
            or _query_model(query, "model")
        )
    return _query_model(query, "model")


def _has_api_version(query: str) -> bool:
    return query.startswith("api-version=") or "&api-version=" in query


def _is_gemini(path: str, headers: Headers) -> bool:
    if headers.first(b"x-goog-api-key") is not None or path.startswith(_GEMINI_PREFIXES):
        return True
    _, colon, verb = path.rpartition(":")
    return colon == ":" and verb in GEMINI_VERBS


def _is_bedrock(path: str) -> bool:
    verb = path[path.rfind("/") + 1 :]
    return verb.startswith(("converse", "invoke")) and path.count("/") >= 3  # noqa: PLR2004  # /model/ID/verb


def _is_ollama(path: str) -> bool:
    end = path.find("/", len("/api/"))
    return (path if end < 0 else path[:end]) in _OLLAMA_PATHS


def _gemini_model(path: str) -> str | None:
    head, colon, verb = path.rpartition(":")
    if not colon or verb not in GEMINI_VERBS:
        return None
    for marker in ("/models/", "/tunedModels/"):
        _, found, model = head.rpartition(marker)
        if found and model:
            return unquote(model)
    return None


def _segment_after(path: str, marker: str) -> str | None:
    _, found, rest = path.partition(marker)
    name = rest.partition("/")[0]
    return unquote(name) if found and name else None


def _query_model(query: str | None, key: str) -> str | None:
    if not query or f"{key}=" not in query:
        return None
    values = parse_qs(query, max_num_fields=100).get(key)
    return values[0] if values else None
