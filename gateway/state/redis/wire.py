"""One open connection: commands go out in batches, and answers come back in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

import hiredis

_MISSING = object()

Word = str | bytes | int

# The stub of hiredis takes only tuples of one word.
pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)
"""A command as it goes over the wire."""


class Call:
    """One command that waits for its answer."""

    __slots__ = ("command",)

    def __init__(self, command: bytes) -> None:
        self.command = command

    def answered(self, reply: Any) -> None:
        """The answer; an error reply is an instance of `hiredis.ReplyError`."""

    def expired(self) -> None:
        """The deadline has passed. The answer may still come."""

    def lost(self, *, sent: bool) -> None:
        """There will be no answer; where it was not `sent`, it was not executed either."""


class Question(Call):
    """A call whose answer is awaited, for what is not asked per request."""

    __slots__ = ("future",)

    def __init__(self, command: bytes) -> None:
        super().__init__(command)
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, reply: Any) -> None:
        if self.future.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            self.future.set_exception(ServerError(str(reply)))
        else:
            self.future.set_result(reply)

    def expired(self) -> None:
        self._fail("no answer within the deadline")

    def lost(self, *, sent: bool) -> None:  # noqa: ARG002  # as Call
        self._fail("the connection was lost")

    def _fail(self, why: str) -> None:
        if not self.future.done():
            self.future.set_exception(ConnectionError(why))


class ServerError(Exception):
    """The server answered with an error."""


class Batch:
    """Calls that go out in one write, and the time by which they must be answered."""

    __slots__ = ("answers", "calls", "due", "expired")

    def __init__(self, due: float, calls: Iterable[Call] = ()) -> None:
        self.due = due
        self.calls = list(calls)
        self.answers = 0
        self.expired = False

    def open_calls(self) -> list[Call]:
        """Those not answered yet."""
        return self.calls[self.answers :]


class Wire(asyncio.Protocol):
    """The connection. `on_lost` is told once that it ended, with what was not answered."""

    def __init__(self, on_lost: Callable[[Wire], None]) -> None:
        self._on_lost = on_lost
        self._reader = hiredis.Reader(
            notEnoughData=_MISSING, encoding="utf-8", errors="surrogateescape"
        )
        self._transport: asyncio.Transport | None = None
        self.batches: deque[Batch] = deque()
        self.answers = 0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def write(self, batch: Batch) -> None:
        """Sends a batch; one that cannot be sent is told by `on_lost`."""
        self.batches.append(batch)
        if self._transport is not None and not self.ended:
            calls = batch.calls
            if len(calls) == 1:
                self._transport.write(calls[0].command)
            else:
                self._transport.write(b"".join([call.command for call in calls]))

    async def ask(self, *words: Word) -> Any:
        """One command of its own. Raises ServerError for an error, ConnectionError without one."""
        question = Question(pack(words))
        if self.ended:
            raise ConnectionError("the connection was lost")
        self.write(Batch(float("inf"), [question]))
        return await question.future

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while not self.ended and (reply := reader.gets()) is not _MISSING:
                self._answer(reply)
        except hiredis.ProtocolError:
            self.abort()

    def _answer(self, reply: Any) -> None:
        if not self.batches:
            # Nobody asked: an answer could no longer be told from the next one's.
            self.abort()
            return
        batch = self.batches[0]
        call = batch.calls[batch.answers]
        batch.answers += 1
        if batch.answers == len(batch.calls):
            self.batches.popleft()
        self.answers += 1
        call.answered(reply)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio passes it
        self._end()

    def abort(self) -> None:
        """Ends it now; what is not answered is lost."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._on_lost(self)
