"""Whatever workers come, go and miss: the shares they believe to hold never exceed the whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugin.limits import Algorithm, Demand, StoreUnavailableError
from gateway.state.lease import WHOLE, Lease
from gateway.state.redis.wire import pack
from tests.counter_model import Clock
from tests.integration.redis_servers import needs_redis, running_redis
from tests.lua_store import LuaStore

pytestmark = needs_redis

SECOND = 1_000_000
VALID_US = 60 * SECOND
GRACE_US = 3 * SECOND
WORKERS = 4


@pytest.fixture(scope="module")
def registry() -> Iterator[tuple[LuaStore, Clock]]:
    clock = Clock()
    with running_redis() as server:
        store = LuaStore(server.socket_path, clock)
        yield store, clock
        store.close()


def beat(store: LuaStore, name: str, lease: Lease, asked_at: int, *, heard: bool) -> None:
    words = ("FCALL", "sealgate_heartbeat", 1, "r", name, lease.held, VALID_US, GRACE_US)
    share, _ = store.timed(pack(words))
    if heard:
        lease.grant(share, asked_at)


# A worker beats and hears the answer, or beats and does not, or is replaced; or time passes.
events = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["beat", "beat", "deaf", "new"]), st.integers(0, WORKERS - 1)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
    ),
    max_size=60,
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events)
def test_shares_never_exceed_the_whole(
    registry: tuple[LuaStore, Clock], events: list[tuple[str, int]]
) -> None:
    store, clock = registry
    store.clear()
    # One that was replaced may still run, cut off from the store.
    leases: list[tuple[str, Lease]] = []
    current: dict[int, tuple[str, Lease]] = {}
    for number, (event, which) in enumerate(events):
        clock.now += SECOND // 2
        if event == "wait":
            clock.now += which * SECOND
            continue
        if which not in current or event == "new":
            current[which] = (f"w{number}", Lease(1.0, VALID_US, clock))
            leases.append(current[which])
        name, lease = current[which]
        beat(store, name, lease, clock.now, heard=event != "deaf")

        assert sum(lease.held for _, lease in leases) <= WHOLE


def test_workers_that_stay_come_to_equal_shares_of_the_whole(
    registry: tuple[LuaStore, Clock],
) -> None:
    store, clock = registry
    store.clear()
    leases = [Lease(1.0, VALID_US, clock) for _ in range(WORKERS)]
    for _ in range(8):
        clock.now += SECOND
        for number, lease in enumerate(leases):
            beat(store, f"w{number}", lease, clock.now, heard=True)

    assert [lease.share for lease in leases] == [WHOLE // WORKERS] * WORKERS


def test_in_an_outage_all_workers_together_admit_at_most_the_leased_fraction(
    registry: tuple[LuaStore, Clock],
) -> None:
    store, clock = registry
    store.clear()
    leases = [Lease(0.1, VALID_US, clock) for _ in range(3)]
    for _ in range(8):
        clock.now += SECOND
        for number, lease in enumerate(leases):
            beat(store, f"w{number}", lease, clock.now, heard=True)
    late_comer = Lease(0.1, VALID_US, clock)
    admitted: list[int] = []
    for _ in range(50):
        clock.now += SECOND
        for lease in (*leases, late_comer):
            admitted += [clock.now] * sum(admits(lease) for _ in range(20))

    assert admitted
    for begin in admitted:  # in any window of ten seconds
        assert sum(begin <= at < begin + 10 * SECOND for at in admitted) <= 100


def admits(lease: Lease) -> bool:
    try:
        return lease.take("t", [Demand("k", Algorithm.LOG, 1, 1_000, 10 * SECOND)]).admitted
    except StoreUnavailableError:
        return False


def test_a_store_that_lost_its_memory_gives_nothing_new_until_it_knows_all(
    registry: tuple[LuaStore, Clock],
) -> None:
    store, clock = registry
    store.clear()
    old, new = Lease(1.0, VALID_US, clock), Lease(1.0, VALID_US, clock)
    for _ in range(5):
        clock.now += SECOND
        beat(store, "old", old, clock.now, heard=True)
    store.clear()
    beat(store, "new", new, clock.now, heard=True)
    assert (old.held, new.held) == (WHOLE, 0)
    for _ in range(8):
        clock.now += SECOND
        for name, lease in (("old", old), ("new", new)):
            beat(store, name, lease, clock.now, heard=True)
            assert old.held + new.held <= WHOLE

    assert old.held == new.held == WHOLE // 2
