"""What of a request head decides its framing; what can be read in two ways is refused."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Reject
from gateway.proxy.headers import PROTECTED, connection_options
from gateway.proxy.inbound import InboundRequest
from gateway.reasons import Reason

# RFC 9110 section 7.2 and RFC 3986 section 3.2.2: a registered name, an address, an IP literal.
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?\Z")
# Visible ASCII and raw bytes above it; no white space, no control, no fragment.
_TARGET: Final = re.compile(rb"[\x21\x22\x24-\x7e\x80-\xff]+\Z")
# CONNECT asks for a tunnel; llhttp takes SOURCE for a method, which is Icecast's and not HTTP's.
_NOT_SERVED: Final = frozenset({b"CONNECT", b"SOURCE"})
_SINGLE: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})


class RequestHeadError(Exception):
    """Raised inside llhttp's callbacks to stop the parser; `reject` is the answer."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason.value)
        self.reject = reject


def _ambiguous(message: str) -> RequestHeadError:
    return RequestHeadError(Reject(Reason.AMBIGUOUS_REQUEST, message))


def read_head(request: InboundRequest, index: dict[bytes, RawHeader], version: str) -> None:
    """Fills in framing, host and expectations; `index` is `index_of` the request's fields.

    Raises RequestHeadError.
    """
    if version not in ("1.1", "1.0"):
        raise RequestHeadError(Reject(Reason.VERSION_UNSUPPORTED))
    if request.method in _NOT_SERVED:
        method = request.method.decode("ascii")
        raise RequestHeadError(Reject(Reason.METHOD_UNKNOWN, f"{method} is not served here"))
    request.http_10 = version == "1.0"
    request.keep_alive = not request.http_10
    fields = request.headers.raw
    repeated = len(index) != len(fields)
    if repeated:
        _refuse_repeated(fields)
    host = index.get(b"host")
    # RFC 9112 section 3.2: "a server MUST respond with 400 to any HTTP/1.1 request message that
    # lacks a Host header field".
    if host is None and not request.http_10:
        raise _ambiguous("there must be one host header")
    request.host = host[1] if host is not None else b""
    if not _is_host(request.host):
        raise _ambiguous("the host header is not a host")
    _check_target(request)
    for name, check in _FRAMING:
        if name in index:
            check(request, index[name][1])
    if b"connection" in index:
        request.connection = connection = _joined(fields, index, b"connection", repeated=repeated)
        if connection.lower() != b"keep-alive":
            upgrade = _joined(fields, index, b"upgrade", repeated=repeated)
            _connection(request, connection_options(connection), upgrade)


def _joined(
    fields: list[RawHeader], index: dict[bytes, RawHeader], name: bytes, *, repeated: bool
) -> bytes:
    """All values of a field that may be repeated, as one list (RFC 9110 section 5.3)."""
    if repeated:
        return b",".join(value for spelled, value in fields if spelled.lower() == name)
    return index[name][1] if name in index else b""


def _refuse_repeated(fields: list[RawHeader]) -> None:
    seen: set[bytes] = set()
    for name, _ in fields:
        lowered = name.lower()
        if lowered in _SINGLE:
            if lowered in seen:
                raise _ambiguous(f"there must be one {lowered.decode()} header")
            seen.add(lowered)


def read_trailer(name: bytes) -> None:
    """Refuses a trailer that would frame or route the request, were it read as a header.

    RFC 9110 section 6.5.1: a sender must not generate one, and some reader may merge it. Raises
    RequestHeadError.
    """
    if name.lower() in PROTECTED:
        raise _ambiguous("a trailer names a field that decides how the request is read")


def _content_length(request: InboundRequest, value: bytes) -> None:
    # RFC 9110 section 8.6: digits only; int() alone would take "+5", "1_0" and other digits.
    if not value.isdigit() or len(value) > 19:  # noqa: PLR2004  # 2**63
        raise _ambiguous("content-length must be one decimal number")
    request.content_length = int(value)


def _transfer_encoding(request: InboundRequest, value: bytes) -> None:
    if value.lower() != b"chunked" or request.http_10:
        raise _ambiguous("transfer-encoding must be `chunked`, once, in HTTP/1.1")
    if request.content_length is not None:
        raise _ambiguous("content-length and transfer-encoding together")
    request.chunked = True


def _expect(request: InboundRequest, value: bytes) -> None:
    if value.lower() != b"100-continue":
        raise RequestHeadError(Reject(Reason.EXPECTATION_UNSUPPORTED))
    request.expect_continue = not request.http_10


@lru_cache(1024)
def _is_host(value: bytes) -> bool:
    return _HOST.match(value) is not None


def _check_target(request: InboundRequest) -> None:
    target = request.target
    if not _TARGET.match(target):
        raise RequestHeadError(Reject(Reason.MALFORMED_REQUEST, "the request target is not valid"))
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return
    # The absolute form (RFC 9112 section 3.2.2) names a host a second time.
    scheme, mark, rest = target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    if not mark or scheme.lower() not in (b"http", b"https") or authority != request.host:
        raise _ambiguous("the request target and the host header differ")
    request.target = slash + path if slash else b"/"


def _connection(request: InboundRequest, options: frozenset[bytes], upgrade: bytes) -> None:
    if b"close" in options:
        request.keep_alive = False
    if options & PROTECTED:
        raise _ambiguous("connection names a field that decides how the request is read")
    if b"upgrade" in options and upgrade.strip().lower() == b"websocket":
        if request.chunked or request.content_length:
            raise _ambiguous("a WebSocket handshake has no body")
        # RFC 6455 section 4.1: the method must be GET; else the upgrade is ignored.
        request.upgrade = request.method == b"GET" and not request.http_10


# The order is that of the checks: a coding is refused beside a length.
_FRAMING: Final = (
    (b"content-length", _content_length),
    (b"transfer-encoding", _transfer_encoding),
    (b"expect", _expect),
)
