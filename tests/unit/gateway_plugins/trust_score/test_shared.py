"""What waits for the store of scores: in which order it is told, and how much of it waits."""

from __future__ import annotations

import asyncio

import pytest

from gateway.plugin import StoreUnavailableError
from gateway.plugin.scores import Score, ScoreRule
from gateway_plugins.trust_score import shared
from gateway_plugins.trust_score.resets import Reset
from gateway_plugins.trust_score.rolling import MILLI, Rolling
from gateway_plugins.trust_score.shared import BATCH_MAX, Shared

ALICE = ("acme", "alice", "")
RULE = ScoreRule(exchanges=10, half_life_us=1, floor_milli=0)


class Store:
    """What was done, in its order; answers nothing while `away`. Real servers have tests too."""

    def __init__(self) -> None:
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.told: list[int | None] = []

    async def read(self, owner: str, name: str) -> Score | None:
        raise AssertionError(f"{owner} {name} was not to be asked for")

    async def move(self, owner: str, name: str, result_milli: int, rule: ScoreRule) -> Score:
        del owner, name, rule
        await self.answers.wait()
        if self.away:
            raise StoreUnavailableError("away")
        self.told.append(result_milli // MILLI)
        return Score(result_milli, len(self.told))

    async def forget(self, owner: str, name: str | None) -> None:
        del owner, name
        if self.away:
            raise StoreUnavailableError("away")
        self.told.append(None)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.counted: list[str] = []
        self.rolling = Rolling(exchanges=10, half_life_s=1, floor=0, monotonic=lambda: 0.0)
        self.shared = Shared(self.store, self.rolling, RULE, "t", self.counted.append)


async def test_a_reset_is_told_between_what_came_before_and_after_it() -> None:
    world = World()
    world.shared.tell(ALICE, 1)
    world.shared.tell(ALICE, 2)
    world.shared.forget(Reset("acme", "alice", None))
    world.shared.tell(ALICE, 3)
    await world.shared.close()

    assert world.store.told == [1, 2, None, 3]


async def test_what_the_store_did_not_take_waits_in_its_order() -> None:
    world = World()
    for result in range(BATCH_MAX + 2):
        world.shared.tell(ALICE, result % 100)
    world.store.away = True
    assert not await world.shared.flush()
    world.store.away = False
    await world.shared.close()

    assert world.store.told == [result % 100 for result in range(BATCH_MAX + 2)]


async def test_of_too_much_the_oldest_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "WAITING_MAX", 2)
    world = World()
    for result in (1, 2, 3):
        world.shared.tell(ALICE, result)
    await world.shared.close()

    assert world.store.told == [2, 3]
    assert world.counted == ["score_not_shared"]


async def test_a_reset_is_never_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "WAITING_MAX", 2)
    world = World()
    world.shared.forget(Reset("acme", "alice", None))
    for result in (1, 2, 3):
        world.shared.tell(ALICE, result)
    await world.shared.close()

    assert world.store.told == [None, 3]


async def test_the_answer_of_the_store_replaces_the_copy() -> None:
    world = World()
    world.rolling.add(ALICE, 0, ("dlp_block",))
    world.shared.tell(ALICE, 80)
    await world.shared.close()
    standing = world.rolling.get(ALICE)

    assert standing is not None
    assert (standing.score, standing.reasons) == (80, ["dlp_block"])
    assert world.shared.is_fresh(ALICE, 0.9)
    assert not world.shared.is_fresh(ALICE, 1.0)
    assert not world.shared.is_fresh(("acme", "bob", ""), 0.0)


async def test_what_is_on_its_way_when_the_worker_ends_is_told_again() -> None:
    world = World()
    world.store.answers.clear()
    for result in (1, 2):
        world.shared.tell(ALICE, result)
    running = asyncio.create_task(world.shared.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    world.store.answers.set()
    await world.shared.close()

    assert world.store.told == [1, 2]
