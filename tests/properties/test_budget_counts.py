"""However requests overlap, a budget holds what was used, and admits no more than it has."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Exchange
from gateway_plugins.budget import Budget
from tests.unit.gateway_plugins.budget.ledgers import Store, asked, runtime_of, used

CAPACITY = 2000
START = st.tuples(st.just("start"), st.integers(1, 600))
END = st.tuples(st.just("end"), st.integers(0, 900))
GONE = st.tuples(st.just("gone"), st.just(0))


@given(
    steps=st.lists(START | END | GONE, max_size=60),
    rolling=st.booleans(),
)
async def test_the_count_is_what_was_used_and_what_is_reserved(
    steps: list[tuple[str, int]], rolling: bool
) -> None:
    store = Store()
    budget: dict[str, Any] = {"per": "global", "tokens": CAPACITY, "period": "day"}
    settings = {"budgets": [budget | {"rolling": rolling}], "alerts": []}
    plugin = Budget(Budget.Config.model_validate(settings), runtime_of(store))
    running: list[tuple[Exchange, int]] = []
    spent = 0
    for step, number in steps:
        if step == "start":
            x = asked(max_tokens=number)
            before = store.used() if store.taken else 0
            refused = plugin.on_request(x)
            reserved = store.used() - before
            assert (refused is None) == (reserved > 0)
            assert refused is None or before + number > CAPACITY - 100
            if refused is None:
                assert store.used() <= CAPACITY
                running.append((x, reserved))
        elif running:
            x, _ = running.pop(number % len(running))
            if step == "end":
                used(x, number // 3, number - number // 3)
                spent += number
            plugin.on_complete(x)
        if store.taken:
            assert store.used() == spent + sum(reserved for _, reserved in running)
