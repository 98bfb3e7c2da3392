"""A refusal in the words of each provider, so that its SDK raises its ordinary exception.

Every SDK finds the message in another place and decides in its own way whether to try again
(docs/concepts/refusals.md has the measured table). The message always ends with the reason code
and the request id, because some dialects have no field for them.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.plugin.headers import RawHeader
from gateway.providers.eventstream import encode_frame
from gateway.settings import Dialect

_OPENAI_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
# google.rpc.Code by HTTP status, as Google's own gateways map it.
_GEMINI_STATUSES: Final = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# boto3 prints an empty message without one of these in x-amzn-errortype.
_BEDROCK_TYPES: Final = {
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_BEDROCK_EXCEPTION: Final = {
    b":exception-type": b"modelStreamErrorException",
    b":content-type": b"application/json",
    b":message-type": b"exception",
}
_JSON_RPC_SERVER_ERROR: Final = -32_000
_SERVER_ERROR = 500
_RETRY_AFTER_S_MAX = 60
"""Anthropic's SDKs sleep as long as they are told, up to weeks."""


def refusal_body(
    dialect: Dialect,
    *,
    status: int,
    code: str,
    message: str,
    request_id: str,
    retry: bool = False,
    retry_after_s: float | None = None,
) -> tuple[list[RawHeader], bytes]:
    """The header fields (without content-length) and the JSON body of a refusal.

    Args:
        dialect: whose SDK will read it; `UNKNOWN` gets a body that all of them can read.
        status: the HTTP status that goes with it.
        code: the reason code, such as `ip_denied`.
        message: for the person in front of the client; no secret, no prompt text.
        request_id: what an operator can look up.
        retry: whether the same request may succeed in a moment.
        retry_after_s: seconds until then; announced up to 60 s. A longer wait is not announced
            and is no reason to retry.

    """
    text = readable(message, code, request_id)
    body = orjson.dumps(_error(dialect, status, code, text, request_id))
    headers = _headers(dialect, status, code, request_id, retry=retry, retry_after_s=retry_after_s)
    return headers, body


def stream_error_event(
    dialect: Dialect,
    *,
    status: int,
    code: str,
    message: str,
    request_id: str,
    responses_api: bool = False,
) -> bytes:
    """What ends a stream whose head was already sent: the dialect's own error event.

    It must stand between two events (`sse.ends_between_events`), and the connection must close
    after it: a stream that ends cleanly is a whole answer to most SDKs.
    `responses_api` is true for OpenAI's `/v1/responses`.
    """
    text = readable(message, code, request_id)
    error = _error(dialect, status, code, text, request_id)
    if dialect is Dialect.OLLAMA:
        return orjson.dumps(error) + b"\n"
    if dialect is Dialect.BEDROCK:
        return encode_frame(_BEDROCK_EXCEPTION, orjson.dumps(error))
    if dialect in (Dialect.GEMINI, Dialect.MCP):
        return b"data: " + orjson.dumps(error) + b"\n\n"
    if dialect in (Dialect.OPENAI, Dialect.AZURE) and not responses_api:
        return b"data: " + orjson.dumps(error) + b"\n\n"
    if responses_api:
        # The native `error` event alone raises nothing in OpenAI's SDKs; `error` at the top does.
        error = {"type": "error", "code": code, "message": text, "param": None, **error}
    return b"event: error\ndata: " + orjson.dumps(error) + b"\n\n"


def socket_error_event(
    dialect: Dialect, *, status: int, code: str, message: str, request_id: str
) -> bytes:
    """The JSON of an error in a WebSocket: OpenAI's `error` event, which others ignore or show."""
    text = readable(message, code, request_id)
    error = _error(Dialect.OPENAI, status, code, text, request_id)["error"]
    event: dict[str, Any] = {"type": "error", "event_id": f"event_{request_id}", "status": status}
    if dialect is Dialect.GEMINI:
        return orjson.dumps(event | {"error": _gemini_error(status, code, text, request_id)})
    return orjson.dumps(event | {"error": error | {"event_id": None}})


def readable(message: str, code: str, request_id: str) -> str:
    """The one line that every client shows: what happened, the reason code, the request id."""
    return f"{message} [{code}, request {request_id}]"


def _headers(
    dialect: Dialect,
    status: int,
    code: str,
    request_id: str,
    *,
    retry: bool,
    retry_after_s: float | None,
) -> list[RawHeader]:
    if retry_after_s is not None and retry_after_s > _RETRY_AFTER_S_MAX:
        retry = False
    id_name = b"request-id" if dialect is Dialect.ANTHROPIC else b"x-request-id"
    encoded_id = request_id.encode("latin-1", "replace")
    headers = [
        (b"content-type", b"application/json"),
        (id_name, encoded_id),
        # Obeyed by the OpenAI and Anthropic SDKs on any status; elsewhere it does no harm.
        (b"x-should-retry", b"true" if retry else b"false"),
        (b"x-sealgate-reason", code.encode("latin-1", "replace")),
    ]
    if dialect is Dialect.BEDROCK:
        headers.append((b"x-amzn-requestid", encoded_id))
        headers.append((b"x-amzn-errortype", _bedrock_type(status).encode()))
    if retry_after_s is not None and 0 < retry_after_s <= _RETRY_AFTER_S_MAX:
        # Rounded up: a client that comes a moment early is refused again.
        headers.append((b"retry-after", b"%d" % -int(-retry_after_s // 1)))
    return headers


def _error(dialect: Dialect, status: int, code: str, text: str, request_id: str) -> dict[str, Any]:
    if dialect in (Dialect.OPENAI, Dialect.AZURE):
        return {
            "error": {"message": text, "type": _openai_type(status), "param": None, "code": code}
        }
    if dialect is Dialect.ANTHROPIC:
        error = {"type": _anthropic_type(status), "message": text}
        return {"type": "error", "error": error, "request_id": request_id}
    if dialect is Dialect.GEMINI:
        return {"error": _gemini_error(status, code, text, request_id)}
    if dialect is Dialect.BEDROCK:
        return {"message": text}
    if dialect is Dialect.OLLAMA:
        return {"error": text}
    if dialect is Dialect.MCP:
        return _json_rpc_error(code, text, request_id)
    return _superset(status, code, text, request_id)


def _json_rpc_error(code: str, text: str, request_id: str) -> dict[str, Any]:
    """The id is null: the request may not have been read (JSON-RPC 2.0 section 5)."""
    error = {
        "code": _JSON_RPC_SERVER_ERROR,
        "message": text,
        "data": {"code": code, "request_id": request_id},
    }
    return {"jsonrpc": "2.0", "id": None, "error": error}


def _superset(status: int, code: str, text: str, request_id: str) -> dict[str, Any]:
    """Readable in every SDK tried. `code` is the number: a string hides the text in some."""
    error = {
        "type": _anthropic_type(status),
        "param": None,
        **_gemini_error(status, code, text, request_id),
    }
    return {"type": "error", "error": error, "message": text, "request_id": request_id}


def _gemini_error(status: int, code: str, text: str, request_id: str) -> dict[str, Any]:
    return {
        "code": status,
        "message": text,
        "status": _gemini_status(status),
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": code.upper(),
                "domain": "sealgate",
            },
            {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id},
        ],
    }


def _openai_type(status: int) -> str:
    default = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
    return _OPENAI_TYPES.get(status, default)


def _anthropic_type(status: int) -> str:
    default = "api_error" if status >= _SERVER_ERROR else "invalid_request_error"
    return _ANTHROPIC_TYPES.get(status, default)


def _gemini_status(status: int) -> str:
    default = "INTERNAL" if status >= _SERVER_ERROR else "INVALID_ARGUMENT"
    return _GEMINI_STATUSES.get(status, default)


def _bedrock_type(status: int) -> str:
    default = "InternalServerException" if status >= _SERVER_ERROR else "ValidationException"
    return _BEDROCK_TYPES.get(status, default)
