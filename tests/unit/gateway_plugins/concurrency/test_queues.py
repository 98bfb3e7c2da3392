"""First come, first served, and only the first asks."""

from __future__ import annotations

import asyncio

from gateway_plugins.concurrency.queues import Queue

FOREVER_S = 1000.0


def start(queue: Queue, seconds: float = FOREVER_S) -> tuple[object, asyncio.Task[bool]]:
    waiter = queue.join()
    until = asyncio.get_running_loop().time() + seconds
    return waiter, asyncio.ensure_future(queue.turn(waiter, until))


async def test_a_freed_slot_wakes_the_first_alone() -> None:
    queue = Queue()
    _, first = start(queue)
    _, second = start(queue)
    await asyncio.wait([second], timeout=0)

    queue.wake_first()

    assert await first is True
    assert not second.done()
    second.cancel()


async def test_the_next_asks_when_the_first_has_left() -> None:
    queue = Queue()
    waiter, first = start(queue)
    _, second = start(queue)
    await asyncio.wait([second], timeout=0)

    queue.leave(waiter)  # type: ignore[arg-type]  # what join gave

    assert await second is True
    assert len(queue) == 1
    first.cancel()


async def test_a_slot_freed_while_the_first_was_asking_is_not_lost() -> None:
    queue = Queue()
    waiter, first = start(queue)
    queue.wake_first()
    assert await first is True
    queue.wake_first()

    until = asyncio.get_running_loop().time() + FOREVER_S

    assert await queue.turn(waiter, until) is True  # type: ignore[arg-type]  # what join gave


async def test_the_first_asks_now_and_then_by_itself() -> None:
    """Other workers free slots and do not say so."""
    _, first = start(Queue())

    assert await first is True


async def test_a_wait_ends_at_its_time() -> None:
    queue = Queue()
    start(queue)[1].cancel()
    _, second = start(queue, 0.001)

    assert await second is False


async def test_who_leaves_in_the_middle_wakes_nobody() -> None:
    queue = Queue()
    _, first = start(queue)
    middle, task = start(queue)
    _, last = start(queue)
    await asyncio.wait([last], timeout=0)

    queue.leave(middle)  # type: ignore[arg-type]  # what join gave
    await asyncio.wait([first, last], timeout=0)

    assert not first.done()
    assert not last.done()
    for one in (first, task, last):
        one.cancel()
