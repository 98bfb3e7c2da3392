"""The lag is how late timers fire, smoothed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gateway.server.loop_lag import INTERVAL_S, LoopLag


class Timers:
    """As much of a loop as LoopLag needs: the test fires the timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.armed: list[Callable[[], None]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timers:
        assert delay == INTERVAL_S
        self.armed.append(callback)
        return self

    def cancel(self) -> None:
        self.armed.clear()

    def fire(self, late_s: float) -> None:
        self.now += INTERVAL_S + late_s
        self.armed.pop()()


def test_lag_comes_and_goes_by_halves() -> None:
    timers = Timers()
    lag = LoopLag(timers, clock=lambda: timers.now)  # type: ignore[arg-type]  # a part of one
    lag.start()

    seen = []
    for late_s in (0.0, 0.4, 0.4, 0.0):
        timers.fire(late_s)
        seen.append(round(lag.seconds(), 6))

    assert seen == [0.0, 0.2, 0.3, 0.15]


def test_a_timer_that_fires_early_is_no_lag() -> None:
    timers = Timers()
    lag = LoopLag(timers, clock=lambda: timers.now)  # type: ignore[arg-type]  # a part of one
    lag.start()
    timers.fire(-0.01)

    assert lag.seconds() == 0.0


async def test_work_that_holds_up_a_real_loop_is_seen() -> None:
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop)
    lag.start()
    seen: asyncio.Future[None] = loop.create_future()

    def work() -> None:
        if lag.seconds() > 0.05:
            seen.set_result(None)
            return
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            pass
        loop.call_soon(work)

    loop.call_soon(work)
    await seen
    lag.stop()


async def test_it_can_be_stopped_twice() -> None:
    lag = LoopLag(asyncio.get_running_loop())
    lag.start()
    lag.stop()
    lag.stop()

    assert lag.seconds() == 0.0
