"""Passive ejection and the retry budget, on an injected clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.health import RetryBudget, TargetState
from gateway.proxy.pool import Pool
from gateway.settings import FailoverSettings, OutlierSettings, PoolSettings
from tests.unit.proxy.loopback import target_of


class Rotation:
    """One target under a clock that the test moves, and the ejections that it told of."""

    def __init__(self, **settings: int) -> None:
        self.now = 1000.0
        self.told: list[tuple[str, float]] = []
        target = target_of("http://a")
        self.state = TargetState(
            target,
            Pool(target, PoolSettings(), 1.0),
            OutlierSettings.model_validate(settings),
            lambda: self.now,
            lambda label, duration_s: self.told.append((label, duration_s)),
        )

    @property
    def ejected(self) -> bool:
        return self.state.ejected_until > self.now

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.state.failed()


def test_only_failures_in_a_row_eject() -> None:
    rotation = Rotation(failures=3)
    rotation.fail(2)
    rotation.state.succeeded()
    rotation.fail(2)
    assert not rotation.ejected

    rotation.fail(1)
    assert rotation.ejected
    assert rotation.told == [("http://a", 30.0)]


def test_an_ejection_ends_by_itself() -> None:
    rotation = Rotation(failures=1, ejection_ms=1000)
    rotation.fail(1)
    rotation.now += 0.9
    assert rotation.ejected

    rotation.now += 0.2
    assert not rotation.ejected


def test_failures_during_an_ejection_do_not_count() -> None:
    """They belong to requests that ran when it was ejected."""
    rotation = Rotation(failures=2)
    rotation.fail(20)

    assert len(rotation.told) == 1


def test_each_further_ejection_is_longer_up_to_the_limit() -> None:
    rotation = Rotation(failures=1, ejection_ms=1000, ejection_max_ms=2500)
    for _ in range(4):
        rotation.fail(1)
        rotation.now = rotation.state.ejected_until + 0.001

    assert [duration_s for _, duration_s in rotation.told] == [1.0, 2.0, 2.5, 2.5]


def test_a_long_time_in_rotation_forgets_earlier_ejections() -> None:
    rotation = Rotation(failures=1, ejection_ms=1000, ejection_max_ms=60_000)
    rotation.fail(1)
    rotation.now = rotation.state.ejected_until + 60.1
    rotation.fail(1)

    assert [duration_s for _, duration_s in rotation.told] == [1.0, 1.0]


def test_a_success_while_ejected_ends_the_ejection() -> None:
    """The balancer tries an ejected target only when there is no other."""
    rotation = Rotation(failures=1, ejection_ms=1000)
    rotation.fail(1)
    rotation.state.succeeded()
    assert not rotation.ejected

    rotation.fail(1)
    assert [duration_s for _, duration_s in rotation.told] == [1.0, 2.0]


def test_zero_failures_never_eject() -> None:
    rotation = Rotation(failures=0)
    rotation.fail(100)

    assert not rotation.ejected
    assert rotation.told == []


@given(
    st.lists(st.sampled_from(["request", "end", "retry", "end retry"]), max_size=200),
    st.integers(0, 100),
    st.integers(0, 10),
)
def test_the_retry_budget_is_never_exceeded(steps: list[str], percent: int, least: int) -> None:
    """Whatever the order of events, at the moment a retry starts it is within the budget."""
    budget = RetryBudget(FailoverSettings(budget_percent=percent, budget_min=least))
    for step in steps:
        if step == "request":
            budget.begin_request()
        elif step == "end" and budget.requests:
            budget.end_request()
        elif step == "retry":
            before = budget.retries
            allowed = budget.begin_retry()
            limit = max(least, budget.requests * percent // 100)
            assert allowed == (before < limit)
            assert budget.retries == before + allowed
        elif step == "end retry" and budget.retries:
            budget.end_retry()
