"""A fiber goes on in the callback it waits for, and a cancelled one loses nothing."""

from __future__ import annotations

import asyncio

import pytest

from gateway.proxy.fiber import Fiber, Signal, outside


class Ended:
    """How a fiber ended."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.happened = asyncio.Event()

    def __call__(self, error: BaseException | None) -> None:
        self.error = error
        self.happened.set()


async def test_a_signal_continues_the_fiber_in_the_callers_stack() -> None:
    signal, seen = Signal(), list[int]()

    async def run() -> None:
        seen.append(1)
        await signal
        seen.append(2)

    ended = Ended()
    Fiber(run(), ended).step()
    assert seen == [1]
    signal.set()

    assert seen == [1, 2]
    assert ended.happened.is_set()


async def test_a_signal_that_was_set_before_is_not_waited_for() -> None:
    signal, ended = Signal(), Ended()

    async def run() -> None:
        await signal

    signal.set()
    Fiber(run(), ended).step()

    assert ended.happened.is_set()


async def test_an_exception_is_told_at_the_end() -> None:
    async def run() -> None:
        raise ValueError

    ended = Ended()
    Fiber(run(), ended).step()

    assert isinstance(ended.error, ValueError)


async def test_the_result_of_a_task_comes_back() -> None:
    results: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def run() -> None:
        results.append(await outside(work()))

    ended = Ended()
    Fiber(run(), ended).step()
    await ended.happened.wait()

    assert results == [7]


async def test_a_cancelled_fiber_cancels_its_task() -> None:
    unwanted: list[int] = []
    asked = asyncio.get_running_loop().create_future()

    async def run() -> None:
        await outside(asked, unwanted=unwanted.append)

    ended = Ended()
    fiber = Fiber(run(), ended)
    fiber.step()
    fiber.cancel()

    assert asked.cancelled()
    assert isinstance(ended.error, asyncio.CancelledError)
    assert unwanted == []


@pytest.mark.parametrize("fails", [False, True])
async def test_a_result_that_comes_with_the_cancellation_is_handed_over(fails: bool) -> None:
    """Else a connection that was just acquired would hold its slot for ever."""
    unwanted: list[int] = []
    asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        await outside(asked, unwanted=unwanted.append)

    ended = Ended()
    fiber = Fiber(run(), ended)
    fiber.step()
    if fails:
        asked.set_exception(OSError())
    else:
        asked.set_result(7)
    fiber.cancel()

    assert isinstance(ended.error, asyncio.CancelledError)
    assert unwanted == ([] if fails else [7])


async def test_a_fiber_that_waits_for_anything_else_is_a_fault() -> None:
    async def run() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match=r"outside\(\)"):
        Fiber(run(), Ended()).step()
