"""A running stream reserves more as it goes, and is cut where nothing is left."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import StreamGuard, Usage
from gateway.plugin.testing import running
from gateway_plugins.budget import Budget
from tests.unit.gateway_plugins.budget.ledgers import Store, asked, runtime_of, used

STEP = 100


@pytest.fixture
def store() -> Store:
    return Store()


def config(capacity: int, **more: Any) -> dict[str, Any]:
    budget = {"per": "global", "tokens": capacity, "period": "day"}
    return {
        "budgets": [budget, *more.pop("budgets", [])],
        "on_exhaust": "cut",
        "reserve_output_tokens": STEP,
        "alerts": [],
        **more,
    }


def run(guard: StreamGuard, tokens: int, start: int = 0) -> int:
    """Streams up to `tokens`, a token at a time; at which it was cut, or `tokens`."""
    usage = Usage()
    for usage.output_tokens in range(start + 1, tokens + 1):
        if usage.output_tokens >= guard.at_output_tokens and not guard.cut:
            guard.reached(usage)
        if guard.cut:
            return usage.output_tokens
    return tokens


async def test_a_stream_runs_as_long_as_there_is_room_and_not_a_token_longer(
    store: Store,
) -> None:
    async with running(Budget, config(1000), runtime_of(store)) as plugin:
        x = asked(stream=True)
        assert plugin.on_request(x) is None
        prompt = store.used() - STEP
        (guard,) = x.stream_guards

        assert run(guard, 5000) == 1000 - prompt
        assert store.used() == 1000
        used(x, prompt, 1000 - prompt, cut=True)
        plugin.on_complete(x)

    assert store.used() == 1000
    assert x.take_flag() == ("budget_exhausted", {})


async def test_a_stream_that_ends_by_itself_gives_back_what_it_reserved(store: Store) -> None:
    async with running(Budget, config(10_000), runtime_of(store)) as plugin:
        x = asked(stream=True)
        plugin.on_request(x)
        assert run(x.stream_guards[0], 2500) == 2500
        assert store.used() > 2500
        used(x, 10, 2500)
        plugin.on_complete(x)

    assert store.used() == 2510
    assert x.take_flag() is None


async def test_two_streams_share_what_is_left(store: Store) -> None:
    """Neither gets what the other has reserved."""
    async with running(Budget, config(1000), runtime_of(store)) as plugin:
        pair = [asked(stream=True), asked(stream=True)]
        for x in pair:
            plugin.on_request(x)
        prompts = store.used() - 2 * STEP
        got = [0, 0]
        for turn in range(0, 5000, 10):
            for number, x in enumerate(pair):
                if not x.stream_guards[0].cut:
                    got[number] = run(x.stream_guards[0], turn + 10, turn)

    assert sum(got) == 1000 - prompts
    assert store.used() == 1000


async def test_money_cuts_as_well(store: Store) -> None:
    """At 10 USD per million tokens of output, a thousandth of a dollar is a hundred tokens."""
    money = {"per": "route", "money": "0.005", "period": "day"}
    async with running(Budget, config(10**9, budgets=[money]), runtime_of(store)) as plugin:
        x = asked(model="gpt-4o", stream=True)
        assert plugin.on_request(x) is None

        cut_at = run(x.stream_guards[0], 5000)

    assert 480 <= cut_at <= 500


async def test_what_costs_nothing_is_not_cut_for_money(store: Store) -> None:
    money = {"per": "route", "money": "0.000001", "period": "day"}
    settings = config(10**9, budgets=[money], unknown_model="free")
    async with running(Budget, settings, runtime_of(store)) as plugin:
        x = asked(model="my-own", stream=True)
        plugin.on_request(x)

        assert run(x.stream_guards[0], 5000) == 5000


async def test_a_store_over_the_network_lets_the_stream_run_until_it_answers(
    store: Store,
) -> None:
    async with running(Budget, config(300), runtime_of(store)) as plugin:
        x = asked(stream=True)
        plugin.on_request(x)
        (guard,) = x.stream_guards
        store.late = True

        at = 0
        while not guard.cut:
            at = run(guard, at + 50, at)
            await store.answer()
        used(x, 10, at, cut=True)
        plugin.on_complete(x)

    # Two round trips of fifty tokens each were under way when it ended.
    assert 280 < at <= 400
    assert store.used() == at + 10


async def test_a_store_that_goes_away_lets_a_running_stream_run(store: Store) -> None:
    async with running(Budget, config(300), runtime_of(store)) as plugin:
        x = asked(stream=True)
        plugin.on_request(x)
        store.away = True

        assert run(x.stream_guards[0], 5000) == 5000


async def test_without_cutting_there_is_no_guard(store: Store) -> None:
    async with running(Budget, config(300) | {"on_exhaust": "finish"}, runtime_of(store)) as plugin:
        x = asked(stream=True)
        plugin.on_request(x)

    assert x.stream_guards == ()
