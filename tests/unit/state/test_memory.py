"""What the memory store adds to its counters: tables, bounds, receipts."""

import pytest

from gateway.plugin.limits import Algorithm, Demand, StoreUnavailableError
from gateway.state.counters import CELLS_EXACT
from gateway.state.memory import MemoryStore
from tests.counter_model import Clock

MINUTE = 60_000_000


def log(key: str = "k", amount: int = 1, capacity: int = 10) -> Demand:
    return Demand(key, Algorithm.LOG, amount, capacity, MINUTE)


def total(amount: int, capacity: int = 10, window_us: int = MINUTE) -> Demand:
    return Demand("k", Algorithm.TOTAL, amount, capacity, window_us)


def test_a_refused_take_consumes_nothing_of_any_demand() -> None:
    store = MemoryStore(Clock())
    demands = [log("one", 3), log("two", 1, capacity=0), log("three")]

    grant = store.take("t", demands)

    assert (grant.admitted, grant.refused_by) == (False, 1)
    assert [standing.used for standing in grant.standings] == [0, 0, 0]


def test_counters_of_different_tags_and_algorithms_are_different() -> None:
    store = MemoryStore(Clock())

    store.take("t", [log(amount=10)])

    assert store.take("other", [log(amount=10)]).admitted
    assert store.take("t", [total(10)]).admitted
    assert not store.take("t", [log()]).admitted


def test_a_refusal_says_when_the_amount_will_fit() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    store.take("t", [log(amount=6)])
    clock.now += 10_000_000
    store.take("t", [log(amount=4)])
    clock.now += 1_000_000

    assert store.take("t", [log(amount=6)]).standings[0].retry_after_us == MINUTE - 11_000_000
    assert store.take("t", [log(amount=7)]).standings[0].retry_after_us == MINUTE - 1_000_000
    assert store.take("t", [log(amount=11)]).standings[0].retry_after_us == MINUTE
    assert store.take("t", [log(amount=6)]).standings[0].reset_us == MINUTE - 1_000_000


def test_a_limit_that_changed_keeps_what_was_counted() -> None:
    store = MemoryStore(Clock())
    store.take("t", [log(amount=10)])
    store.take("t", [Demand("g", Algorithm.GCRA, 10, 10, MINUTE)])

    assert store.take("t", [log(capacity=11)]).standings[0].remaining == 0
    slower = Demand("g", Algorithm.GCRA, 1, 10, 2 * MINUTE)
    assert store.take("t", [slower]).standings[0].used == 10


async def test_a_full_log_stays_bounded_and_never_admits_more() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    many = Demand("k", Algorithm.LOG, 1, 1_000_000, MINUTE)
    admitted: list[int] = []
    for _ in range(5 * CELLS_EXACT):
        clock.now += 6_000
        store.take("t", [many])
        admitted.append(clock.now)

    while admitted:
        clock.now += 700_000
        admitted = [at for at in admitted if at > clock.now - MINUTE]
        (standing,) = await store.read("t", [many])
        assert standing.used >= len(admitted)
        # Merged takes are freed at most a thousandth of the window late.
        late = clock.now - MINUTE - MINUTE // CELLS_EXACT
        assert standing.used <= sum(at > late for at in admitted) + 10


def test_a_merged_take_is_corrected_as_any_other() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    many = Demand("k", Algorithm.LOG, 1, 1_000_000, MINUTE)
    grants = []
    for _ in range(3 * CELLS_EXACT):
        clock.now += 5
        grants.append(store.take("t", [many]))

    for grant in grants:
        store.settle(grant, [0])

    assert store.take("t", [many]).standings[0].used == 1


def test_idle_counters_make_room_for_new_ones() -> None:
    clock = Clock()
    store = MemoryStore(clock, keys_max=100)
    for number in range(1_000):
        clock.now += MINUTE // 50
        assert store.take("t", [log(str(number))]).admitted

    assert len(store) <= 100


def test_a_full_table_refuses_new_counters_and_forgets_none_in_use() -> None:
    store = MemoryStore(Clock(), keys_max=2)
    store.take("t", [log("a", 10)])
    store.take("t", [log("b", 10)])

    with pytest.raises(StoreUnavailableError, match="keys_max"):
        store.take("t", [log("c")])
    assert not store.take("t", [log("a")]).admitted
    assert store.full == 1


def test_a_correction_after_the_period_does_not_touch_the_next_one() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    grant = store.take("t", [total(4)])
    clock.now += MINUTE
    store.take("t", [total(1)])

    store.settle(grant, [9])

    assert store.take("t", [total(0)]).standings[0].used == 1


def test_what_was_used_beyond_the_window_counts_from_when_it_is_known() -> None:
    clock = Clock()
    store = MemoryStore(clock, keys_max=1)
    grant = store.take("t", [log(amount=2)])
    clock.now += 2 * MINUTE
    store.take("t", [log("other")])  # makes the store forget the idle counter
    clock.now += 2 * MINUTE

    store.settle(grant, [7])

    assert store.take("t", [log(amount=0)]).standings[0].used == 5


def test_a_slot_that_is_renewed_too_late_is_held_again() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    slot = Demand("k", Algorithm.SLOTS, 1, 1, MINUTE)
    grant = store.take("t", [slot])
    clock.now += 2 * MINUTE
    store.renew(grant)

    assert not store.take("t", [slot]).admitted
    store.settle(grant, [0])
    store.renew(grant)
    assert store.take("t", [slot]).admitted


def test_a_report_takes_over_the_capacity_and_refuses_nobody() -> None:
    store = MemoryStore(Clock())
    report = Demand("k", Algorithm.LOG, 8, 10, MINUTE, report_only=True)

    assert store.take("t", [report]).admitted
    assert store.take("t", [report]).standings[0].used == 16


@pytest.mark.parametrize("capacity", [10**6, 10**9, 10**12])
def test_gcra_of_large_limits_is_exact_to_a_tick(capacity: int) -> None:
    clock = Clock(1_700_000_000_000_000)
    store = MemoryStore(clock)
    month = 30 * 86_400 * 1_000_000
    demand = Demand("k", Algorithm.GCRA, capacity, capacity, month)
    one = Demand("k", Algorithm.GCRA, capacity // 1_000, capacity, month)

    assert store.take("t", [demand]).admitted
    assert not store.take("t", [one]).admitted
    clock.now += month // 1_000 - 1
    assert not store.take("t", [one]).admitted
    clock.now += 1_000_001
    assert store.take("t", [one]).admitted
