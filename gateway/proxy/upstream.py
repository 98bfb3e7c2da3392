"""One HTTP/1.1 connection to an upstream, on llhttp; one exchange at a time, raw bytes kept.

States: idle -> (`begin`) -> waiting for the head -> body -> (message complete) -> idle,
and from anywhere -> closed. What ends an exchange decides what the connection is good for:

| event                                   | sink is told | reusable afterwards        |
|-----------------------------------------|--------------|----------------------------|
| message complete, keep-alive            | `on_end`     | yes, if the request was sent whole |
| message complete, `Connection: close`   | `on_end`     | no                         |
| end of file of a close-delimited body   | `on_end`     | no                         |
| end of file or reset anywhere else      | `on_error`   | no                         |
| bytes after the message, or while idle  | nothing      | no (they would answer the next request) |
| not HTTP/1.x, ambiguous framing         | `on_error`   | no                         |
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from gateway.proxy.deadlines import NEVER, Deadlines
from gateway.proxy.response import BadResponseError, ResponseHead, ResponseSink, UpstreamError
from gateway.proxy.response_parser import ResponseParser
from gateway.reasons import Reason

__all__ = ["ResponseHead", "ResponseSink", "UpstreamConnection", "UpstreamError"]

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST in place of FIN."""


class UpstreamConnection(asyncio.Protocol):
    """See the module.

    `on_idle` is told when the connection may carry the next exchange, `on_closed` once when it is
    gone.
    """

    __slots__ = (
        "_deadlines",
        "_first_byte_s",
        "_idle_s",
        "_now",
        "_on_closed",
        "_on_idle",
        "_parser",
        "_poll",
        "_read_paused",
        "_sink",
        "_total_at",
        "_transport",
        "_tunnel",
        "closed",
        "deadline",
        "exchanges",
        "idle_since",
        "request_sent",
        "reusable",
        "sent",
        "write_paused",
    )

    def __init__(
        self,
        on_idle: Callable[[UpstreamConnection], None],
        on_closed: Callable[[UpstreamConnection], None],
    ) -> None:
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._now = asyncio.get_running_loop().time
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._sink: ResponseSink | None = None
        self._deadlines: Deadlines | None = None
        self._poll: select.poll | None = None
        self._tunnel = False
        self._read_paused = False
        self._first_byte_s = self._idle_s = 0.0
        self._total_at = NEVER
        self.deadline = NEVER
        self.closed = False
        self.reusable = True
        self.exchanges = 0
        self.idle_since = self._now()
        """When it last became free, in loop seconds."""
        self.sent = False
        """Whether any byte of the running request was written."""
        self.request_sent = False
        """Whether the running request was written to its end."""
        self.write_paused = False

    @property
    def head(self) -> ResponseHead | None:
        """The head of the running answer, once it is here."""
        return None if self._parser is None else self._parser.head

    # -- the exchange's side ----------------------------------------------------------------

    def begin(
        self,
        sink: ResponseSink,
        method: bytes,
        deadlines: Deadlines,
        *,
        first_byte_s: float,
        idle_s: float,
        total_s: float = 0.0,
        upgrade: bool = False,
    ) -> None:
        """Starts an exchange; the caller then writes the request.

        The head must arrive within `first_byte_s`, every further byte within `idle_s` of the one
        before, all of it within `total_s` (0: no bound).
        """
        self._sink = sink
        if self._parser is None or not self._parser.again(method, upgrade_asked=upgrade):
            self._drop_parser()
            self._parser = ResponseParser(method, upgrade_asked=upgrade)
        self.sent = self.request_sent = False
        self.exchanges += 1
        now = self._now()
        self._first_byte_s, self._idle_s = first_byte_s, idle_s
        self._total_at = now + total_s if total_s else NEVER
        self.deadline = min(now + first_byte_s, self._total_at)
        self._deadlines = deadlines
        deadlines.add(self)

    def write(self, data: bytes) -> None:
        """Writes request bytes; look at `write_paused` between large pieces."""
        transport = self._transport
        if transport is not None:
            self.sent = True
            transport.write(data)
            if self.head is None:  # a long upload is no silence of the upstream
                now = self._now()
                self.deadline = min(now + self._first_byte_s, self._total_at)

    def finish_request(self) -> None:
        """Says that the request is written to its end."""
        self.request_sent = True

    def redirect(self, sink: ResponseSink) -> None:
        """Gives the rest of the running exchange to another sink."""
        self._sink = sink

    def touch(self) -> None:
        """Starts the idle limit anew: bytes went the other way through a tunnel."""
        self._touch()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
            self.deadline = NEVER  # the client is slow, not the upstream

    def resume_reading(self) -> None:
        if self._transport is not None and self._read_paused:
            self._read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
            self._touch()

    def is_stale(self) -> bool:
        """Whether bytes or an end of file wait unread: then it must not carry another request."""
        if self.closed or not self.reusable or self._poll is None:
            return True
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Closes in order; only for an idle connection."""
        self.reusable = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drops the connection at once; the sink is not called again.

        With RST: a FIN would wait behind bytes that the upstream does not take, so that one which
        is slow to read an upload would never learn that it is over.
        """
        self._sink = None
        self.reusable = False
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def half_close(self) -> None:
        """Ends the tunnel's direction to the upstream."""
        if self._transport is not None and not self._transport.is_closing():
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "idle" if self._sink is None else "busy"
        return f"<UpstreamConnection {state} exchanges={self.exchanges} reusable={self.reusable}>"

    # -- asyncio ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)

    def data_received(self, data: bytes) -> None:
        sink, parser = self._sink, self._parser
        if sink is None or parser is None:
            # Bytes that nobody asked for: see the table above.
            self.close()
            return
        self._touch()
        if self._tunnel:
            sink.on_data(data)
            return
        before = parser.head
        fault: BadResponseError | None = None
        try:
            parser.feed(data)
        except BadResponseError as error:
            fault = error
        for head in parser.interims:
            sink.on_interim(head)
        parser.interims.clear()
        if before is None and parser.head is not None:
            self._head_came(sink, parser)
        if parser.parts:
            sink.on_data(parser.take_data())
        if self._sink is not sink:
            return  # the sink gave the exchange up
        if fault is not None:
            self._fail(Reason.UPSTREAM_BAD_RESPONSE, str(fault))
        elif parser.complete:
            self._finish(sink, parser)
        else:
            sink.on_read()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.reusable = False
        sink, head = self._sink, self.head
        if sink is not None:
            if head is None:
                self._end_with_error(Reason.UPSTREAM_RESET, "it closed the connection")
            elif exc is None and (head.close_delimited or self._tunnel):
                self._sink = None
                sink.on_end([])
            else:
                self._end_with_error(Reason.UPSTREAM_TRUNCATED, "it broke its answer off")
        self._unwatch()
        self._drop_parser()
        self._transport = None
        self._on_closed(self)

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._sink is not None:
            self._sink.on_writable()

    def on_deadline(self, now: float) -> None:
        """Called by `Deadlines` when the upstream took too long."""
        if now >= self._total_at:
            reason = Reason.UPSTREAM_TOTAL_TIMEOUT
        elif self.head is None:
            reason = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT
        else:
            reason = Reason.UPSTREAM_IDLE_TIMEOUT
        self._fail(reason, "")

    # -- inner ------------------------------------------------------------------------------

    def _touch(self) -> None:
        if self._sink is not None:
            now = self._now()
            # Until the head is there the first-byte limit stands: 1xx and crumbs do not extend it.
            if self.head is not None:
                self.deadline = min(now + self._idle_s, self._total_at)

    def _head_came(self, sink: ResponseSink, parser: ResponseParser) -> None:
        head = cast("ResponseHead", parser.head)
        self._touch()
        if parser.rest is None:
            sink.on_head(head)
            return
        self._tunnel = True
        self.reusable = False
        sink.on_upgraded(head, parser.rest)

    def _finish(self, sink: ResponseSink, parser: ResponseParser) -> None:
        self._sink = None
        self._unwatch()
        self.resume_reading()
        # An answer that came before the whole request was sent leaves the connection in doubt
        # (CVE-2025-4366: the rest of the body would be read as the next request).
        if not parser.keep_alive or not self.request_sent:
            self.reusable = False
        trailers = parser.trailers  # the next exchange may begin within `_retire`
        if self.request_sent:
            self._retire()
        sink.on_end(trailers)
        if not self.request_sent:
            self.abort()

    def _drop_parser(self) -> None:
        parser, self._parser = self._parser, None
        if parser is not None:
            parser.close()

    def _retire(self) -> None:
        if self.reusable:
            self.idle_since = self._now()
            self._on_idle(self)
        elif self._transport is not None:
            self._transport.close()

    def _unwatch(self) -> None:
        self.deadline = NEVER
        if self._deadlines is not None:
            self._deadlines.discard(self)
            self._deadlines = None

    def _fail(self, reason: Reason, message: str) -> None:
        self._end_with_error(reason, message)
        self.abort()

    def _end_with_error(self, reason: Reason, message: str) -> None:
        sink, self._sink = self._sink, None
        self.reusable = False
        self._unwatch()
        if sink is not None:
            sink.on_error(UpstreamError(reason, message, sent=self.sent))
