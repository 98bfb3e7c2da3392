"""One client connection: HTTP/1.1 parsed by llhttp, one exchange at a time, raw bytes kept.

A request is refused here, before any plugin or route sees it, when it can be read in two ways:

| bytes                                                  | answer                 |
|--------------------------------------------------------|------------------------|
| not HTTP/1.x by llhttp's strict rules                  | 400 malformed_request  |
| no Host in HTTP/1.1, two Hosts, a Host that is no host | 400 ambiguous_request  |
| Content-Length with Transfer-Encoding, or twice        | 400 ambiguous_request  |
| Transfer-Encoding other than one `chunked`, or in 1.0  | 400 ambiguous_request  |
| a WebSocket handshake that announces a body            | 400 ambiguous_request  |
| any other upgrade (h2c)                                | none: it is ignored    |
| CONNECT                                                | 501 method_unknown     |
| head over its limits                                   | 431 headers_too_large  |
| chunk framing much larger than the body it carries     | 400 malformed_request  |

After such a refusal the connection is closed: where the next request would begin is not known.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import cast

import httptools

from gateway.plugin.headers import Headers, RawHeader
from gateway.plugin.verdict import Reject
from gateway.proxy.body import RequestBody
from gateway.proxy.deadlines import NEVER
from gateway.proxy.fiber import Fiber
from gateway.proxy.inbound import InboundRequest, WriteListener
from gateway.reasons import Reason
from gateway.server.request_head import RequestHeadError, read_head, read_trailer
from gateway.server.service import ConnectionService

LINGER_S = 2.0
"""How long a refused upload is read and thrown away, so that the client can read the answer."""
LINGER_BYTES_MAX = 4_194_304
FRAMING_SLACK_BYTES = 65_536
FRAMING_PER_BODY_BYTE = 16
"""Chunk framing allowed per body byte: one-byte chunks cost six, extensions a little more."""
WRITE_HIGH_WATER_BYTES = 131_072
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST in place of FIN."""


class ServerConnection(asyncio.Protocol):
    """See the module. The handler talks to it through `gateway.proxy.inbound.ClientConnection`."""

    __slots__ = (
        "_body_bytes",
        "_closing",
        "_current",
        "_discarded",
        "_fed",
        "_fiber",
        "_fields",
        "_head_bytes",
        "_in_head",
        "_lingering",
        "_listener",
        "_parser",
        "_parsing",
        "_queue",
        "_reading_off",
        "_reading_paused",
        "_service",
        "_started",
        "_target",
        "_trailers",
        "_transport",
        "_tunnel",
        "_tunnel_rest",
        "deadline",
        "draining",
        "peer_ip",
        "peer_port",
        "tls",
        "write_paused",
    )

    def __init__(self, service: ConnectionService) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[InboundRequest] = deque()
        self._current: InboundRequest | None = None  # being served
        self._parsing: InboundRequest | None = None  # its body is still arriving
        self._fiber: Fiber | None = None
        self._listener: WriteListener | None = None
        self._target = b""
        self._fields: list[RawHeader] = []
        self._trailers: list[RawHeader] = []
        self._in_head = True
        self._started = False
        self._head_bytes = self._fed = self._body_bytes = self._discarded = 0
        self._closing = False
        self._lingering = False
        self._tunnel = False
        self._tunnel_rest = b""
        self._reading_off = False
        self._reading_paused = False
        self.peer_ip = ""
        self.peer_port = 0
        self.tls = service.tls
        self.deadline = NEVER
        self.write_paused = False
        self.draining = service.draining

    # -- asyncio ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self.peer_ip:
            peer = transport.get_extra_info("peername")
            self.peer_ip, self.peer_port = peer[:2] if isinstance(peer, tuple) else ("", 0)
        if not self._service.admit(self):
            self._closing = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        self.deadline = self._service.loop.time() + self._service.head_s

    def data_received(self, data: bytes) -> None:
        if self._tunnel:
            cast("WriteListener", self._listener).on_client_data(data)
            return
        if self._closing:
            self._discard(len(data))
            return
        self._begin_bytes(len(data))
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            self._start_next()
        except httptools.HttpParserError as error:
            self._start_next()
            self._parse_failed(error)
        else:
            self._start_next()
            self._after_feed()

    def eof_received(self) -> bool:
        if self._tunnel and self._listener is not None:
            self._listener.on_client_end()
            return True
        # A client that ends its direction has gone: nobody reads the answer (nginx does the same).
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._closing = True
        self._transport = None
        self._service.leave(self)
        listener, self._listener = self._listener, None
        if self._tunnel and listener is not None:
            listener.on_client_end()
        gone = Reject(Reason.CLIENT_DISCONNECTED)
        for request in (self._parsing, *self._queue):
            if request is not None:
                request.body.fail(gone)
        self._queue.clear()
        if self._fiber is not None:
            self._fiber.cancel()

    def pause_writing(self) -> None:
        self.write_paused = True
        self.deadline = self._service.loop.time() + self._service.write_s
        if self._listener is not None:
            self._listener.on_client_slow()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.deadline = NEVER
        if self._listener is not None:
            self._listener.on_client_ready()

    def on_deadline(self, now: float) -> None:  # noqa: ARG002  # the interface of `Deadlines`
        """Called by `Deadlines`: the client was too slow, or idle for long enough."""
        if self._transport is None or self._closing or self.write_paused or self._reading_off:
            self.abort()
        elif self._parsing is not None:
            self.deadline = NEVER
            self._parsing.body.fail(Reject(Reason.REQUEST_TIMEOUT))
        elif self._current is not None:
            self.deadline = NEVER
        elif self._started:
            self._refuse(Reject(Reason.REQUEST_TIMEOUT, "the request head did not arrive in time"))
        else:
            self._transport.close()

    # -- llhttp's callbacks -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_head = self._started = True
        self._head_bytes = self._body_bytes = self._fed = 0
        self._target = b""
        self._fields, self._trailers = [], []

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._count_head(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._fields.append((name, value))
        else:
            read_trailer(name)
            self._trailers.append((name, value))
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._in_head = False
        limits = self._service.limits
        if len(self._fields) > limits.headers_max:
            raise RequestHeadError(Reject(Reason.HEADERS_TOO_LARGE, "too many header fields"))
        body = RequestBody(self, limits.body_bytes_max)
        request = InboundRequest(
            self._parser.get_method(), self._target, Headers(self._fields), body
        )
        read_head(request, self._parser.get_http_version())
        self._fed = 0
        self._parsing = request
        self._queue.append(request)

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._reading_off:
            self._discard(len(data))
        request = self._parsing
        if request is not None:
            request.body.feed(data)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # llhttp ends such a message at its head; `_upgrade` decides what follows
        request, self._parsing = self._parsing, None
        self._started = False
        if request is not None:
            request.body.end(self._trailers)
            if not self.write_paused:
                self.deadline = NEVER
        if self._reading_off:
            self._reading_off = False
            self._wait_for_next()

    # -- parsing ----------------------------------------------------------------------------

    def _begin_bytes(self, count: int) -> None:
        service = self._service
        if not self._started:
            self._started = True
            self._fed = 0
            if self._current is None:
                self.deadline = service.loop.time() + service.head_s
        elif self._parsing is not None and not (self.write_paused or self._reading_off):
            self.deadline = service.loop.time() + service.body_idle_s
        self._fed += count

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._service.limits.head_bytes_max:
            raise RequestHeadError(
                Reject(
                    Reason.HEADERS_TOO_LARGE,
                    f"the request head is larger than {self._service.limits.head_bytes_max} bytes",
                )
            )

    def _after_feed(self) -> None:
        if self._parsing is not None:
            framing = self._fed - self._body_bytes
            if framing > FRAMING_SLACK_BYTES + FRAMING_PER_BODY_BYTE * self._body_bytes:
                self._refuse(Reject(Reason.MALFORMED_REQUEST, "too much chunk framing"))
        elif self._started and self._in_head and self._fed > self._service.limits.head_bytes_max:
            # A field that does not end is not shown by llhttp, but its bytes came.
            self._refuse(Reject(Reason.HEADERS_TOO_LARGE))
        if len(self._queue) and not self._reading_paused:
            self.pause_reading()  # pipelined requests wait in the kernel, not here

    def _parse_failed(self, error: BaseException) -> None:
        inner = error.__context__
        if isinstance(inner, RequestHeadError):
            reject = inner.reject
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            reject = Reject(Reason.METHOD_UNKNOWN)
        else:
            reject = Reject(Reason.MALFORMED_REQUEST)
        self._refuse(reject)

    def _refuse(self, reject: Reject) -> None:
        """Ends parsing for good; the answer waits for those of the requests before it."""
        self._closing = True
        request, self._parsing = self._parsing, None
        if request is not None:
            request.body.fail(reject)
        if request is not None or self._current is not None:
            return  # the handler answers: either that body failed, or an earlier request runs
        self.write(self._service.handler.refuse_unparsed(reject, self))
        self._linger()

    def _upgrade(self, rest: bytes) -> None:
        request = self._parsing
        if request is not None and request.upgrade:
            self._parsing = None
            self._tunnel_rest = rest
            request.body.end([])
            self._closing = True  # whatever follows is not HTTP, unless the upgrade is refused
            self.pause_reading()
            self.deadline = NEVER
            return
        self._ignore_upgrade(request, rest)

    def _ignore_upgrade(self, request: InboundRequest | None, rest: bytes) -> None:
        """Reads on after an upgrade that we do not follow, such as h2c (RFC 9110 section 7.8).

        llhttp stops at such a head. A fresh parser is given the same framing without the upgrade,
        so that the body, if any, is read as a body and never as the next request.
        """
        if request is None:
            self._refuse(Reject(Reason.MALFORMED_REQUEST))
            return
        framing = b""
        if request.chunked:
            framing = b"transfer-encoding: chunked\r\n"
        elif request.content_length is not None:
            framing = b"content-length: %d\r\n" % request.content_length
        resume = _Resume(self)
        self._parser = httptools.HttpRequestParser(resume)
        self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n")
        resume.armed = True
        if rest:
            self.data_received(rest)

    # -- exchanges --------------------------------------------------------------------------

    def _start_next(self) -> None:
        """Starts the next exchange, if none runs; its first steps run within this call."""
        if self._current is None and self._queue:
            self._current = request = self._queue.popleft()
            self._fiber = Fiber(self._service.handler.serve(request, self), self._served)
            self._fiber.start()

    def _served(self, error: BaseException | None) -> None:
        keep_open = self.keep_open()
        request, self._current = self._current, None
        self._fiber = self._listener = None
        if error is not None:
            self._service.loop.call_exception_handler(
                {"message": "exchange failed", "exception": error, "protocol": self}
            )
            self.abort()
        if self._transport is None or self._transport.is_closing() or request is None:
            return
        if not keep_open and (self._closing or not request.body.complete):
            self._linger()
        elif not keep_open:
            self._transport.close()
        elif not request.body.complete:
            self._read_off(request)
        elif self._queue:
            # Not from here: a thousand pipelined requests would be a thousand frames deep.
            self._service.loop.call_soon(self._start_next)
        else:
            self._wait_for_next()

    def _read_off(self, request: InboundRequest) -> None:
        """Reads the rest of a refused body and drops it, so that the connection can go on."""
        request.body.fail(Reject(Reason.CLIENT_DISCONNECTED))
        self._reading_off = True
        self.deadline = self._service.loop.time() + LINGER_S
        self.resume_reading()

    def _wait_for_next(self) -> None:
        self.resume_reading()
        service = self._service
        self.deadline = service.loop.time() + (service.head_s if self._started else service.idle_s)

    def _linger(self) -> None:
        """Ends our direction, then reads and discards what is still on its way, for a bounded time.

        Closing with unread bytes would reset the connection and destroy the answer in the client's
        receive buffer (RFC 9112 section 9.6).
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._closing = self._lingering = True
        self.deadline = self._service.loop.time() + LINGER_S
        if not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        self.resume_reading()

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > LINGER_BYTES_MAX:
            self.abort()

    def begin_drain(self) -> None:
        """Idle: closes now. Busy: closes after the running exchange, and says so in its head."""
        self.draining = True
        if self._current is None and not self._queue and self._transport is not None:
            self._transport.close()

    def drain_deadline(self) -> None:
        """The drain time is over."""
        if self._listener is not None:
            self._listener.on_drain_deadline()
        elif self._transport is not None:
            self._transport.close()

    # -- the handler's side: ClientConnection -------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def listen(self, listener: WriteListener | None) -> None:
        self._listener = listener

    def start_tunnel(self) -> bytes:
        self._tunnel = True
        rest, self._tunnel_rest = self._tunnel_rest, b""
        self.resume_reading()
        return rest

    def keep_open(self) -> bool:
        request = self._current
        if self._closing or self.draining or request is None or not request.keep_alive:
            return False
        if request.body.complete:
            return True
        # The rest of the body is read and dropped, if it comes at all and is not too long.
        rest = (request.content_length or 0) - request.body.size
        return not request.expect_continue and rest <= LINGER_BYTES_MAX

    def close_after(self) -> None:
        self._closing = True

    def abort(self, *, reset: bool = False) -> None:
        self._closing = True
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket") if reset else None
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()


class _Resume:
    """Hands a second parser's body callbacks on; its invented head goes nowhere."""

    def __init__(self, connection: ServerConnection) -> None:
        self.armed = False
        self._connection = connection

    def on_message_begin(self) -> None:
        if self.armed:
            self._connection.on_message_begin()

    def on_url(self, part: bytes) -> None:
        if self.armed:
            self._connection.on_url(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.armed:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.armed:
            self._connection.on_headers_complete()

    def on_body(self, data: bytes) -> None:
        self._connection.on_body(data)

    def on_message_complete(self) -> None:
        self._connection.on_message_complete()
