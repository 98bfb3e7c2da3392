"""Each threshold is told once per period, whoever comes to it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest

from gateway.plugin.testing import running
from gateway_plugins.budget import Budget
from tests.captured_logs import captured
from tests.unit.gateway_plugins.budget.ledgers import Clock, Store, asked, runtime_of, used

DAY = 86_400
LOGGER = "sealgate.plugin"


@pytest.fixture
def store() -> Store:
    return Store()


def config(**more: Any) -> dict[str, Any]:
    budget = {"per": "global", "tokens": 1000, "period": "day", **more}
    return {"budgets": [budget], "reserve_output_tokens": 1}


def charge(plugin: Budget, tokens: int) -> None:
    x = asked()
    assert plugin.on_request(x) is None
    used(x, tokens, 0)
    plugin.on_complete(x)


def told(lines: list[logging.LogRecord]) -> list[int]:
    return [line.fields["threshold_percent"] for line in lines]  # type: ignore[attr-defined]  # from `extra`


async def test_each_threshold_is_told_once(store: Store) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    runtime = runtime_of(store, count=lambda *what: counted.update([what]))
    with captured(LOGGER) as lines:
        async with running(Budget, config(), runtime) as plugin:
            for tokens in (400, 100, 10, 300, 10):
                charge(plugin, tokens)
                await plugin._alerts.look()

    assert told(lines) == [50, 80]
    assert counted == {("budget", "alert_50"): 1, ("budget", "alert_80"): 1}
    fields = lines[0].fields  # type: ignore[attr-defined]  # from `extra`
    assert fields["budget"] == "tokens-per-global-day"
    assert (fields["used"], fields["limit"], fields["period"]) == (
        "500 tokens", "1000 tokens", "day",
    )  # fmt: skip


async def test_one_charge_may_come_to_several(store: Store) -> None:
    with captured(LOGGER) as lines:
        async with running(Budget, config(), runtime_of(store)) as plugin:
            charge(plugin, 5000)

    assert told(lines) == [50, 80, 100]


async def test_of_many_workers_one_tells(store: Store) -> None:
    """They share the store and nothing else."""
    with captured(LOGGER) as lines:
        async with (
            running(Budget, config(), runtime_of(store)) as one,
            running(Budget, config(), runtime_of(store)) as other,
        ):
            for plugin in (one, other):
                charge(plugin, 300)
            for plugin in (one, other, one):
                await plugin._alerts.look()

    assert told(lines) == [50]


async def test_a_reload_does_not_tell_again(store: Store) -> None:
    with captured(LOGGER) as lines:
        for _ in range(2):
            async with running(Budget, config(), runtime_of(store)) as plugin:
                charge(plugin, 250)

    assert told(lines) == [50]


async def test_a_new_period_tells_anew(store: Store) -> None:
    clock = Clock()
    with captured(LOGGER) as lines:
        async with running(Budget, config(), runtime_of(store, clock)) as plugin:
            for _ in range(2):
                charge(plugin, 600)
                await plugin._alerts.look()
                clock.now += DAY

    assert told(lines) == [50, 50]


async def test_a_budget_without_room_has_come_to_all_of_it(store: Store) -> None:
    """Its last tokens may be too few for any request."""
    with captured(LOGGER) as lines:
        async with running(Budget, config(), runtime_of(store)) as plugin:
            charge(plugin, 995)
            assert plugin.on_request(asked(max_tokens=900)) is not None

    assert told(lines) == [50, 80, 100]


async def test_a_store_that_is_away_delays_the_alert(store: Store) -> None:
    with captured(LOGGER) as lines:
        async with running(Budget, config(), runtime_of(store)) as plugin:
            charge(plugin, 600)
            store.away = True
            await plugin._alerts.look()
            store.away = False
            charge(plugin, 1)

    assert told(lines) == [50]


async def test_several_charges_are_looked_at_together(store: Store) -> None:
    async with running(Budget, config(), runtime_of(store)) as plugin:
        charge(plugin, 1)
        first = plugin._alerts._timer
        charge(plugin, 1)

        assert first is not None
        assert plugin._alerts._timer is first


async def test_without_thresholds_nothing_is_watched(store: Store) -> None:
    async with running(Budget, config() | {"alerts": []}, runtime_of(store)) as plugin:
        charge(plugin, 999)

        assert plugin._alerts._timer is None
