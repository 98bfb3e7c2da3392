"""Notices that a stream is silent while a part of it is held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

SILENCE_S: Final = 0.2
"""Models pause for less between two tokens; readers notice what takes longer."""


class Silence:
    """Calls `then` once nothing has come for `SILENCE_S`; `begin` is called when something comes.

    One timer runs at a time, and it is not set anew for what comes meanwhile: that would cost more
    than all the rest of waiting.
    """

    __slots__ = ("_began_at", "_loop", "_then", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        self._loop = loop
        self._then = then
        self._timer: asyncio.TimerHandle | None = None
        self._began_at = 0.0

    def begin(self) -> None:
        """Something came, and a part of it is held."""
        self._began_at = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(SILENCE_S, self._ring)

    def end(self) -> None:
        """The stream is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        left_s = self._began_at + SILENCE_S - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._ring)
        else:
            self._then()
