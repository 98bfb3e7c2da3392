"""Runs one exchange's coroutine without a task: it goes on in the very callback it waits for.

An `asyncio.Task` starts, wakes and ends through the loop's queue: five turns of the loop (and five
polls of the sockets) for a request that needs two. A fiber is driven by hand instead. Its coroutine
may wait for two things only: a `Signal`, which continues it at once, in the caller's stack; and
`outside(...)`, which runs any other awaitable in a task of its own (so that time-outs and other
task features work there) and continues the fiber when that has ended.

Whoever sets a signal must be done with its own work first: the fiber runs inside that call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Signal:
    """Something a fiber waits for; `set` continues it, or makes the next wait return at once."""

    __slots__ = ("_fiber", "_is_set")

    def __init__(self) -> None:
        self._fiber: Fiber | None = None
        self._is_set = False

    def set(self) -> None:
        fiber, self._fiber = self._fiber, None
        if fiber is None:
            self._is_set = True
        else:
            fiber.step()

    def bind(self, fiber: Fiber) -> None:
        """Remembers who waits; for the fiber alone."""
        self._fiber = fiber

    def __await__(self) -> Generator[Signal, None, None]:
        if not self._is_set:
            try:
                yield self
            finally:
                self._fiber = None
        self._is_set = False


class Fiber:
    """Drives `coroutine`; `on_done` is told its exception, or None, once.

    `step` starts it and, later, continues it. `cancel` raises CancelledError where it waits.
    """

    __slots__ = ("_coroutine", "_on_done", "_running", "done")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, None],
        on_done: Callable[[BaseException | None], None],
    ) -> None:
        self._coroutine = coroutine
        self._on_done = on_done
        self._running = False
        self.done = False

    def step(self) -> None:
        """Starts it, and then runs on to the next wait each time."""
        self._advance(self._coroutine.send, None)

    def cancel(self) -> None:
        """Ends the wait; nothing happens to a fiber that is running or has ended."""
        if not self.done and not self._running:
            self._advance(self._coroutine.throw, asyncio.CancelledError())

    def _advance(self, advance: Callable[[Any], Any], value: Any) -> None:
        self._running = True
        try:
            waits_for = advance(value)
        except StopIteration:
            self._end(None)
        except BaseException as error:  # noqa: BLE001  # handed to on_done, as a task would keep it
            self._end(error)
        else:
            self._running = False
            if not isinstance(waits_for, Signal):
                raise TypeError(f"a fiber waits for signals, not for {waits_for!r}: use outside()")
            waits_for.bind(self)

    def _end(self, error: BaseException | None) -> None:
        self.done = True
        self._running = False
        self._on_done(error)


async def outside(awaitable: Awaitable[T], *, unwanted: Callable[[T], object] | None = None) -> T:
    """The result of any awaitable, run in a task; cancelling the fiber cancels the task.

    A task can end in the very turn of the loop in which the fiber is cancelled. Its result goes to
    `unwanted` then: whatever must be given back would be lost otherwise.
    """
    signal = Signal()
    task = asyncio.ensure_future(awaitable)
    task.add_done_callback(lambda _: signal.set())
    try:
        await signal
    except asyncio.CancelledError:
        too_late = not task.cancel() and not task.cancelled() and task.exception() is None
        if too_late and unwanted is not None:
            unwanted(task.result())
        raise
    return task.result()
