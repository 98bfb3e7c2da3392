"""A share is a part of each limit, for a time, and of what was granted only."""

import pytest

from gateway.plugin.limits import Algorithm, Demand, StoreUnavailableError
from gateway.state.lease import WHOLE, Lease
from tests.counter_model import Clock

MINUTE = 60_000_000


def demand(capacity: int, amount: int = 1, algorithm: Algorithm = Algorithm.LOG) -> Demand:
    return Demand("k", algorithm, amount, capacity, MINUTE)


def granted(clock: Clock, share: int, fraction: float = 0.1) -> Lease:
    lease = Lease(fraction, 10 * MINUTE, clock)
    lease.grant(share, clock.now)
    return lease


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_share_is_the_part_of_the_capacity_rounded_down(algorithm: Algorithm) -> None:
    lease = granted(Clock(), WHOLE // 3)

    admitted = [lease.take("t", [demand(100, 1, algorithm)]).admitted for _ in range(9)]

    assert admitted == [True] * 3 + [False] * 6


def test_grants_from_a_share_say_so_and_can_be_settled() -> None:
    lease = granted(Clock(), WHOLE)
    grant = lease.take("t", [demand(100, 10)])

    lease.settle(grant, [4])

    assert grant.leased
    assert lease.take("t", [demand(100, 6)]).admitted


def test_a_limit_whose_share_is_below_one_is_unavailable() -> None:
    with pytest.raises(StoreUnavailableError):
        granted(Clock(), WHOLE).take("t", [demand(100), Demand("b", Algorithm.LOG, 1, 9, MINUTE)])


def test_without_contact_there_is_no_share() -> None:
    with pytest.raises(StoreUnavailableError):
        Lease(1, 10 * MINUTE, Clock()).take("t", [demand(100)])


def test_a_share_ends_some_time_after_the_last_contact() -> None:
    clock = Clock()
    lease = granted(clock, WHOLE)
    clock.now += 10 * MINUTE - 1
    assert lease.take("t", [demand(100)]).admitted

    clock.now += 1
    assert lease.held == 0
    with pytest.raises(StoreUnavailableError):
        lease.take("t", [demand(100)])
