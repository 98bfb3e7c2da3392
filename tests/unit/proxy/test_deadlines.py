"""Deadlines are looked at by one tick."""

from __future__ import annotations

import asyncio

from gateway.proxy.deadlines import NEVER, Deadlines


class Member:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.expired = asyncio.Event()

    def on_deadline(self, now: float) -> None:
        assert now >= self.deadline
        self.deadline = NEVER
        self.expired.set()


async def test_a_member_is_told_when_its_deadline_has_passed() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 0.001)
    late, never = Member(loop.time()), Member(NEVER)
    deadlines.add(never)
    deadlines.add(late)

    await late.expired.wait()

    assert not never.expired.is_set()
    deadlines.close()


async def test_a_member_that_left_is_not_told() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 0.001)
    gone, late = Member(loop.time()), Member(loop.time())
    deadlines.add(gone)
    deadlines.add(late)
    deadlines.discard(gone)

    await late.expired.wait()

    assert not gone.expired.is_set()
    assert len(deadlines) == 1
    deadlines.close()
    assert len(deadlines) == 0
