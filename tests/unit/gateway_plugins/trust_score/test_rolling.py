"""The rolling score: decays, has a floor, and is forgotten on order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.trust_score.rolling import KEPT_MAX, REASONS_MAX, Rolling

ALICE = ("acme", "alice", "")


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rolling(time: Time, *, exchanges: int = 10, floor: int = 0) -> Rolling:
    return Rolling(exchanges=exchanges, half_life_s=100.0, floor=floor, monotonic=time)


def test_the_first_result_is_the_score() -> None:
    scores = rolling(Time())

    standing, drift = scores.add(ALICE, 80, ())

    assert (standing.score, drift) == (80, 0)
    assert scores.get(("acme", "alice", "bot")) is None


def test_a_result_moves_the_score_by_its_part() -> None:
    scores = rolling(Time())
    scores.add(ALICE, 100, ())

    standing, drift = scores.add(ALICE, 0, ("dlp_block",))

    assert (standing.score, drift) == (90, 100)
    assert standing.reasons == ["dlp_block"]


@pytest.mark.parametrize(("idle_s", "score"), [(99, 90), (100, 50), (200, 25), (10_000, 0)])
def test_what_is_known_fades_while_nothing_comes(idle_s: float, score: int) -> None:
    time = Time()
    scores = rolling(time)
    scores.add(ALICE, 100, ())
    time.now = idle_s

    assert scores.add(ALICE, 0, ())[0].score == score


def test_the_score_never_falls_below_the_floor() -> None:
    scores = rolling(Time(), exchanges=1, floor=30)

    assert scores.add(ALICE, 0, ())[0].score == 30
    assert scores.add(ALICE, 0, ())[0].score == 30


@given(st.lists(st.integers(0, 100), min_size=1, max_size=50), st.integers(1, 50))
def test_the_score_stays_between_the_least_and_the_most(results: list[int], weight: int) -> None:
    scores = rolling(Time(), exchanges=weight)
    for result in results:
        standing, drift = scores.add(ALICE, result, ())

        assert min(results) <= standing.score <= max(results)
        assert 0 <= drift <= 100


def test_the_last_reasons_are_kept_each_once() -> None:
    scores = rolling(Time())
    for reason in ("a", "b", "a", "c", "d", "e", "f"):
        standing, _ = scores.add(ALICE, 50, (reason,))

    assert standing.reasons == ["f", "e", "d", "c", "a"]
    assert len(standing.reasons) == REASONS_MAX


def test_a_reset_forgets_one_agent_or_all() -> None:
    scores = rolling(Time())
    for agent in ("", "a", "b"):
        scores.add(("acme", "alice", agent), 10, ())
    scores.add(("other", "alice", "a"), 10, ())

    assert scores.reset("acme", "alice", "a") == 1
    assert scores.reset("acme", "alice", None) == 2
    assert len(scores) == 1


def test_memory_is_bounded() -> None:
    scores = rolling(Time())
    for number in range(KEPT_MAX + 5):
        scores.add(("acme", str(number), ""), 50, ())

    assert len(scores) == KEPT_MAX
    assert scores.get(("acme", "0", "")) is None
