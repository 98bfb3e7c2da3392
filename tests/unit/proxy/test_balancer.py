"""Targets are picked by weight, doubtful ones last, and tried ones never again."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.proxy.balancer import Upstream, Upstreams
from gateway.proxy.upstream import UpstreamError
from gateway.reasons import Reason
from gateway.settings import Settings, UpstreamSettings
from tests.unit.proxy.loopback import listening


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def upstream_of(*weights: int, clock: Clock | None = None, **outlier: int) -> Upstream:
    targets = [{"url": f"http://t{n}", "weight": weight} for n, weight in enumerate(weights)]
    settings = UpstreamSettings.model_validate({"targets": targets, "outlier": outlier})
    return Upstream("x", settings, clock=clock or Clock())


def picks(upstream: Upstream, count: int) -> list[str]:
    return [upstream.pick().target.host for _ in range(count)]


def eject(upstream: Upstream, *numbers: int) -> None:
    for number in numbers:
        state = upstream.targets[number]
        while state.ejected_until <= 1000.0:
            state.failed()


# -- weights --------------------------------------------------------------------------------


def test_turns_are_spread_out_and_not_in_blocks() -> None:
    assert picks(upstream_of(5, 1, 1), 7) == ["t0", "t0", "t1", "t0", "t2", "t0", "t0"]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 400))
def test_weights_hold_over_any_run(weights: list[int], count: int) -> None:
    """No target gets a full turn more than its share, and whole rounds are exact."""
    total = sum(weights)
    seen = Counter(picks(upstream_of(*weights), count))
    for number, weight in enumerate(weights):
        turns = seen[f"t{number}"]
        assert turns < count * weight / total + 1
        if count % total == 0:
            assert turns == count // total * weight


@given(st.data())
def test_a_pick_is_in_rotation_and_untried_whatever_came_before(data: st.DataObject) -> None:
    clock = Clock()
    upstream = upstream_of(3, 2, 1, clock=clock, failures=2, ejection_ms=1000)
    targets = [state.target for state in upstream.targets]
    for _ in range(data.draw(st.integers(1, 40))):
        clock.now += data.draw(st.sampled_from([0.0, 0.3, 1.5]))
        tried = data.draw(st.lists(st.sampled_from(targets), max_size=2, unique=True))
        state = upstream.pick(tried)
        in_rotation = [
            other
            for other in upstream.targets
            if other.ejected_until <= clock.now and other.target not in tried
        ]
        assert state.target not in tried
        assert not in_rotation or state in in_rotation
        if data.draw(st.booleans()):
            state.failed()
        else:
            state.succeeded()


# -- failover and ejection --------------------------------------------------------------------


def test_the_next_try_goes_elsewhere_until_all_were_tried() -> None:
    upstream = upstream_of(1, 1)
    first = upstream.pick()
    second = upstream.pick((first.target,))
    assert second is not first
    with pytest.raises(UpstreamError) as caught:
        upstream.pick((first.target, second.target))

    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    assert caught.value.message == "every target was tried"
    assert not caught.value.sent


def test_a_single_target_is_not_tried_twice() -> None:
    upstream = upstream_of(1)
    with pytest.raises(UpstreamError):
        upstream.pick((upstream.pick().target,))


def test_an_ejected_target_gets_no_request_until_its_time_is_over() -> None:
    clock = Clock()
    upstream = upstream_of(1, 1, clock=clock, failures=1, ejection_ms=1000)
    eject(upstream, 0)
    assert set(picks(upstream, 10)) == {"t1"}

    clock.now += 1.1
    assert Counter(picks(upstream, 10)) == {"t0": 5, "t1": 5}


def test_a_target_that_returns_gets_no_burst() -> None:
    """Its account stood still while it was out."""
    clock = Clock()
    upstream = upstream_of(1, 1, 1, clock=clock, failures=1, ejection_ms=1000)
    eject(upstream, 2)
    picks(upstream, 101)
    clock.now += 1.1

    assert Counter(picks(upstream, 9)) == {"t0": 3, "t1": 3, "t2": 3}


def test_if_all_are_ejected_the_one_that_returns_first_is_used() -> None:
    clock = Clock()
    upstream = upstream_of(1, 1, clock=clock, failures=1)
    eject(upstream, 1)
    clock.now += 1.0
    upstream.targets[0].failed()
    assert picks(upstream, 3) == ["t1", "t1", "t1"]

    assert upstream.pick((upstream.targets[1].target,)) is upstream.targets[0]


def test_a_single_target_is_never_ejected() -> None:
    told: list[str] = []
    settings = UpstreamSettings.model_validate({"url": "http://a", "outlier": {"failures": 1}})
    upstream = Upstream("x", settings, on_ejection=lambda name, _label, _s: told.append(name))
    upstream.pick().failed()

    assert upstream.targets[0].ejections == 0
    assert told == []


def test_ejections_are_told_with_upstream_and_target() -> None:
    told: list[tuple[str, str, float]] = []
    settings = UpstreamSettings.model_validate(
        {
            "targets": [{"url": "http://a"}, {"url": "http://b"}],
            "outlier": {"failures": 1, "ejection_ms": 2000},
        }
    )
    upstream = Upstream("x", settings, on_ejection=lambda *event: told.append(event))
    upstream.targets[1].failed()

    assert told == [("x", "http://b", 2.0)]


# -- all upstreams ----------------------------------------------------------------------------


def test_every_problem_of_every_upstream_is_listed() -> None:
    settings = Settings(
        upstreams={
            "openai": UpstreamSettings(url="ftp://a"),
            "mine": UpstreamSettings(),
            "Other": UpstreamSettings(url="http://u:p@h"),
        }
    )
    with pytest.raises(ConfigError) as caught:
        Upstreams(settings)

    assert sorted(problem.file for problem in caught.value.problems) == [
        "upstreams.Other",
        "upstreams.Other.url",
        "upstreams.mine",
        "upstreams.openai.url",
    ]


@pytest.mark.parametrize("name", ["azure", "bedrock"])
def test_an_upstream_that_needs_an_address_says_how_to_set_it(name: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        Upstreams(Settings())[name].pick()

    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    assert f"start with --upstream {name}=https://" in caught.value.message


def test_upstreams_share_one_tls_context_for_equal_settings() -> None:
    """Loading the system's certificates is the dearest part of the start."""
    upstreams = Upstreams(Settings())
    openai, gemini = upstreams["openai"].targets[0], upstreams["gemini"].targets[0]

    assert openai.target.tls is gemini.target.tls


async def test_closing_the_upstreams_closes_their_idle_connections() -> None:
    async with listening() as server:
        written = UpstreamSettings(url=f"http://127.0.0.1:{server.port}")
        upstreams = Upstreams(Settings(upstreams={"mine": written}, data_dir=Path("/data")))
        pool = upstreams["mine"].pick().pool
        pool.release(await pool.acquire())
        peer = await server.next_peer()
        upstreams.close()

        assert await asyncio.wait_for(peer.is_gone(), 30)
        assert "closed" in repr(upstreams["mine"])
