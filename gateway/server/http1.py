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
from typing import Final, cast

from gateway.plugin.peer import ClientCertificate
from gateway.plugin.verdict import Reject
from gateway.proxy.deadlines import NEVER
from gateway.proxy.fiber import Fiber
from gateway.proxy.inbound import InboundRequest, WriteListener
from gateway.reasons import Reason
from gateway.server.certificates import peer_certificate
from gateway.server.request_head import RequestHeadError
from gateway.server.request_parser import RequestParser
from gateway.server.service import ConnectionService
from gateway.server.sockets import peer_has_gone

LINGER_S: Final = 2.0
"""How long a refused upload is read and thrown away, so that the client can read the answer."""
LINGER_BYTES_MAX: Final = 4_194_304
WRITE_HIGH_WATER_BYTES: Final = 131_072
END_CHECK_S: Final = 0.05
"""How often a connection whose reading is paused is asked whether its client is still there."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST in place of FIN."""


class ServerConnection(asyncio.Protocol):
    """See the module. The handler talks to it through `gateway.proxy.inbound.ClientConnection`."""

    __slots__ = (
        "_certificate", "_closing", "_current", "_discarded", "_fiber", "_listener", "_parser",
        "_reading_off", "_reading_paused", "_served_any", "_service", "_transport", "_tunnel",
        "_tunnel_rest", "_unsent", "_watched", "deadline", "draining", "left_in_order", "peer_ip",
        "peer_port", "tls", "write_paused",
    )  # fmt: skip

    def __init__(self, service: ConnectionService) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._parser = RequestParser(self, service.limits)
        self._current: InboundRequest | None = None
        self._fiber: Fiber | None = None
        self._listener: WriteListener | None = None
        self._closing = False
        """No further request is read; what still comes is discarded."""
        self._served_any = False
        self._discarded = 0
        self._reading_off: InboundRequest | None = None
        self._reading_paused = False
        self._tunnel = False
        self._tunnel_rest = b""
        self._unsent = b""
        """A whole answer that waits for its record."""
        self._watched = False
        self._certificate: ClientCertificate | None = None
        self.peer_ip = ""
        self.peer_port = 0
        self.tls = service.tls
        self.deadline = NEVER
        self.write_paused = False
        self.left_in_order = False
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
        parser = self._parser
        began = parser.started
        try:
            rest = parser.feed(data)
        except RequestHeadError as error:
            self._start_next()
            self._refuse(error.reject)
            return
        if rest is not None:
            self._stop_at_upgrade(rest)
        elif self._reading_off is not None:
            self._read_off()
        self._start_next()
        self._set_deadline(began=began)
        if parser.requests:
            self.pause_reading()  # pipelined requests wait in the kernel, not here

    def eof_received(self) -> bool:
        if self._tunnel and self._listener is not None:
            self._listener.on_client_end()
            return True
        # A client that ends its direction has gone: nobody reads the answer (nginx does the same).
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.left_in_order = exc is None and not self.write_paused
        self._closing = True
        self._transport = None
        self._service.leave(self)
        listener, self._listener = self._listener, None
        if self._tunnel and listener is not None:
            listener.on_client_end()
        gone = Reject(Reason.CLIENT_DISCONNECTED)
        if self._parser.reading is not None:
            self._parser.reading.body.fail(gone)
        self._parser.requests.clear()
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
        if (
            self._transport is None
            or self._closing
            or self.write_paused
            or self._reading_off is not None
        ):
            self.abort()
        elif self._parser.reading is not None:
            self.deadline = NEVER
            self._parser.reading.body.fail(Reject(Reason.REQUEST_TIMEOUT))
        elif self._current is not None:
            self.deadline = NEVER
        elif self._parser.started:
            self._refuse(Reject(Reason.REQUEST_TIMEOUT, "the request head did not arrive in time"))
        else:
            self._transport.close()

    # -- parsing ----------------------------------------------------------------------------

    def _set_deadline(self, *, began: bool) -> None:
        """What the client must do next, and until when.

        1. take bytes of a waiting answer, or end a refused body: set where that began
        2. send more of a body: within the idle limit, from now
        3. nothing, while its exchange runs
        4. end a head: within the head limit, from its first byte (of a connection's first request:
           from the connection's start)
        """
        if self.write_paused or self._reading_off is not None or self._closing:
            return
        service = self._service
        if self._parser.reading is not None:
            self.deadline = service.loop.time() + service.body_idle_s
        elif self._current is not None:
            self.deadline = NEVER
        elif self._parser.started and not began and self._served_any:
            self.deadline = service.loop.time() + service.head_s

    def _refuse(self, reject: Reject) -> None:
        """Ends parsing for good; the answer waits for those of the requests before it."""
        self._closing = True
        request, self._parser.reading = self._parser.reading, None
        if request is not None:
            request.body.fail(reject)
        if request is not None or self._current is not None:
            return  # the handler answers: either that body failed, or an earlier request runs
        self.write(self._service.handler.refuse_unparsed(reject, self))
        self._linger()

    def _stop_at_upgrade(self, rest: bytes) -> None:
        """What follows a handshake is not HTTP, unless the upgrade is refused: nobody reads it."""
        self._tunnel_rest = rest
        self._closing = True
        self.pause_reading()
        self.deadline = NEVER

    # -- exchanges --------------------------------------------------------------------------

    def _start_next(self) -> None:
        """Starts the next exchange, if none runs; its first steps run within this call."""
        if self._current is None and self._reading_off is None and self._parser.requests:
            self._current = request = self._parser.requests.popleft()
            self._served_any = True
            if not self._parser.requests:
                self.resume_reading()  # the body of the last one in line may still be on its way
            self._fiber = Fiber(self._service.handler.serve(request, self), self._served)
            self._fiber.step()

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
            self.release()
            self._transport.close()
        elif not request.body.complete:
            self._begin_read_off(request)
        elif self._parser.requests:
            # Not from here: a thousand pipelined requests would be a thousand frames deep.
            self._service.loop.call_soon(self._start_next)
        else:
            self._wait_for_next()

    def _begin_read_off(self, request: InboundRequest) -> None:
        """Reads the rest of a refused body and drops it, so that the connection can go on."""
        request.body.fail(Reject(Reason.CLIENT_DISCONNECTED))
        self._reading_off = request
        self.deadline = self._service.loop.time() + LINGER_S
        self.resume_reading()

    def _read_off(self) -> None:
        request = self._reading_off
        if request is not None and request.body.complete:
            self._reading_off = None
            self._wait_for_next()
        elif request is not None and request.body.size > request.body.bytes_max + LINGER_BYTES_MAX:
            self.abort()

    def _wait_for_next(self) -> None:
        self.resume_reading()
        service = self._service
        limit_s = service.head_s if self._parser.started else service.idle_s
        self.deadline = service.loop.time() + limit_s

    def _linger(self) -> None:
        """Ends our direction, then reads and discards what is still on its way, for a bounded time.

        Closing with unread bytes would reset the connection and destroy the answer in the client's
        receive buffer (RFC 9112 section 9.6).
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self.release()
        self._closing = True
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
        if self._current is None and not self._parser.requests and self._transport is not None:
            self.release()
            self._transport.close()

    def drain_deadline(self) -> None:
        """The drain time is over."""
        if self._listener is not None:
            self._listener.on_drain_deadline()
        elif self._transport is not None:
            self.release()
            self._transport.close()

    # -- the handler's side: ClientConnection -------------------------------------------------

    def certificate(self) -> ClientCertificate | None:
        if self._certificate is None and self.tls and self._transport is not None:
            self._certificate = peer_certificate(self._transport)
        return self._certificate

    def write(self, data: bytes) -> None:
        if self._unsent:
            self.release()
        if self._transport is not None:
            self._transport.write(data)

    def hold(self, data: bytes) -> bool:
        """Only where the connection stays as it is until then: nothing is in line, nothing ends."""
        request = self._current
        if request is None or self._unsent or self._parser.requests or not self.keep_open():
            return False
        if self._closing or not request.body.complete:
            return False
        self._unsent = data
        return True

    def release(self) -> None:
        data, self._unsent = self._unsent, b""
        if data and self._transport is not None:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
            if not self._watched:
                self._watched = True
                self._service.loop.call_later(END_CHECK_S, self._look_for_end)

    def _look_for_end(self) -> None:
        """A socket that is not read does not tell that its client has gone: it has to be asked."""
        if not self._reading_paused or self._transport is None:
            self._watched = False
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None and peer_has_gone(sock, half=not self._tunnel):
            self.abort()
        else:
            self._service.loop.call_later(END_CHECK_S, self._look_for_end)

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
