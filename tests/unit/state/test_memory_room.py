"""Room is made for a new counter without forgetting one of the same call."""

from __future__ import annotations

import pytest

from gateway.plugin import Algorithm, Demand
from gateway.state.memory import MemoryStore


@pytest.mark.parametrize("idle", [False, True])
def test_a_call_never_forgets_its_own_counters(*, idle: bool) -> None:
    """Neither a new one nor one that was idle: what is taken from it would be lost."""
    now = 0
    store = MemoryStore(lambda: now)
    first = Demand("first", Algorithm.LOG, 1, 1, 1000)
    if idle:
        store.take("t", [first])
        now = 5000

    assert store.take("t", [first, Demand("second", Algorithm.LOG, 1, 9, 1000)]).admitted
    assert not store.take("t", [first]).admitted
