"""What a policy writes below `rate_limit`, and what a virtual key may carry of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import DurationText, PluginConfig, duration_us
from gateway.plugin.grants import LEASE_S_MIN
from gateway.plugin.grouping import Per

Kind: TypeAlias = Literal["requests", "tokens", "bytes", "streams"]

KINDS: tuple[Kind, ...] = ("requests", "tokens", "bytes", "streams")
LOG_REQUESTS_MAX = 100_000
"""A log keeps one entry per admitted request; beyond this, `gcra` keeps one number."""
AMOUNT_MAX = 2**48
"""The numbers of Lua, in which Redis counts, are exact up to 2^53."""
WINDOW_US_MAX = 31 * 86_400_000_000
LEASE = "60s"
LEASE_US_MAX = 3_600_000_000

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

Amount = Annotated[int | None, Field(ge=1, le=AMOUNT_MAX)]


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit"
        )
    return text


class Limit(PluginConfig):
    """One amount of one kind in one window."""

    requests: Amount = Field(None, description="Requests that are admitted.")
    tokens: Amount = Field(None, description="Tokens of prompts and answers together.")
    bytes: Amount = Field(None, description="Body bytes of requests and answers together.")
    streams: Amount = Field(None, description="Streamed answers that run at once.")
    window: DurationText | None = Field(
        None, description="Such as `60s`, `1h`, `1d`; required, but for `streams`."
    )
    algorithm: Literal["log", "gcra"] = Field(
        "log",
        description="`log` is exact in every window; `gcra` keeps one number per group.",
    )
    burst: Amount = Field(
        None, description="For `gcra`: what may come at once. Default: the limit itself."
    )
    lease: DurationText = Field(
        LEASE,
        description="For `streams`: how long a stream of a killed worker goes on to count.",
    )

    @model_validator(mode="after")
    def _is_one_limit(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"a limit has exactly one of {', '.join(KINDS)}")
        if self.kind == "streams":
            if self.window is not None or self.burst is not None or self.algorithm != "log":
                raise ValueError("streams are counted while they run: no window, algorithm, burst")
            if not LEASE_S_MIN * 1_000_000 <= self.window_us <= LEASE_US_MAX:
                raise ValueError(f"a lease is {LEASE_S_MIN}s to 1h")
            return self
        if self.window is None:
            raise ValueError(f"{self.kind} need a window, such as `window: 60s`")
        if self.lease != LEASE:
            raise ValueError("a lease is for streams alone")
        if self.window_us > WINDOW_US_MAX:
            raise ValueError("the longest window is 31d; `budget` has longer periods")
        self._check_algorithm()
        return self

    def _check_algorithm(self) -> None:
        if self.burst is not None and self.algorithm != "gcra":
            raise ValueError("burst is for `algorithm: gcra`")
        many = self.kind == "requests" and self.capacity > LOG_REQUESTS_MAX
        if many and self.algorithm == "log":
            raise ValueError(
                f"a log of more than {LOG_REQUESTS_MAX} requests takes too much memory; "
                "write `algorithm: gcra` or a shorter window"
            )

    @property
    def kind(self) -> Kind:
        """What is counted."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def capacity(self) -> int:
        """How much of it."""
        amount: int = getattr(self, self.kind)
        return amount

    @property
    def window_us(self) -> int:
        """The window, or the lease of a stream, in microseconds."""
        return duration_us(self.lease if self.window is None else self.window)


class GroupLimit(Limit):
    """A limit for each group of requests."""

    per: Per = Field(
        description="Who shares the count: one or several of `ip`, `key`, `user`, `tenant`, "
        "`model`, `route`, `upstream`, `header:NAME`; or `global`."
    )


class RateLimitConfig(PluginConfig):
    """All limits must hold; a refused request uses nothing of any."""

    limits: tuple[GroupLimit, ...] = Field((), description="The table below.")
    key_limits: Literal["head", "all", "none"] = Field(
        "head",
        description="Which limits of virtual keys count: `head` those that the head of a request "
        "tells (requests, bytes), `all` tokens and streams too, for which bodies are read.",
    )
    reserve_output_tokens: int = Field(
        1024,
        ge=1,
        le=1_000_000,
        description="For `tokens`: what is set aside for an answer: the request's own limit, at "
        "most this.",
    )
    stream_usage: Literal["add", "as_sent"] = Field(
        "add",
        description="For `tokens`: ask OpenAI-like streams for their usage where the client does "
        "not; the client is not shown it.",
    )
    store: str = Field("default", description="A store of gateway.yaml.")
    on_outage: Literal["closed", "lease"] = Field(
        "closed",
        description="While the store is away: refuse, or use the share granted beforehand.",
    )
    name: Annotated[str, AfterValidator(_name)] | None = Field(
        None, description="Uses of the same name, in whatever policy, share their counts."
    )
    headers: tuple[Literal["provider", "ietf"], ...] = Field(
        ("provider", "ietf"),
        description="Which header families answers get; `[]` for none.",
    )

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not self.limits and self.key_limits == "none":
            raise ValueError("nothing to count: give at least one limit")
        known = set()
        for limit in self.limits:
            same = (limit.kind, frozenset(limit.per), limit.window_us, limit.algorithm)
            if same in known:
                per = ", ".join(limit.per)
                raise ValueError(f"two limits count {limit.kind} per {per} in the same window")
            known.add(same)
        return self
