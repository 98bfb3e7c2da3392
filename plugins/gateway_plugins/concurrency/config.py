"""What a policy writes below `concurrency`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import DurationText, PluginConfig, duration_us
from gateway.plugin.grants import LEASE_S_MIN
from gateway.plugin.grouping import Per

SECOND_US = 1_000_000
QUEUE_TIMEOUT_US_MAX = 60 * SECOND_US
RETRY_AFTER_US_MAX = 60 * SECOND_US
LEASE_US_MAX = 3600 * SECOND_US
_FULL_FACTOR = 4

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit"
        )
    return text


class RunningLimit(PluginConfig):
    """How many requests of one group run at once, and how many more may wait."""

    per: Per = Field(
        description="Who shares the slots: one or several of `ip`, `key`, `user`, `tenant`, "
        "`model`, `route`, `upstream`, `header:NAME`; or `global`."
    )
    running: int = Field(ge=1, le=1_000_000, description="Requests that run at once.")
    queue: int = Field(
        0, ge=0, le=100_000, description="Requests that may wait for a slot, in each worker."
    )
    queue_timeout: DurationText = Field("2s", description="Longest wait, at most `60s`.")

    @model_validator(mode="after")
    def _waits_a_while(self) -> Self:
        if duration_us(self.queue_timeout) > QUEUE_TIMEOUT_US_MAX:
            raise ValueError("queue_timeout is at most 60s: clients give up before")
        return self


class ShedConfig(PluginConfig):
    """When a worker that cannot keep up refuses a share of the requests."""

    loop_lag_ms: int = Field(
        100, ge=1, le=60_000, description="From this lag of the event loop on, a share is refused."
    )
    full_lag_ms: int | None = Field(
        None,
        ge=2,
        le=60_000,
        description="From this lag on, all are refused; in between the share rises evenly. "
        "Default: four times `loop_lag_ms`.",
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.full_lag_ms is not None and self.full_lag_ms <= self.loop_lag_ms:
            raise ValueError("full_lag_ms must be more than loop_lag_ms")
        return self

    @property
    def span_s(self) -> tuple[float, float]:
        """Where shedding begins, and where it is complete."""
        full_ms = self.full_lag_ms or self.loop_lag_ms * _FULL_FACTOR
        return self.loop_lag_ms / 1000, full_ms / 1000


class ConcurrencyConfig(PluginConfig):
    """Slots for running requests, and shedding."""

    limits: tuple[RunningLimit, ...] = Field((), description="The table below.")
    shed: ShedConfig | None = Field(None, description="Adaptive load shedding; the table below.")
    retry_after: DurationText = Field(
        "1s", description="What refused clients are told to wait, at most `60s`."
    )
    store: str = Field("default", description="A store of gateway.yaml.")
    on_outage: Literal["closed", "lease"] = Field(
        "closed",
        description="While the store is away: refuse, or use the share granted beforehand.",
    )
    lease: DurationText = Field(
        "60s", description="How long the requests of a killed worker go on to count; 15s to 1h."
    )
    name: Annotated[str, AfterValidator(_name)] | None = Field(
        None, description="Uses of the same name, in whatever policy, share their slots."
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if not self.limits and self.shed is None:
            raise ValueError("nothing to bound: give `limits` or `shed`")
        known = {frozenset(limit.per) for limit in self.limits}
        if len(known) != len(self.limits):
            raise ValueError("two limits count the same groups")
        if not LEASE_S_MIN * SECOND_US <= duration_us(self.lease) <= LEASE_US_MAX:
            raise ValueError(f"a lease is {LEASE_S_MIN}s to 1h")
        if duration_us(self.retry_after) > RETRY_AFTER_US_MAX:
            raise ValueError("retry_after is at most 60s: some SDKs sleep as long as they are told")
        return self
