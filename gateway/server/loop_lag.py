"""How late the event loop of a worker runs: what a busy worker makes every request wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL_S = 0.05
WEIGHT = 0.5
"""Of the newest measurement: one late tick (a garbage collection, a reload) is halved each time."""


class LoopLag:
    """Sets a timer again and again and looks how late it fires."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lag_s = 0.0

    def seconds(self) -> float:
        """The lag, smoothed over the last few ticks."""
        return self._lag_s

    def start(self) -> None:
        """Measures until `stop`."""
        self._due = self._clock() + INTERVAL_S
        self._timer = self._loop.call_later(INTERVAL_S, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        late_s = max(0.0, self._clock() - self._due)
        self._lag_s += (late_s - self._lag_s) * WEIGHT
        self.start()
