"""Time-outs without a timer each: one tick looks at everything that waits."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

NEVER: Final = float("inf")


class Expiring(Protocol):
    """Something with a time limit: `deadline` in loop seconds, `NEVER` for none."""

    deadline: float

    def on_deadline(self, now: float) -> None: ...


class Deadlines:
    """Calls `on_deadline` of every member whose `deadline` has passed, at most one tick late.

    Moving a deadline is one attribute write, where a timer of its own would be a cancel and a new
    one per request. Every limit kept here is far longer than the tick (`interval_s`).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._members: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Expiring) -> None:
        self._members.add(member)
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval_s, self._tick)

    def discard(self, member: Expiring) -> None:
        self._members.discard(member)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._members.clear()

    def __len__(self) -> int:
        return len(self._members)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for member in [m for m in self._members if m.deadline <= now]:
            member.on_deadline(now)
        if self._members and self._timer is None:
            self._timer = self._loop.call_later(self._interval_s, self._tick)
