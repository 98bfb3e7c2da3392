"""The gateway's own answers: refusals in the client's dialect, and replies of plugins."""

from __future__ import annotations

from gateway.plugin.exchange import Exchange, ResponseView
from gateway.plugin.headers import Headers, RawHeader
from gateway.plugin.verdict import Reject, Reply
from gateway.providers.errors import refusal_body, socket_error_event, stream_error_event
from gateway.providers.recognise import recognise_dialect
from gateway.providers.websocket import TEXT, encode
from gateway.reasons import REASONS, Reason
from gateway.settings import Dialect

RESPONSES_PATH = "/v1/responses"


def status_of(reject: Reject) -> int:
    """The HTTP status of a refusal: its own, or the one of its reason."""
    return reject.status or REASONS[reject.reason].status


def message_of(reject: Reject) -> str:
    """The text of a refusal: the reason's, then what the plugin adds."""
    text = REASONS[reject.reason].text
    return f"{text}: {reject.message}" if reject.message else text


def dialect_of(x: Exchange) -> Dialect:
    """The dialect the client speaks: the route's, or what the request looks like."""
    if x.dialect is not Dialect.UNKNOWN:
        return x.dialect
    request = x.request
    return recognise_dialect(request.path, request.query, request.headers)


def refusal_response(x: Exchange, reject: Reject) -> ResponseView:
    """The refusal as a response that `on_response_headers` hooks may still adorn."""
    info = REASONS[reject.reason]
    status = status_of(reject)
    fields, body = refusal_body(
        dialect_of(x),
        status=status,
        code=reject.code or reject.reason.value,
        message=message_of(reject),
        request_id=x.id,
        retry=info.retry or reject.retry_after_s is not None,
        retry_after_s=reject.retry_after_s,
    )
    fields += [(n.encode("latin-1"), v.encode("latin-1")) for n, v in reject.headers]
    if reject.reason is Reason.UPGRADE_UNSUPPORTED:
        fields.append((b"upgrade", b"HTTP/1.1"))  # RFC 9110 section 15.5.22
    return _local(status, fields, body)


def reply_response(reply: Reply) -> ResponseView:
    """A plugin's own answer as a response."""
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in reply.headers]
    return _local(reply.status, fields, reply.body)


def unparsed_response(reject: Reject, request_id: str) -> ResponseView:
    """The refusal of bytes that never became a request, for a client of unknown dialect."""
    status = status_of(reject)
    fields, body = refusal_body(
        Dialect.UNKNOWN,
        status=status,
        code=reject.code or reject.reason.value,
        message=message_of(reject),
        request_id=request_id,
    )
    return _local(status, fields, body)


def stream_refusal(x: Exchange, reject: Reject) -> bytes:
    """The dialect's error event, for a stream whose head is already with the client."""
    return stream_error_event(
        dialect_of(x),
        status=status_of(reject),
        code=reject.code or reject.reason.value,
        message=message_of(reject),
        request_id=x.id,
        responses_api=RESPONSES_PATH in x.request.path,
    )


def socket_refusal(x: Exchange, reject: Reject) -> bytes:
    """The dialect's error event as a frame, for a WebSocket that is open."""
    event = socket_error_event(
        dialect_of(x),
        status=status_of(reject),
        code=reject.code or reject.reason.value,
        message=message_of(reject),
        request_id=x.id,
    )
    return encode(TEXT, event, masked=False)


def _local(status: int, fields: list[RawHeader], body: bytes) -> ResponseView:
    response = ResponseView(status, phrase(status), Headers(fields), local=True)
    response.body = body
    return response


_PHRASES = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    417: b"Expectation Failed",
    422: b"Unprocessable Content",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    451: b"Unavailable For Legal Reasons",
    499: b"Client Closed Request",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


def phrase(status: int) -> bytes:
    """The reason phrase of a status of ours (RFC 9110 section 15)."""
    return _PHRASES.get(status, b"")
