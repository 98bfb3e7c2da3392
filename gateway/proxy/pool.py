"""The connections of one worker to one target: newest idle first, a cap, a queue with a deadline.

Every connection and every dial under way holds one of `connections_max` slots. A slot is

    dialing -> active <-> idle, and from each of the three -> free

and a free slot goes to the first waiter at once: either together with a connection that was given
back, or as the right to dial. So nobody overtakes a waiter, and while anyone waits nothing is idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.proxy.dial import ConnectionFactory, dial
from gateway.proxy.target import Target
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.reasons import Reason
from gateway.settings import PoolSettings

Dial = Callable[[Target, ConnectionFactory, float], Awaitable[UpstreamConnection]]
_Grant = asyncio.Future[UpstreamConnection | None]
"""What a waiter gets: a connection, or None for a slot to dial in."""


class Pool:
    """See the module. Not thread-safe: one pool belongs to one event loop.

    `connect_timeout_s` bounds a dial unless `acquire` is told otherwise; `dial` opens connections.
    """

    __slots__ = (
        "_active",
        "_closed",
        "_connect_timeout_s",
        "_connections_max",
        "_dial",
        "_dialing",
        "_idle",
        "_idle_max",
        "_idle_timeout_s",
        "_queue_max",
        "_queue_timeout_s",
        "_timer",
        "_waiters",
        "target",
    )

    def __init__(
        self,
        target: Target,
        settings: PoolSettings,
        connect_timeout_s: float,
        *,
        dial: Dial = dial,
    ) -> None:
        self.target = target
        self._connections_max = settings.connections_max
        self._idle_max = settings.idle_max
        self._idle_timeout_s = settings.idle_timeout_ms / 1000
        self._queue_max = settings.queue_max
        self._queue_timeout_s = settings.queue_timeout_ms / 1000
        self._connect_timeout_s = connect_timeout_s
        self._dial = dial
        self._active: set[UpstreamConnection] = set()
        self._idle: deque[UpstreamConnection] = deque()  # oldest first
        self._dialing = 0
        self._waiters: deque[_Grant] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # -- for exchanges ----------------------------------------------------------------------

    def try_acquire(self) -> UpstreamConnection | None:
        """The newest idle connection that is still alive, or None: then `await acquire()`."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale():
                self._active.add(connection)
                return connection
            connection.abort()
        return None

    async def acquire(self, connect_timeout_s: float | None = None) -> UpstreamConnection:
        """A connection for one exchange: reused, new, or waited for.

        Raises UpstreamError: what `dial` raises; UPSTREAM_QUEUE_TIMEOUT if the queue is full or
        the wait too long; UPSTREAM_UNAVAILABLE after `close`. Safe to cancel at any point.
        """
        connection = self.try_acquire()
        if connection is not None:
            return connection
        if self._closed:
            raise _closed()
        timeout_s = self._connect_timeout_s if connect_timeout_s is None else connect_timeout_s
        if self.open < self._connections_max:
            self._dialing += 1
            return await self._dial_in_slot(timeout_s)
        return await self._wait(timeout_s)

    def release(self, connection: UpstreamConnection) -> None:
        """Takes a connection back from the exchange that holds it.

        A connection calls this itself when its exchange ended well. An exchange that never began
        on it calls this too; one that broke off aborts the connection, which frees the slot.
        """
        if connection not in self._active:
            return  # it closed meanwhile
        if self._closed or not connection.reusable:
            self._active.discard(connection)
            connection.abort()
            self._pass_slot_on()
            return
        grant = self._next_grant()
        if grant is not None:
            grant.set_result(connection)  # it stays active
        else:
            self._active.discard(connection)
            self._keep(connection)

    # -- for the owner ----------------------------------------------------------------------

    @property
    def active(self) -> int:
        """Connections that carry an exchange."""
        return len(self._active)

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def dialing(self) -> int:
        return self._dialing

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def open(self) -> int:
        """Slots in use; never above `connections_max`."""
        return len(self._active) + len(self._idle) + self._dialing

    def close(self) -> None:
        """Closes what is idle and sends waiters away; running exchanges end in their own time."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._idle.pop().close()
        while (grant := self._next_grant()) is not None:
            grant.set_exception(_closed())

    def __repr__(self) -> str:
        state = "closed " if self._closed else ""
        return (
            f"<Pool {self.target.label} {state}active={self.active} idle={self.idle} "
            f"dialing={self.dialing} waiting={self.waiting} max={self._connections_max}>"
        )

    # -- inner ------------------------------------------------------------------------------

    async def _dial_in_slot(self, timeout_s: float) -> UpstreamConnection:
        """Dials; the caller has counted the slot in `_dialing`."""
        try:
            connection = await self._dial(self.target, self._connection, timeout_s)
        except BaseException:
            self._dialing -= 1
            self._pass_slot_on()
            raise
        self._dialing -= 1
        self._active.add(connection)
        return connection

    def _connection(self) -> UpstreamConnection:
        return UpstreamConnection(self.release, self._forget)

    async def _wait(self, timeout_s: float) -> UpstreamConnection:
        if len(self._waiters) >= self._queue_max:
            raise _queue_timeout("its queue is full")
        loop = asyncio.get_running_loop()
        grant: _Grant = loop.create_future()
        self._waiters.append(grant)
        timer = loop.call_later(self._queue_timeout_s, self._give_up, grant)
        try:
            connection = await grant
        except asyncio.CancelledError:
            self._withdraw(grant)
            raise
        finally:
            timer.cancel()
        return await self._redeem(connection, timeout_s)

    async def _redeem(
        self, connection: UpstreamConnection | None, timeout_s: float
    ) -> UpstreamConnection:
        """Turns a grant into a connection. Since it was granted, the connection may have

        1. stayed alive: use it;
        2. been closed, and `_forget` gave its slot to another: begin again;
        3. gone stale: drop it and dial in its slot.
        """
        if connection is not None:
            if connection not in self._active:
                return await self.acquire(timeout_s)
            if not connection.is_stale():
                return connection
            self._active.discard(connection)
            connection.abort()
            self._dialing += 1
        return await self._dial_in_slot(timeout_s)

    def _give_up(self, grant: _Grant) -> None:
        if not grant.done():
            self._waiters.remove(grant)
            grant.set_exception(_queue_timeout("no connection became free in time"))

    def _withdraw(self, grant: _Grant) -> None:
        """The waiter was cancelled: either it still waits, or what it was granted goes on."""
        if grant.cancelled():
            if grant in self._waiters:
                self._waiters.remove(grant)
        elif grant.exception() is None:
            connection = grant.result()
            if connection is not None:
                self.release(connection)
            else:
                self._dialing -= 1
                self._pass_slot_on()

    def _next_grant(self) -> _Grant | None:
        """Takes the first waiter off the queue, past those cancelled but not yet run again."""
        while self._waiters:
            grant = self._waiters.popleft()
            if not grant.done():
                return grant
        return None

    def _pass_slot_on(self) -> None:
        """A slot became free: the first waiter may dial in it."""
        if self.open < self._connections_max:
            grant = self._next_grant()
            if grant is not None:
                self._dialing += 1
                grant.set_result(None)

    def _forget(self, connection: UpstreamConnection) -> None:
        """A connection closed, by whomever and in whatever state."""
        if connection in self._active:
            self._active.discard(connection)
            self._pass_slot_on()
        elif connection in self._idle:
            self._idle.remove(connection)

    def _keep(self, connection: UpstreamConnection) -> None:
        if len(self._idle) >= self._idle_max:
            connection.close()
            return
        self._idle.append(connection)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._idle_timeout_s, self._expire)

    def _expire(self) -> None:
        """Closes what was idle for too long; one timer serves the pool, set for the oldest."""
        self._timer = None
        loop = asyncio.get_running_loop()
        oldest_allowed = loop.time() - self._idle_timeout_s
        while self._idle and self._idle[0].idle_since <= oldest_allowed:
            self._idle.popleft().close()
        if self._idle:
            due = self._idle[0].idle_since + self._idle_timeout_s
            self._timer = loop.call_at(due, self._expire)


def _closed() -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the gateway is closing its connections")


def _queue_timeout(message: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_QUEUE_TIMEOUT, message)
