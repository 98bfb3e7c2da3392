"""Every path of every dialect asks for one operation, in whatever spelling."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.demo.app import make_app
from gateway.policy.routes import Route
from gateway.providers.operations import _VERBS, OPERATIONS, OTHER, operation_of
from gateway.providers.recognise import GEMINI_VERBS, ROUTE_DIALECTS
from gateway.settings import Dialect

NAMES = {operation.name for operation in OPERATIONS}
GOOGLE = "/v1beta/models/gemini-2.5-pro"
VERTEX = "/v1/projects/p/locations/europe-west4/publishers/anthropic/models/claude"
DEPLOYMENT = "/openai/deployments/d1"

CASES = [
    # OpenAI, and every server that speaks like it
    ("POST", "/v1/chat/completions", "chat.create"),
    ("GET", "/v1/chat/completions", "chat.read"),
    ("GET", "/v1/chat/completions/chatcmpl-1/messages", "chat.read"),
    ("DELETE", "/v1/chat/completions/chatcmpl-1", "chat.write"),
    ("POST", "/v1/completions", "completions.create"),
    ("POST", "/v1/engines/davinci/completions", "completions.create"),
    ("POST", "/v1/responses", "responses.create"),
    ("GET", "/v1/responses", "responses.create"),  # a WebSocket
    ("POST", "/v1/responses/compact", "responses.create"),
    ("POST", "/v1/responses/input_tokens", "tokens.count"),
    ("GET", "/v1/responses/resp_1", "responses.read"),
    ("GET", "/v1/responses/resp_1/input_items", "responses.read"),
    ("POST", "/v1/responses/resp_1/cancel", "responses.write"),
    ("DELETE", "/v1/responses/resp_1", "responses.write"),
    ("POST", "/v1/conversations", "conversations.write"),
    ("GET", "/v1/conversations/conv_1/items", "conversations.read"),
    ("POST", "/v1/embeddings", "embeddings.create"),
    ("POST", "/v1/moderations", "moderations.create"),
    ("GET", "/v1/models", "models.list"),
    ("HEAD", "/v1/models", "models.list"),
    ("GET", "/v1/models/ft:gpt-4:org::x", "models.list"),
    ("DELETE", "/v1/models/ft:gpt-4:org::x", "models.write"),
    ("POST", "/v1/images/generations", "images.create"),
    ("POST", "/v1/images/edits", "images.create"),
    ("POST", "/v1/audio/speech", "audio.create"),
    ("POST", "/v1/audio/transcriptions", "audio.create"),
    ("POST", "/v1/videos", "videos.create"),
    ("POST", "/v1/videos/v1/remix", "videos.create"),
    ("GET", "/v1/videos/v1/content", "videos.read"),
    ("DELETE", "/v1/videos/v1", "videos.write"),
    ("GET", "/v1/realtime", "realtime.connect"),
    ("POST", "/v1/realtime/client_secrets", "realtime.connect"),
    ("GET", "/v1/files", "files.read"),
    ("POST", "/v1/files", "files.write"),
    ("GET", "/v1/files/file-1/content", "files.read"),
    ("DELETE", "/v1/files/file-1", "files.write"),
    ("POST", "/v1/uploads/u1/parts", "files.write"),
    ("POST", "/v1/batches", "batches.write"),
    ("GET", "/v1/batches/b1", "batches.read"),
    ("POST", "/v1/assistants", "assistants.write"),
    ("POST", "/v1/threads/t1/runs", "assistants.write"),
    ("GET", "/v1/threads/t1/messages", "assistants.read"),
    ("POST", "/v1/vector_stores", "vector_stores.write"),
    ("POST", "/v1/vector_stores/v1/search", "vector_stores.read"),
    ("POST", "/v1/fine_tuning/jobs", "fine_tuning.write"),
    ("GET", "/v1/fine_tuning/jobs", "fine_tuning.read"),
    ("POST", "/v1/evals/e1/runs", "evals.write"),
    ("GET", "/v1/containers/c1/files", "containers.read"),
    ("GET", "/v1/evals/e1", "evals.read"),
    ("POST", "/v1/containers", "containers.write"),
    ("GET", "/v1/organization/users", "organization.read"),
    ("POST", "/v1/organization/admin_api_keys", "organization.write"),
    ("POST", "/v1/rerank", "moderations.create"),
    ("POST", "/v1/fim/completions", "completions.create"),
    ("POST", "/api/v1/chat/completions", "chat.create"),
    ("POST", "/openai/v1/chat/completions", "chat.create"),
    ("POST", "/v2/chat", "chat.create"),
    # Anthropic
    ("POST", "/v1/messages", "messages.create"),
    ("POST", "/v1/messages/count_tokens", "tokens.count"),
    ("POST", "/v1/messages/batches", "batches.write"),
    ("GET", "/v1/messages/batches", "batches.read"),
    ("GET", "/v1/messages/batches/b1/results", "batches.read"),
    ("POST", "/v1/messages/batches/b1/cancel", "batches.write"),
    ("POST", "/v1/complete", "completions.create"),
    ("GET", "/v1/organizations/workspaces", "organization.read"),
    ("POST", "/v1/skills", "assistants.write"),
    # Gemini and Vertex
    ("POST", f"{GOOGLE}:generateContent", "chat.create"),
    ("POST", f"{GOOGLE}:streamGenerateContent", "chat.create"),
    ("POST", "/v1/models/g:generateContent", "chat.create"),
    ("POST", "/v1beta/tunedModels/t:generateContent", "chat.create"),
    ("POST", f"{GOOGLE}:countTokens", "tokens.count"),
    ("POST", f"{GOOGLE}:embedContent", "embeddings.create"),
    ("POST", f"{GOOGLE}:batchEmbedContents", "embeddings.create"),
    ("POST", f"{GOOGLE}:batchGenerateContent", "batches.write"),
    ("POST", f"{GOOGLE}:predict", "images.create"),
    ("POST", f"{GOOGLE}:predictLongRunning", "videos.create"),
    ("POST", f"{VERTEX}:streamRawPredict", "messages.create"),
    ("GET", "/v1beta/models", "models.list"),
    ("GET", GOOGLE, "models.list"),
    ("POST", "/upload/v1beta/files", "files.write"),
    ("GET", "/v1beta/files/f1", "files.read"),
    ("GET", "/v1beta/operations/o1", "batches.read"),
    ("POST", "/v1beta/cachedContents", "caches.write"),
    ("GET", "/v1beta/cachedContents/c1", "caches.read"),
    ("GET", "/v1beta/tunedModels/t1", "fine_tuning.read"),
    ("POST", "/v1beta/corpora/c1:query", "vector_stores.read"),
    ("POST", "/v1beta/interactions", "chat.create"),
    ("GET", "/v1beta/interactions/i1", "chat.read"),
    ("POST", "/v1alpha/auth_tokens", "realtime.connect"),
    (
        "GET",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        "realtime.connect",
    ),
    ("POST", "/v1beta/openai/chat/completions", "chat.create"),
    # Azure
    ("POST", f"{DEPLOYMENT}/chat/completions", "chat.create"),
    ("POST", f"{DEPLOYMENT}/extensions/chat/completions", "chat.create"),
    ("POST", f"{DEPLOYMENT}/completions", "completions.create"),
    ("POST", f"{DEPLOYMENT}/embeddings", "embeddings.create"),
    ("POST", f"{DEPLOYMENT}/images/generations", "images.create"),
    ("POST", f"{DEPLOYMENT}/audio/transcriptions", "audio.create"),
    ("GET", "/openai/deployments", "models.list"),
    ("GET", DEPLOYMENT, "models.list"),
    ("GET", "/openai/models", "models.list"),
    ("POST", "/openai/files", "files.write"),
    ("POST", "/openai/responses", "responses.create"),
    ("GET", "/openai/realtime", "realtime.connect"),
    # Bedrock
    ("POST", "/model/anthropic.claude-v1%3A0/converse", "chat.create"),
    ("POST", "/model/m/converse-stream", "chat.create"),
    ("POST", "/model/m/invoke", "chat.create"),
    ("POST", "/model/m/invoke-with-response-stream", "chat.create"),
    ("POST", "/model/arn%3Aaws%3Abedrock%3Aus%3A1%3Aprofile%2Fp/converse", "chat.create"),
    ("POST", "/model/m/count-tokens", "tokens.count"),
    ("POST", "/guardrail/g/version/1/apply", "moderations.create"),
    ("GET", "/foundation-models", "models.list"),
    ("POST", "/async-invoke", "batches.write"),
    # Ollama
    ("POST", "/api/chat", "chat.create"),
    ("POST", "/api/generate", "completions.create"),
    ("POST", "/api/embed", "embeddings.create"),
    ("POST", "/api/embeddings", "embeddings.create"),
    ("GET", "/api/tags", "models.list"),
    ("GET", "/api/ps", "models.list"),
    ("POST", "/api/show", "models.list"),
    ("GET", "/api/version", "models.list"),
    ("POST", "/api/pull", "models.write"),
    ("DELETE", "/api/delete", "models.write"),
    ("HEAD", "/api/blobs/sha256:1", "models.write"),
    # nothing known
    ("GET", "/", OTHER),
    ("GET", "", OTHER),
    ("OPTIONS", "*", OTHER),
    ("POST", "/v1", OTHER),
    ("POST", "/v1/nothing", OTHER),
    ("POST", "/mcp", OTHER),
    ("POST", "/model/m", OTHER),
]


@pytest.mark.parametrize(("method", "path", "operation"), CASES)
def test_a_path_asks_for_one_operation(method: str, path: str, operation: str) -> None:
    assert operation_of(method, path) == operation


@pytest.mark.parametrize("prefix", ROUTE_DIALECTS)
def test_the_prefix_of_a_route_makes_no_difference(prefix: str) -> None:
    route = Route(prefix, prefix, Dialect.UNKNOWN, strip_prefix=f"/{prefix}")
    for method, path, operation in CASES:
        if path.startswith("/"):
            assert operation_of(method, route.forwarded_path(f"/{prefix}{path}")) == operation


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/",
        "/v1//files",
        "//v1/files",
        "/V1/Files",
        "/v1/%66iles",
        "/v1%2Ffiles",
        "/v1\\files",
        "/v1/files;x=1",
        "/v1/;/files",
        "/openai/v1/files",
    ],
)
def test_another_spelling_of_a_path_is_that_path(path: str) -> None:
    """A provider may be lenient; what forbids files must not hang on that."""
    assert operation_of("POST", path) == "files.write"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PURGE", "get"])
def test_every_method_that_is_not_a_read_writes(method: str) -> None:
    assert operation_of(method, "/v1/files/f") == "files.write"


def test_a_verb_counts_only_on_a_model() -> None:
    assert operation_of("DELETE", "/v1/files/f:generateContent") == "files.write"
    assert operation_of("POST", "/v1/files/f:countTokens") == "files.write"


def test_every_operation_is_in_the_table_and_asked_for_by_some_path() -> None:
    asked = {operation for _, _, operation in CASES}

    assert asked == NAMES


def test_every_verb_that_is_recognised_has_an_operation() -> None:
    assert {verb.lower() for verb in GEMINI_VERBS} <= _VERBS.keys()


def test_every_path_of_the_demo_provider_is_known() -> None:
    """The demo provider speaks every dialect: nothing of it may fall under `other`."""
    app: Any = make_app()
    paths = {r.canonical for r in app.router.resources() if r.canonical != "/{path}"}

    unknown = {p for p in paths if operation_of("POST", p) == OTHER == operation_of("GET", p)}
    assert unknown == set()
