"""Who waits for a slot, in the order of arrival; each group has a queue of its own.

Only the first of a queue asks the store: when this worker frees a slot of its group, when it has
become the first, and else every `POLL_S`, because other workers free slots too and do not say so.
So a queue asks ten times a second at most, however many wait in it.
"""

from __future__ import annotations

import asyncio
from collections import deque

POLL_S = 0.1


class Waiter:
    """One request in a queue."""

    __slots__ = ("_future", "_woken")

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Lets it ask at once, or as soon as it waits again."""
        self._woken = True
        self._stir()

    def _stir(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Until it is woken, and no longer than that."""
        if self._woken:
            self._woken = False
            return
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        timer = loop.call_later(seconds, self._stir)
        try:
            await self._future
        finally:
            timer.cancel()
            self._future = None
            self._woken = False


class Queue:
    """The requests of one group that wait; the first is served first."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self) -> Waiter:
        """One more, behind all others."""
        waiter = Waiter()
        self._waiters.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """One less; whoever is the first now asks at once."""
        first = self._waiters[0] is waiter
        self._waiters.remove(waiter)
        if first:
            self.wake_first()

    def wake_first(self) -> None:
        """A slot was freed."""
        if self._waiters:
            self._waiters[0].wake()

    async def turn(self, waiter: Waiter, until: float) -> bool:
        """Whether `waiter` may ask now; False when the loop's clock has passed `until`."""
        loop = asyncio.get_running_loop()
        while True:
            left = until - loop.time()
            if left <= 0:
                return False
            first = self._waiters[0] is waiter
            await waiter.sleep(min(left, POLL_S) if first else left)
            if self._waiters[0] is waiter and loop.time() < until:
                return True
