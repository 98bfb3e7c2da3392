"""Counters admit what they promise at every time and never more, in memory and in Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugin.limits import Algorithm, Demand, Grant
from gateway.state.memory import MemoryStore
from tests.counter_model import Booking, Clock, Counting, Model
from tests.integration.redis_servers import needs_redis, running_redis
from tests.lua_store import LuaStore

STARTED_AT = 1_700_000_000_000_000
RELAXED = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def lua_server() -> Iterator[Any]:
    with running_redis() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("lua", marks=needs_redis)])
def counting(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Clock]]:
    """A function that makes an empty store, and its clock."""
    clock = Clock(STARTED_AT)
    if request.param == "memory":

        def fresh() -> MemoryStore:
            clock.now = STARTED_AT
            return MemoryStore(clock)

        yield fresh, clock
        return
    store = LuaStore(request.getfixturevalue("lua_server").socket_path, clock)

    def emptied() -> LuaStore:
        clock.now = STARTED_AT
        store.clear()
        return store

    yield emptied, clock
    store.close()


WINDOWS = {"log": 1_000, "total": 1_700, "slots": 900, "wide": 2_300}
KINDS = {
    "log": Algorithm.LOG,
    "total": Algorithm.TOTAL,
    "slots": Algorithm.SLOTS,
    "wide": Algorithm.LOG,
}

demands = st.builds(
    lambda key, amount, capacity, report: Demand(
        key, KINDS[key], amount, capacity, WINDOWS[key], report_only=report
    ),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 4),
    st.integers(0, 9),
    st.integers(0, 9).map(lambda n: n == 0),
)
several = st.lists(demands, min_size=1, max_size=3, unique_by=lambda d: d.key)
pauses = st.one_of(st.integers(1, 60), st.integers(1, 1_200))
takes = st.tuples(st.just("take"), pauses, st.sampled_from("ab"), several)
settlements = st.tuples(
    st.just("settle"), pauses, st.integers(0, 30), st.lists(st.integers(0, 6), min_size=3)
)
steps = st.lists(st.one_of(takes, takes, settlements), max_size=40)


@RELAXED
@given(steps)
def test_a_take_is_admitted_exactly_when_it_fits(
    counting: tuple[Any, Clock], steps: list[Any]
) -> None:
    make, clock = counting
    store: Counting = make()
    model = Model()
    held: list[tuple[str, list[Demand], Grant, list[Booking]]] = []
    for step in steps:
        clock.now += step[1]
        if step[0] == "take":
            _, _, tag, asked = step
            expected = model.refused_by(clock.now, tag, asked)
            grant = store.take(tag, asked)
            assert grant.refused_by == expected
            assert grant.admitted == (expected < 0)
            if grant.admitted:
                held.append((tag, asked, grant, model.take(clock.now, tag, asked)))
            assert [s.used for s in grant.standings] == [
                model.used(clock.now, tag, demand) for demand in asked
            ]
        elif held:
            tag, asked, grant, booked = held.pop(step[2] % len(held))
            amounts = step[3][: len(asked)]
            store.settle(grant, amounts)
            model.settle(clock.now, tag, asked, booked, amounts)


@RELAXED
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 4)), max_size=60))
def test_no_window_whatever_its_position_holds_more_than_the_limit(
    counting: tuple[Any, Clock], asked: list[tuple[int, int]]
) -> None:
    make, clock = counting
    store: Counting = make()
    admitted: list[tuple[int, int]] = []
    for pause, amount in asked:
        clock.now += pause
        if store.take("t", [Demand("k", Algorithm.LOG, amount, 7, 1_000)]).admitted:
            admitted.append((clock.now, amount))
    for begin, _ in admitted:  # a fullest window begins with a take
        assert sum(amount for at, amount in admitted if begin <= at < begin + 1_000) <= 7


bursts = st.tuples(st.integers(1, 9), st.integers(0, 12))


@RELAXED
@given(bursts, st.lists(st.tuples(st.integers(1, 700), st.integers(1, 4)), max_size=60))
def test_gcra_admits_at_most_the_burst_and_the_rate_since(
    counting: tuple[Any, Clock], limit: tuple[int, int], asked: list[tuple[int, int]]
) -> None:
    make, clock = counting
    store: Counting = make()
    capacity, burst = limit
    admitted: list[tuple[int, int]] = []
    for pause, amount in asked:
        clock.now += pause
        if store.take("t", [Demand("k", Algorithm.GCRA, amount, capacity, 1_000, burst)]).admitted:
            admitted.append((clock.now, amount))
    for first, (begin, _) in enumerate(admitted):
        total = 0
        for at, amount in admitted[first:]:
            total += amount
            assert total * 1_000 <= (burst or capacity) * 1_000 + capacity * (at - begin)


@RELAXED
@given(st.lists(st.tuples(st.sampled_from(["take", "renew", "free"]), pauses), max_size=50))
def test_slots_count_what_is_held_renewed_and_not_given_back(
    counting: tuple[Any, Clock], actions: list[tuple[str, int]]
) -> None:
    make, clock = counting
    store: Counting = make()
    demand = Demand("k", Algorithm.SLOTS, 1, 3, 900)
    ends: dict[int, int] = {}
    grants: dict[int, Grant] = {}
    for number, (action, pause) in enumerate(actions):
        clock.now += pause
        running = [n for n, end in ends.items() if end > clock.now]
        if action == "take":
            grant = store.take("t", [demand])
            assert grant.admitted == (len(running) < 3)
            if grant.admitted:
                grants[number], ends[number] = grant, clock.now + 900
        elif grants:
            oldest = next(iter(grants))
            if action == "renew":
                # Also one that had run out: whoever renews it holds it.
                store.renew(grants[oldest])
                ends[oldest] = clock.now + 900
            else:
                store.settle(grants.pop(oldest), [0])
                del ends[oldest]


everything = st.builds(
    lambda kind, amount, capacity, burst, report: Demand(
        kind.name, kind, amount, capacity, 1_500, burst, report_only=report
    ),
    st.sampled_from(Algorithm),
    st.integers(0, 5),
    st.integers(0, 10),
    st.integers(0, 12),
    st.integers(0, 9).map(lambda n: n == 0),
)
mixed = st.lists(everything, min_size=1, max_size=4, unique_by=lambda d: d.key)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("take"), pauses, mixed),
        st.tuples(st.just("take"), pauses, mixed),
        st.tuples(st.just("read"), pauses, mixed),
        st.tuples(st.just("renew"), pauses, st.integers(0, 30)),
        st.tuples(
            st.just("settle"), pauses, st.integers(0, 30), st.lists(st.integers(0, 7), min_size=4)
        ),
    ),
    max_size=40,
)


@needs_redis
@settings(RELAXED, max_examples=120)
@given(actions)
async def test_memory_and_redis_agree(lua_server: Any, actions: list[Any]) -> None:
    clock = Clock(STARTED_AT)
    memory, lua = MemoryStore(clock), LuaStore(lua_server.socket_path, clock)
    lua.clear()
    held: list[tuple[Grant, Grant]] = []
    for action, pause, what, *more in actions:
        clock.now += pause
        if action == "take":
            one, other = memory.take("t", what), lua.take("t", what)
            assert (one.refused_by, one.standings) == (other.refused_by, other.standings)
            if one.admitted:
                held.append((one, other))
        elif action == "read":
            assert await memory.read("t", what) == lua.read("t", what)
        elif held and action == "renew":
            one, other = held[what % len(held)]
            memory.renew(one)
            lua.renew(other)
        elif held:
            one, other = held.pop(what % len(held))
            amounts = more[0][: len(one.standings)]
            memory.settle(one, amounts)
            lua.settle(other, amounts)
    lua.close()
