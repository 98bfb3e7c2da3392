"""Which form a body or a stream has: told by the path, then by the dialect of the route.

A server may speak several dialects on one route (vLLM answers `/v1/messages`), so the path decides
where it is known. An unknown path of a known dialect is read as JSON whose members are known by
their names. Without a dialect there is no form, but for JSON-RPC, which names itself.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import UNPARSED, Document, RawDocument, Reader
from gateway.providers.anthropic import MESSAGES
from gateway.providers.bedrock import CONVERSE, INVOKE
from gateway.providers.dialect import Form
from gateway.providers.document import JsonDocument, json_value, read_json
from gateway.providers.gathering import Gatherer
from gateway.providers.gemini import GENERATE
from gateway.providers.gemini_live import LIVE
from gateway.providers.json_text import UnreadableJsonError
from gateway.providers.mcp import RPC, is_json_rpc
from gateway.providers.ollama import LINES
from gateway.providers.openai_chat import CHAT
from gateway.providers.openai_other import OTHER
from gateway.providers.openai_responses import RESPONSES
from gateway.providers.realtime import REALTIME
from gateway.providers.recall import Recall
from gateway.settings import Dialect

_BY_SUFFIX: Final[tuple[tuple[str, Form], ...]] = (
    ("/chat/completions", CHAT),
    ("/completions", CHAT),
    ("/responses", RESPONSES),
    ("/responses/compact", RESPONSES),
    ("/responses/input_tokens", RESPONSES),
    ("/v1/messages", MESSAGES),
    ("/messages/count_tokens", MESSAGES),
    ("/messages/batches", MESSAGES),
    (":rawPredict", MESSAGES),
    (":streamRawPredict", MESSAGES),
    ("/converse", CONVERSE),
    ("/converse-stream", CONVERSE),
    ("/invoke", INVOKE),
    ("/invoke-with-response-stream", INVOKE),
    ("/realtime", REALTIME),
    (".BidiGenerateContent", LIVE),
)
_BY_DIALECT: Final[dict[Dialect, Form]] = {
    Dialect.OPENAI: OTHER,
    Dialect.AZURE: OTHER,
    Dialect.ANTHROPIC: OTHER,
    Dialect.GEMINI: GENERATE,
    Dialect.BEDROCK: OTHER,
    Dialect.OLLAMA: LINES,
    Dialect.MCP: RPC,
}
FORMS: Final[tuple[Form, ...]] = (
    CHAT, RESPONSES, OTHER, MESSAGES, GENERATE, CONVERSE, INVOKE, LINES, RPC, REALTIME, LIVE,
)  # fmt: skip
"""Every form that is known."""
_PATHS_MAX: Final = 1024
_PATH_CHARACTERS_MAX: Final = 256

_known: dict[tuple[Dialect, str], Form | None] = {}


def form_of(dialect: Dialect, path: str) -> Form | None:
    """The form of what passes on `path`, without the prefix of its route."""
    key = (dialect, path)
    if key in _known:
        return _known[key]
    found = _find(dialect, path)
    if len(path) <= _PATH_CHARACTERS_MAX:
        if len(_known) >= _PATHS_MAX:
            _known.clear()
        _known[key] = found
    return found


def _find(dialect: Dialect, path: str) -> Form | None:
    if dialect is Dialect.UNKNOWN or dialect is Dialect.MCP:
        return _BY_DIALECT.get(dialect)
    path = path.rstrip("/")
    for suffix, form in _BY_SUFFIX:
        if path.endswith(suffix):
            return form
    if "/responses/" in path:
        return RESPONSES
    return _BY_DIALECT.get(dialect)


def request_reader(
    form: Form | None, content_type: bytes | None, recall: Recall | None = None
) -> Reader:
    """What reads a request of `form`; `recall` knows what was read before."""
    return partial(_read_request, form, _announced(content_type), recall)


def response_reader(form: Form | None, content_type: bytes | None) -> Reader:
    """What reads a whole answer of `form`."""
    gather = None if form is None else form.response
    return partial(_read_response, gather, _announced(content_type))


_JSON: Final = 0
_TEXT: Final = 1
_BINARY: Final = 2


def _announced(content_type: bytes | None) -> int:
    """What a Content-Type says of a body; JSON where there is none."""
    if content_type is None or content_type == b"application/json":  # mostly
        return _JSON
    if b"json" in content_type.lower():
        return _JSON
    if content_type.lower().startswith((b"text/", b"application/x-www-form-urlencoded")):
        return _TEXT
    return _BINARY


def _read_request(
    form: Form | None, announced: int, recall: Recall | None, body: bytes, parsed: Any
) -> Document:
    if form is None:
        return _read_unknown(body, parsed)
    try:
        known = None if recall is None else recall.read(form, body)
    except UnreadableJsonError:
        known = None
    if known is not None:
        return known
    document = _read(partial(_gather_request, form), announced, body, parsed)
    if recall is not None and isinstance(document, JsonDocument):
        recall.learn(form, document)
    return document


def _gather_request(form: Form, value: Any, found: Gatherer) -> None:
    if isinstance(value, dict):
        form.request(value, found)
    elif form is RPC:
        form.response(value, found)  # a batch; both directions are read alike
    else:
        found.leaves("unknown", "other", value, ())


def _read_response(gather: Any, announced: int, body: bytes, parsed: Any) -> Document:
    if gather is None:
        return _read_unknown(body, parsed)
    return _read(gather, announced, body, parsed)


def _read(gather: Any, announced: int, body: bytes, parsed: Any) -> Document:
    """Reads as JSON whatever is JSON, since a server may not care what was announced."""
    document = read_json(gather, body, parsed)
    if announced == _JSON or document.gaps.isdisjoint({Gap.INVALID_JSON, Gap.INVALID_UTF8}):
        return document
    raw = RawDocument(body, Gap.UNKNOWN_DIALECT if announced == _TEXT else Gap.BINARY)
    if announced == _BINARY and raw.unread:
        raw.gaps = frozenset({Gap.BINARY})
    return raw


def _read_unknown(body: bytes, parsed: Any) -> Document:
    value = json_value(body) if parsed is UNPARSED else parsed
    if is_json_rpc(value):
        return read_json(RPC.response, body, value)
    return RawDocument(body, Gap.UNKNOWN_DIALECT)
