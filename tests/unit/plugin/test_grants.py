"""Nothing that was taken is lost when a client leaves, and what is held stays held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.plugin import Algorithm, Demand, Grant, Runtime, Standing, StoreUnavailableError
from gateway.plugin.grants import HeldGrants, abandon, granted
from gateway.state.memory import MemoryStore

SLOT = Demand("k", Algorithm.SLOTS, 1, 1, 60_000_000)


class SlowStore(MemoryStore):
    """Answers when the test says so; notes what is settled."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_us)
        self.now_us = 0
        self.settled: list[list[int]] = []

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        self.settled.append(list(amounts))
        super().settle(grant, amounts)


def promised() -> asyncio.Future[Grant]:
    return asyncio.get_running_loop().create_future()


async def test_a_grant_is_waited_for() -> None:
    answer = promised()
    answer.set_result(SlowStore().take("t", [SLOT]))

    grant = await granted(answer)

    assert grant is not None
    assert grant.admitted


async def test_a_store_that_is_away_is_no_grant() -> None:
    answer = promised()
    answer.set_exception(StoreUnavailableError())

    assert await granted(answer) is None


@pytest.mark.parametrize("admitted", [True, False])
async def test_an_answer_that_nobody_read_is_given_back(*, admitted: bool) -> None:
    """The client left in the very turn of the loop in which the answer came."""
    store = SlowStore()
    grant = store.take("t", [SLOT])
    answer = promised()
    answer.set_result(grant if admitted else Grant(False, (Standing(1, 0, 1),), 0))

    abandon(store, answer)

    assert store.settled == ([[0]] if admitted else [])


async def test_an_answer_under_way_is_cancelled() -> None:
    """The store gives back what it takes after that."""
    answer = promised()

    abandon(SlowStore(), answer)
    assert answer.cancelled()
    abandon(SlowStore(), answer)


async def test_a_store_that_failed_has_nothing_to_give_back() -> None:
    store = SlowStore()
    answer = promised()
    answer.set_exception(StoreUnavailableError())

    abandon(store, answer)

    assert store.settled == []


async def test_a_held_slot_outlives_its_lease_and_a_discarded_one_does_not() -> None:
    store = SlowStore()
    held = HeldGrants(store, Runtime())
    grant = store.take("t", [SLOT])
    held.add(grant)

    store.now_us = 50_000_000
    held.renew()
    store.now_us = 100_000_000
    assert not store.take("t", [SLOT]).admitted

    held.discard(grant)
    held.renew()
    store.now_us = 111_000_000
    assert store.take("t", [SLOT]).admitted
    assert len(held) == 0
