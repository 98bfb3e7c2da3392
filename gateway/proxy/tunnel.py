"""An upgraded connection: the bytes of both directions, frame for frame as they come."""

from __future__ import annotations

from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Reject
from gateway.proxy.fiber import Signal
from gateway.proxy.inbound import ClientConnection
from gateway.proxy.upstream import ResponseHead, UpstreamConnection, UpstreamError
from gateway.reasons import Reason


class Tunnel:
    """Sink of the upstream's bytes and listener of the client's; `wait_done` ends with either."""

    def __init__(
        self,
        client: ClientConnection,
        connection: UpstreamConnection,
    ) -> None:
        self._client = client
        self._connection = connection
        self._done = Signal()
        self.reject: Reject | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    def start(self, head: bytes, rest: bytes) -> None:
        """Sends the 101 and what came with it, then what the client sent too early."""
        self._connection.redirect(self)
        self._client.listen(self)
        self._client.write(head)
        if rest:
            self.on_data(rest)
        early = self._client.start_tunnel()
        if early:
            self.on_client_data(early)

    async def wait_done(self) -> None:
        await self._done

    # -- the client's side

    def on_client_data(self, data: bytes) -> None:
        self.bytes_in += len(data)
        self._connection.write(data)
        self._connection.touch()
        if self._connection.write_paused:
            self._client.pause_reading()

    def on_client_end(self) -> None:
        self._connection.half_close()

    def on_client_slow(self) -> None:
        self._connection.pause_reading()

    def on_client_ready(self) -> None:
        self._connection.resume_reading()

    def on_drain_deadline(self) -> None:
        self._stop(Reject(Reason.DRAINING))

    # -- the upstream's side

    def on_interim(self, head: ResponseHead) -> None:
        """There is no interim answer after 101."""

    def on_head(self, head: ResponseHead) -> None:
        """There is no second head after 101."""

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        """A connection is upgraded once."""

    def on_data(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._client.write(data)

    def on_read(self) -> None:
        """Bytes go on as they come."""

    def on_end(self, trailers: list[RawHeader]) -> None:  # noqa: ARG002  # a tunnel has none
        self._client.close_after()
        self._finish()

    def on_error(self, error: UpstreamError) -> None:
        self._stop(Reject(error.reason))

    def on_writable(self) -> None:
        self._client.resume_reading()

    def _stop(self, reject: Reject) -> None:
        self.reject = reject
        self._connection.abort()
        self._client.abort()
        self._finish()

    def _finish(self) -> None:
        self._done.set()
