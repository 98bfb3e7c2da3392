"""The answer on its way back: from the upstream connection to the client, with back-pressure.

The relay is told by the upstream connection what arrives, and by the client's connection when it
is slow. Until the handler calls `start` (the response hooks have spoken), arriving bytes wait here.
Afterwards each read of the upstream becomes one write to the client, in the same loop turn:

| mode     | chosen when                          | what happens to body bytes                     |
|----------|--------------------------------------|------------------------------------------------|
| raw      | no plugin of the route reads them    | passed as they come                            |
| text     | a stream, and a plugin has `on_text` | cut into events, shown, passed or re-encoded   |
| buffered | not a stream, and `on_response`      | held up to a limit, shown whole, then passed   |

An answer that the upstream breaks off is never ended properly towards the client: in a stream the
dialect's error event goes out if the client stands between two events, then the connection is cut.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from gateway.plugin.evidence import BodyTrace
from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Reject
from gateway.providers.streaming import StreamKind, may_follow, tail_of
from gateway.proxy.body import BodyError
from gateway.proxy.fiber import Signal
from gateway.proxy.headers import chunk, last_chunk
from gateway.proxy.holding import write_body, write_last
from gateway.proxy.inbound import ClientConnection
from gateway.proxy.meter import Meter
from gateway.proxy.refusal import stream_refusal
from gateway.proxy.silence import Silence
from gateway.proxy.transform import Transform
from gateway.proxy.upstream import ResponseHead, UpstreamConnection, UpstreamError
from gateway.reasons import Reason

PENDING_BYTES_MAX: Final = 262_144
"""Body bytes that may wait for the response hooks before the upstream is not read any more."""


class Relay:
    """One exchange's answer. `head`, then `done` are what the handler waits for."""

    __slots__ = (
        "_body_error", "_chunked", "_client", "_ended", "_error", "_held", "_held_bytes", "_loop",
        "_returned", "_seen", "_signal", "_silence", "_trailers", "_transform", "_waiting",
        "_writable", "bytes_out", "connection", "finished", "first_byte_at", "head", "kind",
        "meter", "reject", "started", "tail", "upgraded", "x",
    )  # fmt: skip

    def __init__(
        self, x: Exchange, client: ClientConnection, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.x = x
        self._client = client
        self._loop = loop
        self.connection: UpstreamConnection | None = None
        self.head: ResponseHead | None = None
        self.upgraded: bytes | None = None
        """What came with a 101, once the upstream has switched protocols."""
        self.meter: Meter | None = None
        """Reads what the answer used, where a plugin wants to know."""
        self.reject: Reject | None = None
        """Why the answer was broken off, if it was."""
        self.bytes_out = 0
        self.first_byte_at = 0.0
        self.finished = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._trailers: list[RawHeader] = []
        self._ended = False
        self._error: UpstreamError | None = None
        self._body_error: BodyError | None = None
        self._signal = Signal()
        self._waiting = False
        self._writable: asyncio.Future[None] | None = None
        self.started = False
        self._chunked = False
        self.kind: StreamKind | None = None
        self._transform: Transform | None = None
        self._silence: Silence | None = None
        self.tail = b""
        self._seen: BodyTrace | None = None
        self._returned: BodyTrace | None = None

    # -- the handler's side -------------------------------------------------------------------

    async def wait_head(self) -> ResponseHead:
        """The head of the answer. Raises UpstreamError, or BodyError if the request broke off."""
        while self.head is None:
            if self._body_error is not None:
                raise self._body_error
            if self._error is not None:
                raise self._error
            self._waiting = True
            try:
                await self._signal
            finally:
                self._waiting = False
        return self.head

    async def whole_body(self, bytes_max: int) -> bytes | None:
        """The complete body, or None where it is larger than `bytes_max` (what came is kept).

        Raises UpstreamError if the upstream breaks off.
        """
        while not self._ended:
            if self._error is not None:
                raise self._error
            if self._held_bytes > bytes_max:
                return None
            self._resume_upstream()
            await self._wait()
        if self._held_bytes > bytes_max:
            return None
        self._held = [b"".join(self._held)]
        return self._held[0]

    def start(
        self,
        head: bytes,
        *,
        chunked: bool,
        kind: StreamKind | None = None,
        without_body: bool = False,
        body: bytes | None = None,
        transform: Transform | None = None,
    ) -> None:
        """Writes the head and whatever of the body is here; the rest follows as it comes.

        `body` replaces a buffered body; `transform` sees every piece of another one.
        """
        self.started = True
        self._chunked = chunked and not without_body
        self.kind, self._transform = kind, transform
        self._client.listen(self)
        held, self._held = self._held, []
        came = held[0] if len(held) == 1 else b"".join(held)
        data, self._held_bytes = came if body is None else body, 0
        evidence = self.x.evidence
        if evidence is not None:
            edited = data is not came or (transform is not None and transform.changes)
            streamed = kind is not None
            self._seen, self._returned = evidence.begin_answer(edited=edited, streamed=streamed)
            self._seen.add(came)
        if transform is not None and data:
            data = transform.feed(data)
        out = [head]
        if data and not without_body:
            data = self._noted(data)
            out.append(chunk(data) if self._chunked else data)
        if self._ended and (transform is None or transform.reject is None):
            self._finish(out)
            return
        if evidence is not None and evidence.on_delay is not None:
            evidence.on_delay(self.x, evidence)
        self._client.write(b"".join(out))
        if transform is not None and transform.waits:
            self._listen()
        if transform is not None and transform.reject is not None:
            self.break_off(transform.reject)
        elif transform is not None and transform.cut:
            self._cut_off()
        elif self._error is not None:
            self.break_off(Reject(self._error.reason))
        else:
            self._resume_upstream()

    async def wait_done(self) -> None:
        """Returns when the last byte was handed to the client's connection, or nothing can be."""
        if not self.finished:
            await self._signal

    async def wait_writable(self) -> None:
        """Returns when the upstream takes request bytes again, or has answered or failed."""
        connection = self.connection
        while connection is not None and connection.write_paused and not self._settled():
            self._writable = self._loop.create_future()
            await self._writable

    @property
    def sent(self) -> bool:
        """Whether anything of the request may have reached the upstream that was tried last."""
        if self.head is not None:
            return True
        return self.connection is not None and (self._error is None or self._error.sent)

    def unseen(self) -> bytes | None:
        """What came of an answer that was not begun, because something else was answered."""
        if self.started or self.head is None or self.upgraded is not None:
            return None
        return b"".join(self._held)

    def _settled(self) -> bool:
        return self._ended or self._error is not None

    def reset(self) -> None:
        """Forgets a failed attempt, before another target is tried."""
        if self.connection is not None:
            self.connection.abort()
        self.connection = self.head = self._error = None
        self._held, self._held_bytes, self._trailers = [], 0, []
        self._ended = False

    def fail_request(self, error: BodyError) -> None:
        """The rest of the request will not come: stops the upstream, and the answer if it runs."""
        self._body_error = error
        if self.started:
            self.break_off(error.reject)
            return
        if self.connection is not None:
            self.connection.abort()
        self._wake()

    def cancel(self) -> None:
        """The client is gone, or the request failed: the upstream's work is stopped at once."""
        if self.connection is not None and not self._ended:
            self.connection.abort()
        self._set_done()

    def break_off(self, reject: Reject) -> None:
        """Ends a running answer as a failure that no client can take for a whole answer."""
        if self.finished:
            return
        self._nudge()
        self.reject = reject
        if self.connection is not None:
            self.connection.abort()
        changes = self._transform is not None and self._transform.changes
        if may_follow(self.kind, self.tail, whole_frames=changes):
            write_body(self._client, stream_refusal(self.x, reject), chunked=self._chunked)
            self._client.close_after()  # without a last chunk: the body stays open-ended
        else:
            # An HTTP/1.0 client may be reading a body up to the connection's end.
            self._client.abort(reset=self.x.request.http_version == "1.0")
        self._set_done()

    # -- the upstream's side: ResponseSink ------------------------------------------------------

    def on_interim(self, head: ResponseHead) -> None:
        # 100 was answered by us, if it was asked for. A 1.0 client knows no interim answers.
        if head.status != 100 and self.x.request.http_version == "1.1":  # noqa: PLR2004  # RFC 9110 section 15.2.1
            fields = b"".join(b"%b: %b\r\n" % field for field in head.headers)
            self._client.write(b"HTTP/1.1 %d %b\r\n%b\r\n" % (head.status, head.phrase, fields))

    def on_head(self, head: ResponseHead) -> None:
        self.head = head
        self.first_byte_at = monotonic()
        evidence = self.x.evidence
        if evidence is not None:
            evidence.response_encoding = head.encoding

    def on_data(self, data: bytes) -> None:
        if not self.started:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > PENDING_BYTES_MAX and self.connection is not None:
                self.connection.pause_reading()
            return
        if self._seen is not None:
            self._seen.add(data)
        transform = self._transform
        if transform is not None:
            data = transform.feed(data)
        if data:
            write_body(self._client, self._noted(data), chunked=self._chunked)
        if transform is not None:
            if transform.reject is not None:
                self.break_off(transform.reject)
            elif transform.cut:
                self._cut_off()
            elif transform.waits:
                self._listen()

    def on_read(self) -> None:
        self._wake()

    def on_end(self, trailers: list[RawHeader]) -> None:
        self._ended = True
        self._trailers = trailers
        self._wake_writer()
        if self.started:
            self._finish([])
        else:
            self._wake()

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        self.upgraded = rest
        self.on_head(head)
        self._wake()

    def on_error(self, error: UpstreamError) -> None:
        self._error = error
        self._wake_writer()
        if self.started:
            self.break_off(Reject(error.reason))
        else:
            self._wake()

    def on_writable(self) -> None:
        self._wake_writer()

    # -- the client's side: WriteListener -------------------------------------------------------

    def on_client_slow(self) -> None:
        if self.connection is not None:
            self.connection.pause_reading()

    def on_client_ready(self) -> None:
        self._resume_upstream()

    def on_client_data(self, data: bytes) -> None:
        """Only an upgraded connection has such bytes; see tunnel.py."""

    def on_client_end(self) -> None:
        """Only an upgraded connection has such an end; see tunnel.py."""

    def on_drain_deadline(self) -> None:
        reject = Reject(Reason.DRAINING)
        if self.started:
            self.break_off(reject)
        else:
            self.fail_request(BodyError(reject))  # nothing is out yet: a refusal can be

    # -- inner ----------------------------------------------------------------------------------

    def _finish(self, out: list[bytes]) -> None:
        transform = self._transform
        if transform is not None:
            rest = transform.finish()
            if rest:
                rest = self._noted(rest)
                out.append(chunk(rest) if self._chunked else rest)
            if transform.reject is not None:
                self._client.write(b"".join(out))
                self.break_off(transform.reject)
                return
        if self._chunked:
            out.append(last_chunk(self._trailers))
        if out:
            write_last(self.x.evidence, self._client, b"".join(out))
        self._set_done()

    def _noted(self, data: bytes) -> bytes:
        """Body bytes that go to the client, as they are without their frame."""
        if self._returned is not None:
            self._returned.add(data)
        self.tail = tail_of(self.tail, data)
        self.bytes_out += len(data)
        return data

    def _listen(self) -> None:
        """A part of the stream is held: it must not be for long."""
        if self._silence is None:
            self._silence = Silence(self._loop, self._nudge)
        self._silence.begin()

    def _nudge(self) -> None:
        """Nothing came for a while: what is safe of the events that wait goes out."""
        if not self.finished and self._transform is not None and (data := self._transform.nudge()):
            write_body(self._client, self._noted(data), chunked=self._chunked)

    def _cut_off(self) -> None:
        """The stream is over before the upstream says so: ends it in order, stops the upstream."""
        if self.connection is not None and not self._ended:
            self.connection.abort()
        self._ended = True
        self._finish([])

    def _resume_upstream(self) -> None:
        connection = self.connection
        if connection is not None and not self._ended and not self._client.write_paused:
            connection.resume_reading()

    async def _wait(self) -> None:
        self._waiting = True
        try:
            await self._signal
        finally:
            self._waiting = False

    def _wake(self) -> None:
        if self._waiting:
            self._signal.set()

    def _wake_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _set_done(self) -> None:
        if not self.finished:
            self.finished = True
            if self._silence is not None:
                self._silence.end()
            if self.started:
                self._signal.set()
