"""A stream that is silent while a part of it is held back is noticed, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from gateway.proxy.silence import SILENCE_S, Silence


class Timer:
    """A timer of `Loop`."""

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop as far as it is asked for the time, which a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Any:
        self.timers.append(Timer(self.now + delay_s, call))
        return self.timers[-1]

    def pass_time(self, seconds: float) -> None:
        """Rings what is due."""
        self.now += seconds
        due = [timer for timer in self.timers if timer.at <= self.now]
        self.timers = [timer for timer in self.timers if timer.at > self.now]
        for timer in due:
            if not timer.cancelled:
                timer.call()


def silence(loop: Loop) -> tuple[Silence, list[float]]:
    rung: list[float] = []
    made = Silence(cast("asyncio.AbstractEventLoop", loop), lambda: rung.append(loop.now))
    return made, rung


def test_silence_is_noticed_after_what_came_last() -> None:
    loop = Loop()
    watch, rung = silence(loop)
    watch.begin()
    loop.pass_time(SILENCE_S * 0.75)
    watch.begin()
    loop.pass_time(SILENCE_S * 0.75)
    assert rung == []

    loop.pass_time(SILENCE_S * 0.25)
    loop.pass_time(10)

    assert rung == [SILENCE_S * 1.75]


def test_many_events_share_one_timer() -> None:
    loop = Loop()
    watch, _ = silence(loop)

    for _ in range(100):
        watch.begin()

    assert len(loop.timers) == 1


def test_nothing_rings_behind_the_end() -> None:
    loop = Loop()
    watch, rung = silence(loop)
    watch.begin()

    watch.end()
    watch.end()
    loop.pass_time(10)

    assert rung == []
