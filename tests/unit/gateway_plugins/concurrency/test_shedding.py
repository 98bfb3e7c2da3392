"""The share that is refused follows the lag, exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.concurrency.shedding import Shedder


def refused(lag_s: float, requests: int) -> int:
    shedder = Shedder(lambda: lag_s, 0.1, 0.5)
    return sum(shedder.refuses() for _ in range(requests))


def test_a_worker_that_keeps_up_refuses_nothing() -> None:
    assert refused(0.1, 1000) == 0


def test_a_worker_that_stands_refuses_all() -> None:
    assert refused(0.5, 1000) == 1000


@given(st.floats(0.1, 0.5), st.integers(1, 500))
def test_in_between_the_share_is_kept_to_the_request(lag_s: float, requests: int) -> None:
    share = (lag_s - 0.1) / 0.4

    assert abs(refused(lag_s, requests) - share * requests) <= 1.000001


def test_the_share_is_dealt_out_evenly() -> None:
    shedder = Shedder(lambda: 0.2, 0.1, 0.5)

    assert [shedder.refuses() for _ in range(8)] == [False, False, False, True] * 2
