"""A request body on its way in: read piece by piece with back-pressure, or whole up to a limit."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Reject
from gateway.proxy.inbound import ClientConnection
from gateway.reasons import Reason

HIGH_WATER_BYTES: Final = 262_144
"""Above this many unread bytes the client's socket is not read."""


class BodyError(Exception):
    """The body cannot be had; `reject` is what the client is told."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason.value)
        self.reject = reject


class RequestBody:
    """The bytes of one request body between the parser (`feed`, `end`, `fail`) and one reader.

    `size` counts body bytes so far; above `bytes_max` the body fails with BODY_TOO_LARGE.
    """

    __slots__ = (
        "_client",
        "_error",
        "_paused",
        "_unread",
        "_waiter",
        "bytes_max",
        "complete",
        "parts",
        "size",
        "trailers",
    )

    def __init__(self, client: ClientConnection, bytes_max: int) -> None:
        self._client = client
        self.bytes_max = bytes_max
        self.parts: list[bytes] = []
        self.size = 0
        self.complete = False
        self.trailers: list[RawHeader] = []
        self._unread = 0
        self._paused = False
        self._error: BodyError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- the parser's side

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.bytes_max:
            self.fail(Reject(Reason.BODY_TOO_LARGE, too_large(self.bytes_max)))
            return
        if self._error is not None:
            return
        self.parts.append(data)
        self._unread += len(data)
        if self._unread > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._client.pause_reading()
        self._wake()

    def end(self, trailers: list[RawHeader]) -> None:
        self.complete = True
        self.trailers = trailers
        self._wake()

    def fail(self, reject: Reject) -> None:
        if self._error is None:
            self._error = BodyError(reject)
            self.parts.clear()
            self._unread = 0
        self._wake()

    # -- the reader's side

    def check(self) -> None:
        """Raises BodyError if the body already failed or is too large."""
        if self.size > self.bytes_max:
            self.fail(Reject(Reason.BODY_TOO_LARGE, too_large(self.bytes_max)))
        if self._error is not None:
            raise self._error

    async def next(self) -> bytes:
        """All bytes that came since the last call, at least one; b"" at the end.

        Raises BodyError if the body is too large, malformed, or stalled.
        """
        while not self.parts and not self.complete:
            self.check()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self.check()
        return self._take()

    async def whole(self, bytes_max: int) -> bytes:
        """The complete body. Raises BodyError if it is larger than `bytes_max`."""
        held: list[bytes] = []
        total = 0
        while data := await self.next():
            held.append(data)
            total += len(data)
            if total > bytes_max:
                raise BodyError(Reject(Reason.BODY_TOO_LARGE, too_large(bytes_max)))
        return held[0] if len(held) == 1 else b"".join(held)

    def _take(self) -> bytes:
        parts = self.parts
        if not parts:
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._unread = 0
        if self._paused:
            self._paused = False
            self._client.resume_reading()
        return data

    def take_ready(self) -> bytes:
        """The bytes that are here now, without waiting."""
        return self._take()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def too_large(bytes_max: int) -> str:
    """What a client is told whose body is over the limit."""
    return f"the request body is larger than {bytes_max} bytes"
