"""What a request asks of a provider: one operation out of a closed list, told by method and path.

The paths of all providers stand in one table, because they do not contradict each other and a
server may speak several dialects (vLLM answers `/v1/messages`, Gemini `/v1beta/openai/...`):

    1. the path is decoded once and cut at slashes; empty segments and `;parameters` are dropped
    2. what stands before the resource is taken off: `v1`, `v1beta`, `openai`, `api`, ...
    3. a Google verb (`models/X:generateContent`) or the next segments name the operation
    4. GET and HEAD read, every other method writes

A path that is not in the table is `other`. Other spellings of a known path count as that path, so
that no spelling slips through what is forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask for.

    `has_model` tells that such a request names a model, `generates` that its answer is text whose
    length the request may limit.
    """

    name: str
    text: str
    has_model: bool = False
    generates: bool = False


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("models.list", "List models and look at one."),
    Operation("models.write", "Pull, copy, create and delete models."),
    Operation("chat.create", "Generate an answer in a chat.", has_model=True, generates=True),
    Operation("chat.read", "Read stored chat completions and interactions."),
    Operation("chat.write", "Change and delete stored chat completions and interactions."),
    Operation("messages.create", "Generate a message (Anthropic).", has_model=True, generates=True),
    Operation("responses.create", "Generate a response (OpenAI).", has_model=True, generates=True),
    Operation("responses.read", "Read stored responses."),
    Operation("responses.write", "Cancel and delete stored responses."),
    Operation("completions.create", "Complete a text.", has_model=True, generates=True),
    Operation("tokens.count", "Count tokens.", has_model=True),
    Operation("embeddings.create", "Embed texts.", has_model=True),
    Operation("moderations.create", "Classify texts, apply guardrails, rank documents."),
    Operation("images.create", "Generate and edit images.", has_model=True),
    Operation("audio.create", "Speak, transcribe and translate.", has_model=True),
    Operation("videos.create", "Generate videos.", has_model=True),
    Operation("videos.read", "Read generated videos."),
    Operation("videos.write", "Delete generated videos."),
    Operation("realtime.connect", "Open a realtime session, or make a key for one."),
    Operation("files.read", "List and read files."),
    Operation("files.write", "Upload and delete files."),
    Operation("batches.read", "List and read batches and running operations."),
    Operation("batches.write", "Create, cancel and delete batches."),
    Operation("conversations.read", "Read stored conversations."),
    Operation("conversations.write", "Create, change and delete stored conversations."),
    Operation("assistants.read", "Read assistants, threads, agents and skills."),
    Operation("assistants.write", "Create, change, run and delete them."),
    Operation("vector_stores.read", "Read vector stores and corpora, and search them."),
    Operation("vector_stores.write", "Create, change and delete vector stores and corpora."),
    Operation("caches.read", "Read cached contents."),
    Operation("caches.write", "Create, change and delete cached contents."),
    Operation("fine_tuning.read", "Read fine-tuning jobs and tuned models."),
    Operation("fine_tuning.write", "Create, cancel and delete them."),
    Operation("evals.read", "Read evaluations."),
    Operation("evals.write", "Create, run and delete evaluations."),
    Operation("containers.read", "Read code containers."),
    Operation("containers.write", "Create and delete code containers."),
    Operation("organization.read", "Read the provider's administration: users, keys, usage."),
    Operation("organization.write", "Change the provider's administration."),
    Operation(OTHER, "Everything else."),
)
"""Every operation, in the order of the documentation."""

# Before the resource: versions, the prefixes of compatible APIs, and Google's transfer services.
_BEFORE: Final = frozenset(
    {"v1", "v1beta", "v1alpha", "v1beta1", "v2", "v3", "openai", "api", "upload", "download"}
    | {"anthropic", "compat", "inference", "ws", "extensions", "resumable"}
)
# These take the segment after them along: a deployment, an engine, a project, a location.
_BEFORE_WITH_NAME: Final = frozenset(
    {"deployments", "engines", "projects", "locations", "publishers"}
)

_VERBS: Final[dict[str, str]] = {
    "generatecontent": "chat.create",
    "streamgeneratecontent": "chat.create",
    "generateanswer": "chat.create",
    "counttokens": "tokens.count",
    "computetokens": "tokens.count",
    "embedcontent": "embeddings.create",
    "batchembedcontents": "embeddings.create",
    "asyncbatchembedcontent": "batches.write",
    "batchgeneratecontent": "batches.write",
    "predict": "images.create",
    "predictlongrunning": "videos.create",
    "bidigeneratecontent": "realtime.connect",
    "rawpredict": "messages.create",
    "streamrawpredict": "messages.create",
}
"""Google's verbs in lower case; a test holds them against `recognise.GEMINI_VERBS`."""

_WITH_VERBS: Final = frozenset({"models", "tunedmodels", "endpoints"})
"""What such a verb is asked of; elsewhere a colon is part of a name."""

_BEDROCK: Final[dict[str, str]] = {
    "converse": "chat.create",
    "converse-stream": "chat.create",
    "invoke": "chat.create",
    "invoke-with-response-stream": "chat.create",
    "invoke-with-bidirectional-stream": "realtime.connect",
    "count-tokens": "tokens.count",
}
"""The last segment after `/model/ID/`."""

_EXACT: Final[dict[str, str]] = {
    "chat": "chat.create",  # Ollama
    "chat/completions": "chat.create",
    "completions": "completions.create",
    "complete": "completions.create",
    "fim/completions": "completions.create",
    "agents/completions": "chat.create",
    "generate": "completions.create",
    "messages": "messages.create",
    "messages/count_tokens": "tokens.count",
    "responses": "responses.create",
    "responses/compact": "responses.create",
    "responses/input_tokens": "tokens.count",
    "interactions": "chat.create",
    "embeddings": "embeddings.create",
    "embed": "embeddings.create",
    "moderations": "moderations.create",
    "rerank": "moderations.create",
    "score": "moderations.create",
    "tokenize": "tokens.count",
    "detokenize": "tokens.count",
    "videos": "videos.create",
    "auth_tokens": "realtime.connect",
}
"""Paths of a POST that is neither a read nor a change of something stored."""

_WHOLE: Final[dict[str, str]] = {
    "images": "images.create",
    "audio": "audio.create",
    "realtime": "realtime.connect",
}
"""Resources of which everything is one operation, whatever the method."""

_STORED: Final[dict[str, str]] = {
    "chat": "chat",
    "interactions": "chat",
    "responses": "responses",
    "videos": "videos",
    "files": "files",
    "uploads": "files",
    "batches": "batches",
    "operations": "batches",
    "async-invoke": "batches",
    "model-invocation-jobs": "batches",
    "model-invocation-job": "batches",
    "conversations": "conversations",
    "assistants": "assistants",
    "threads": "assistants",
    "agents": "assistants",
    "sessions": "assistants",
    "skills": "assistants",
    "vector_stores": "vector_stores",
    "corpora": "vector_stores",
    "filesearchstores": "vector_stores",
    "cachedcontents": "caches",
    "fine_tuning": "fine_tuning",
    "fine-tunes": "fine_tuning",
    "tunedmodels": "fine_tuning",
    "evals": "evals",
    "containers": "containers",
    "organization": "organization",
    "organizations": "organization",
}
"""Resources that are read (`.read`) and changed (`.write`)."""

_MODEL_LISTS: Final = frozenset(
    {"models", "tags", "ps", "version", "foundation-models", "inference-profiles", "deployments"}
    | {"engines", "show"}
)
_OLLAMA_CHANGES: Final = frozenset({"pull", "push", "create", "copy", "delete", "blobs"})


def operation_of(method: str, path: str) -> str:
    """The operation that `method` on `path` asks for, a name of `OPERATIONS`.

    `path` is the one that is forwarded: without the prefix of the route and without the query.
    """
    reads = method in {"GET", "HEAD"}
    segments = _segments(path)
    if not segments:
        return OTHER
    operation = _of_verb(segments) or _of_bedrock(segments)
    if operation is not None:
        return operation
    rest = _resource(segments)
    return _of_resource(rest, reads=reads) if rest else OTHER


def _segments(path: str) -> list[str]:
    """The segments as a lenient server reads them: decoded, small letters, nothing empty."""
    text = unquote(path).replace("\\", "/") if "%" in path or "\\" in path else path
    parts = [part.partition(";")[0] for part in text.lower().split("/")]
    return [part for part in parts if part]


def _resource(segments: list[str]) -> list[str]:
    """What is left when versions and prefixes are off."""
    at, stop = 0, len(segments)
    while at < stop:
        if segments[at] in _BEFORE:
            at += 1
        elif segments[at] in _BEFORE_WITH_NAME and at + 2 < stop:
            at += 2
        else:
            break
    return segments[at:]


def _of_verb(segments: list[str]) -> str | None:
    """Google's custom methods: `models/X:generateContent`, and the service's own name on `/ws/`."""
    last = segments[-1]
    _, colon, verb = last.rpartition(":")
    if colon:
        return _VERBS.get(verb) if _WITH_VERBS.intersection(segments) else None
    return "realtime.connect" if last.endswith(".bidigeneratecontent") else None


def _of_bedrock(segments: list[str]) -> str | None:
    if segments[0] == "model":
        return _BEDROCK.get(segments[-1]) if len(segments) > 2 else None  # noqa: PLR2004  # model/ID/verb
    return "moderations.create" if segments[0] == "guardrail" else None


def _of_resource(rest: list[str], *, reads: bool) -> str:
    first = rest[0]
    if first in _WHOLE:
        return _WHOLE[first]
    if first == "messages" and rest[1:2] == ["batches"]:
        return _stored("batches", reads=reads)
    exact = _EXACT.get("/".join(rest))
    if exact is not None and not (reads and _is_listing(rest)):
        return exact
    if first == "videos" and rest[-1] == "remix" and not reads:
        return "videos.create"
    if first in _STORED:
        search = rest[-1] == "search" or rest[-1].endswith(":query")
        return _stored(_STORED[first], reads=reads or search)
    if first in _MODEL_LISTS:
        return "models.list" if reads or first == "show" else "models.write"
    return "models.write" if first in _OLLAMA_CHANGES else OTHER


def _is_listing(rest: list[str]) -> bool:
    """GET on a collection lists what is stored; on `responses` it opens a WebSocket instead."""
    return rest[0] in _STORED and rest != ["responses"]


def _stored(resource: str, *, reads: bool) -> str:
    return f"{resource}.read" if reads else f"{resource}.write"
