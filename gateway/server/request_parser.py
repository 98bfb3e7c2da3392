"""llhttp's callbacks become requests: heads checked and bounded, bodies fed as they come.

llhttp shows a field only when it has ended, and nothing of chunk framing; both are bounded here by
counting the bytes that went in. Upgrades other than WebSocket's (h2c) are ignored, as RFC 9110
section 7.8 lets a server do, and their bodies are read as bodies.
"""

from __future__ import annotations

from collections import deque

import httptools

from gateway.plugin.headers import Headers, RawHeader
from gateway.plugin.verdict import Reject
from gateway.proxy.body import RequestBody
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.reasons import Reason
from gateway.server.request_head import RequestHeadError, read_head, read_trailer
from gateway.settings import LimitSettings

FRAMING_SLACK_BYTES = 65_536
FRAMING_PER_BODY_BYTE = 16
"""Chunk framing allowed per body byte: one-byte chunks cost six, extensions a little more."""


class RequestParser:
    """Reads one client connection.

    `requests` holds those whose head is complete and which nobody took yet, `reading` the one whose
    body still arrives; `started` says whether a message has begun and not ended.
    """

    __slots__ = (
        "_body_bytes",
        "_client",
        "_fed",
        "_fields",
        "_head_bytes",
        "_in_head",
        "_index",
        "_limits",
        "_parser",
        "_repeated",
        "_target",
        "_trailers",
        "reading",
        "requests",
        "started",
    )

    def __init__(self, client: ClientConnection, limits: LimitSettings) -> None:
        self._client = client
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: list[RawHeader] = []
        self._index: dict[bytes, bytes] = {}
        self._repeated = False
        self._trailers: list[RawHeader] = []
        self._in_head = True
        self._head_bytes = self._fed = self._body_bytes = 0
        self.requests: deque[InboundRequest] = deque()
        self.reading: InboundRequest | None = None
        self.started = False

    def feed(self, data: bytes) -> bytes | None:
        """Parses `data`; after a WebSocket handshake, returns the bytes behind it.

        Raises RequestHeadError when the bytes are refused; nothing may be fed after that.
        """
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise _refusal(error) from None
        self._check_framing()
        return None

    # -- llhttp's callbacks

    def on_message_begin(self) -> None:
        self._in_head = self.started = True
        self._head_bytes = self._body_bytes = self._fed = 0
        self._target = b""
        self._fields, self._trailers, self._index = [], [], {}
        self._repeated = False

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._head_bytes += len(part)
        self._check_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.head_bytes_max:
            self._check_head()
        if not self._in_head:
            read_trailer(name)
            self._trailers.append((name, value))
            return
        self._fields.append((name, value))
        lowered = name.lower()
        if lowered in self._index:
            self._repeated = True
        else:
            self._index[lowered] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self._fields) > self._limits.headers_max:
            raise RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE, "too many header fields"))
        parser = self._parser
        request = InboundRequest(
            parser.get_method(),
            self._target,
            Headers(self._fields, self._index),
            RequestBody(self._client, self._limits.body_bytes_max),
        )
        read_head(request, parser.get_http_version(), repeated=self._repeated)
        self._fed = 0
        self.reading = request
        self.requests.append(request)

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self.reading is not None:
            self.reading.body.feed(data)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # llhttp ends such a message at its head; `_upgrade` decides what follows
        request, self.reading = self.reading, None
        self.started = False
        if request is not None:
            request.body.end(self._trailers)

    # -- inner

    def _check_head(self) -> None:
        limit = self._limits.head_bytes_max
        if self._head_bytes > limit:
            message = f"the request head is larger than {limit} bytes"
            raise RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE, message))

    def _check_framing(self) -> None:
        if self.reading is not None:
            framing = self._fed - self._body_bytes
            if framing > FRAMING_SLACK_BYTES + FRAMING_PER_BODY_BYTE * self._body_bytes:
                raise RequestHeadError(Reject(Reason.MALFORMED_REQUEST, "too much chunk framing"))
        elif self.started and self._in_head and self._fed > self._limits.head_bytes_max:
            raise RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE))

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
