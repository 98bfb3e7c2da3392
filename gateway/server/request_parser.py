"""llhttp's callbacks become requests: heads checked and bounded, bodies fed as they come.

llhttp shows a field only when it has ended, and nothing of chunk framing; both are bounded here by
counting the bytes that went in and did not come out as a body. Upgrades other than WebSocket's
(h2c) are ignored, as RFC 9110 section 7.8 lets a server do; their bodies are read as bodies.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import httptools

from gateway.plugin.headers import Headers, RawHeader, index_of
from gateway.plugin.verdict import Reject
from gateway.proxy.body import RequestBody
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.reasons import Reason
from gateway.server.request_head import RequestHeadError, read_head, read_trailer
from gateway.settings import LimitSettings

FRAMING_BYTES_MAX: Final = 65_536
FRAMING_PER_BODY_BYTE: Final = 16
"""Chunk sizes, extensions and trailers may be so much more than the body bytes that come with them:
one-byte chunks cost five bytes each, extensions a little more."""


class RequestParser:
    """Reads one client connection.

    `requests` holds those whose head is complete and which nobody took yet, `reading` the one whose
    body still arrives; `started` says whether a message has begun and not ended.
    """

    __slots__ = (
        "_body_bytes",
        "_client",
        "_fields",
        "_in_head",
        "_limits",
        "_mid",
        "_overhead",
        "_overhead_max",
        "_parser",
        "_pieces",
        "_portion",
        "_target",
        "on_body",
        "reading",
        "requests",
        "started",
    )

    def __init__(self, client: ClientConnection, limits: LimitSettings) -> None:
        self._client = client
        self._limits = limits
        self._pieces: list[bytes] = []
        # Called once per chunk, and one read may hold forty thousand chunks of one byte: a method
        # of C keeps that below 2 ms, where a Python call each stalled the loop for 50.
        self.on_body = self._pieces.append
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: list[RawHeader] = []
        self._in_head = True
        self._overhead = self._body_bytes = self._portion = 0
        self._mid = False
        self._overhead_max = min(FRAMING_BYTES_MAX, limits.head_bytes_max)
        self.requests: deque[InboundRequest] = deque()
        self.reading: InboundRequest | None = None
        self.started = False

    def feed(self, data: bytes) -> bytes | None:
        """Parses `data`; after a WebSocket handshake, returns the bytes behind it.

        Raises RequestHeadError when the bytes are refused; nothing may be fed after that.
        """
        before = self._body_bytes
        self._portion = len(data)
        self._mid = self.started
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise _refusal(error) from None
        if self._pieces:
            self._pass_body_on()
        grown = self._body_bytes - before
        overhead = self._overhead + self._portion - grown * (1 + FRAMING_PER_BODY_BYTE)
        self._overhead = max(0, overhead)
        if overhead > self._overhead_max:
            self._check_overhead()
        return None

    # -- llhttp's callbacks

    def on_message_begin(self) -> None:
        self._in_head = self.started = True
        # Where in the portion it begins is not told; only the first one surely begins with it.
        self._overhead = -self._portion if self._mid else 0
        self._mid = True
        self._target = b""
        self._fields = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        fields, self._fields = self._fields, []  # what comes after the head are trailers
        self._check_fields(fields)
        parser = self._parser
        index = index_of(fields)
        request = InboundRequest(
            parser.get_method(),
            self._target,
            Headers(fields, index),
            RequestBody(self._client, self._limits.body_bytes_max),
        )
        read_head(request, index, parser.get_http_version())
        self._overhead = -self._portion  # framing is counted from the next portion on
        self.reading = request
        self.requests.append(request)

    def on_message_complete(self) -> None:
        if self._pieces:
            self._pass_body_on()
        if self._parser.should_upgrade():
            return  # llhttp ends such a message at its head; `_upgrade` decides what follows
        request, trailers = self.reading, self._fields
        if trailers:
            self._check_fields(trailers)
            for name, _ in trailers:
                read_trailer(name)
        self.reading = None
        self.started = False
        if request is not None:
            request.body.end(trailers)

    # -- inner

    def _pass_body_on(self) -> None:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._body_bytes += len(data)
        if self.reading is not None:
            self.reading.body.feed(data)

    def _check_fields(self, fields: list[RawHeader]) -> None:
        if len(fields) > self._limits.headers_max:
            raise RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE, "too many header fields"))
        limit = self._limits.head_bytes_max
        if self._portion > limit or self._overhead + self._portion > limit:  # else it cannot be
            size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in fields)
            if size > limit:
                raise _head_too_large(limit)

    def _check_overhead(self) -> None:
        if self.reading is not None and self._overhead > FRAMING_BYTES_MAX:
            raise RequestHeadError(Reject(Reason.MALFORMED_REQUEST, "too much chunk framing"))
        limit = self._limits.head_bytes_max
        if self.reading is None and self.started and self._in_head and self._overhead > limit:
            raise _head_too_large(limit)

    def _upgrade(self, rest: bytes) -> bytes | None:
        request = self.reading
        if request is None:
            raise RequestHeadError(Reject(Reason.MALFORMED_REQUEST))
        if request.upgrade:
            self.reading = None
            self.started = False
            request.body.end([])
            return rest
        self._ignore_upgrade(request)
        return self.feed(rest) if rest else None

    def _ignore_upgrade(self, request: InboundRequest) -> None:
        """Reads on after an upgrade that is not followed.

        llhttp stops at such a head. A fresh parser is given the same framing without the upgrade,
        so that the body, if any, is read as a body and never as the next request.
        """
        framing = b""
        if request.chunked:
            framing = b"transfer-encoding: chunked\r\n"
        elif request.content_length is not None:
            framing = b"content-length: %d\r\n" % request.content_length
        resumed = _Resumed(self)
        self._parser = httptools.HttpRequestParser(resumed)
        self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n")
        resumed.armed = True


def _head_too_large(limit: int) -> RequestHeadError:
    message = f"the request head is larger than {limit} bytes"
    return RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE, message))


def _refusal(error: httptools.HttpParserError) -> RequestHeadError:
    inner = error.__context__
    if isinstance(inner, RequestHeadError):
        return inner
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return RequestHeadError(Reject(Reason.METHOD_UNKNOWN))
    return RequestHeadError(Reject(Reason.MALFORMED_REQUEST))


class _Resumed:
    """Hands a second parser's callbacks on; those of its invented head go nowhere."""

    def __init__(self, parser: RequestParser) -> None:
        self.armed = False
        self._parser = parser
        self.on_body = parser.on_body
        self.on_message_complete = parser.on_message_complete

    def on_message_begin(self) -> None:
        if self.armed:
            self._parser.on_message_begin()

    def on_url(self, part: bytes) -> None:
        if self.armed:
            self._parser.on_url(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.armed:
            self._parser.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.armed:
            self._parser.on_headers_complete()
