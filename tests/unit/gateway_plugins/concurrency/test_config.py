"""What a policy may say of slots and shedding."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from gateway_plugins.concurrency.config import ConcurrencyConfig

LIMIT = {"per": "tenant", "running": 20}


def load(**written: Any) -> ConcurrencyConfig:
    return ConcurrencyConfig.model_validate_json(orjson.dumps(written), strict=True)


def test_nobody_waits_unless_the_policy_says_so() -> None:
    (limit,) = load(limits=[LIMIT]).limits

    assert (limit.running, limit.queue, limit.queue_timeout) == (20, 0, "2s")


def test_shedding_is_complete_at_four_times_the_lag() -> None:
    assert load(shed={}).shed.span_s == (0.1, 0.4)
    assert load(shed={"loop_lag_ms": 50, "full_lag_ms": 60}).shed.span_s == (0.05, 0.06)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({}, "nothing to bound: give `limits` or `shed`"),
        ({"limits": [LIMIT, LIMIT]}, "two limits count the same groups"),
        ({"limits": [{**LIMIT, "running": 0}]}, "greater than or equal to 1"),
        ({"limits": [{**LIMIT, "queue_timeout": "61s"}]}, "at most 60s"),
        ({"limits": [LIMIT], "lease": "5s"}, "a lease is 15s to 1h"),
        ({"limits": [LIMIT], "retry_after": "2m"}, "retry_after is at most 60s"),
        ({"limits": [LIMIT], "name": "A"}, "a name has"),
        ({"shed": {"loop_lag_ms": 100, "full_lag_ms": 100}}, "must be more than loop_lag_ms"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        load(**written)
