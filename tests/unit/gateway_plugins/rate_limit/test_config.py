"""What a policy may say of limits, and what it is told where it says something else."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from gateway_plugins.rate_limit.config import RateLimitConfig

REQUESTS = {"per": "key", "requests": 60, "window": "60s"}


def load(**written: Any) -> RateLimitConfig:
    return RateLimitConfig.model_validate_json(orjson.dumps(written), strict=True)


def test_a_limit_is_read_with_its_unit() -> None:
    (limit,) = load(limits=[REQUESTS]).limits

    assert (limit.kind, limit.capacity, limit.window_us) == ("requests", 60, 60_000_000)
    assert limit.per == ("key",)


def test_streams_have_a_lease_in_place_of_a_window() -> None:
    (limit,) = load(limits=[{"per": "user", "streams": 5}]).limits

    assert (limit.kind, limit.capacity, limit.window_us) == ("streams", 5, 60_000_000)


def test_the_limits_of_keys_alone_are_a_policy() -> None:
    assert load().key_limits == "head"


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"per": "key", "window": "60s"}, "exactly one of requests, tokens, bytes, streams"),
        ({**REQUESTS, "tokens": 5}, "exactly one of"),
        ({"per": "key", "requests": 60}, "requests need a window, such as `window: 60s`"),
        ({"per": "key", "requests": 60, "window": 60}, "60s for seconds"),
        ({**REQUESTS, "requests": 0}, "greater than or equal to 1"),
        ({**REQUESTS, "per": "keys"}, "nothing to count by"),
        ({**REQUESTS, "window": "32d"}, "the longest window is 31d"),
        ({**REQUESTS, "burst": 5}, "burst is for `algorithm: gcra`"),
        ({**REQUESTS, "requests": 100_001}, "takes too much memory; write `algorithm: gcra`"),
        ({**REQUESTS, "lease": "30s"}, "a lease is for streams alone"),
        ({"per": "user", "streams": 5, "window": "60s"}, "no window, algorithm, burst"),
        ({"per": "user", "streams": 5, "lease": "14s"}, "a lease is 15s to 1h"),
        ({"per": "user", "streams": 5, "lease": "2h"}, "a lease is 15s to 1h"),
        ({**REQUESTS, "limit": 1}, "Extra inputs"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_cure(limit: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        load(limits=[limit])


def test_one_count_cannot_have_two_limits() -> None:
    """The order of the words makes no other count."""
    limits = [
        {"per": ["key", "model"], "requests": 60, "window": "60s"},
        {"per": ["model", "key"], "requests": 5, "window": "1m"},
    ]

    with pytest.raises(ValidationError, match="two limits count requests per model, key"):
        load(limits=limits)


def test_different_windows_are_different_counts() -> None:
    assert load(limits=[REQUESTS, {**REQUESTS, "window": "1h"}])


def test_a_policy_that_counts_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="give at least one limit"):
        load(key_limits="none")


def test_a_name_is_a_name() -> None:
    assert load(name="team-a").name == "team-a"
    with pytest.raises(ValidationError, match="a name has 1 to 63"):
        load(name="Team A")
