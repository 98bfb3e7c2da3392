"""What a plugin asks of the counters that workers and nodes share."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import IntEnum
from typing import Any, Protocol


class Algorithm(IntEnum):
    """How a counter counts.

    | algorithm | admits while                                     | memory per key     |
    |-----------|--------------------------------------------------|--------------------|
    | LOG       | the sum over every window stays <= `capacity`    | one entry per take |
    | GCRA      | the average stays <= `capacity` per window,      | one number         |
    |           | bursts up to `burst`                             |                    |
    | TOTAL     | the sum since the counter began <= `capacity`    | one number         |
    | SLOTS     | at most `capacity` are held at once              | one entry per slot |

    A window is half-open: what was taken at t counts until just before t + `window_us`. A TOTAL is
    for calendar periods: the key names the period, and `window_us` is how long the counter is kept
    from its first take. A slot is free again after `settle(.., 0)`, or `window_us` after it was
    last renewed.
    """

    LOG = 0
    GCRA = 1
    TOTAL = 2
    SLOTS = 3


# Demands, standings and grants are made for every request. As dataclasses they would stay
# interpreted within the compiled build, at twice the cost.
class Demand:
    """`amount` of one counter, of which `capacity` may be used; not to be changed once taken.

    `key` names the counter within the store and the tag of the call; the demands of one call have
    different keys, and one key always comes with the same algorithm. A window, capacity or burst
    that differs from the last time applies at once to what was counted before. `report_only` takes
    the amount even where that exceeds the capacity and never refuses (for alerts and for limits in
    shadow mode). An `amount` of 0 asks whether the counter is within its capacity. `burst` is for
    GCRA; 0 stands for the capacity.
    """

    __slots__ = ("algorithm", "amount", "burst", "capacity", "key", "report_only", "window_us")

    def __init__(  # noqa: PLR0917  # made for every request: keywords would cost
        self,
        key: str,
        algorithm: Algorithm,
        amount: int,
        capacity: int,
        window_us: int,
        burst: int = 0,
        report_only: bool = False,
    ) -> None:
        self.key = key
        self.algorithm = algorithm
        self.amount = amount
        self.capacity = capacity
        self.window_us = window_us
        self.burst = burst
        self.report_only = report_only

    def __repr__(self) -> str:
        kind = self.algorithm.name.lower()
        return f"<Demand {self.amount} of {self.capacity} {kind} {self.key!r}>"


class Standing:
    """One counter after a take: what is left, and when.

    `reset_us` is the time until all of the capacity is free again, `retry_after_us` the time until
    the amount that was asked for can be taken if nobody else takes or gives back (0 where it could
    be taken; the window where it exceeds the capacity and so never can).
    """

    __slots__ = ("remaining", "reset_us", "retry_after_us", "used")

    def __init__(  # as a demand
        self, used: int, remaining: int, reset_us: int, retry_after_us: int = 0
    ) -> None:
        self.used = used
        self.remaining = remaining
        self.reset_us = reset_us
        self.retry_after_us = retry_after_us

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Standing):
            return NotImplemented
        return (
            self.used == other.used
            and self.remaining == other.remaining
            and self.reset_us == other.reset_us
            and self.retry_after_us == other.retry_after_us
        )

    __hash__ = None  # type: ignore[assignment]  # what changes has no hash

    def __repr__(self) -> str:
        return f"Standing({self.used}, {self.remaining}, {self.reset_us}, {self.retry_after_us})"


class Grant:
    """The answer to a take: all demands were met, or none was and nothing was consumed.

    `refused_by` is the index of the first demand that was not met, -1 where all were. `leased` is
    true where the store was away and a share granted beforehand was used. `receipt` is the store's
    own note of what was taken, for `settle`.
    """

    __slots__ = ("admitted", "leased", "receipt", "refused_by", "standings")

    def __init__(  # as a demand
        self,
        admitted: bool,
        standings: tuple[Standing, ...],
        refused_by: int = -1,
        leased: bool = False,
        receipt: Any = None,
    ) -> None:
        self.admitted = admitted
        self.standings = standings
        self.refused_by = refused_by
        self.leased = leased
        self.receipt = receipt

    def __repr__(self) -> str:
        met = "admitted" if self.admitted else f"refused by {self.refused_by}"
        return f"<Grant {met} {self.standings}>"


class StoreUnavailableError(Exception):
    """The store did not answer within its deadline and no share was left for this."""


class CounterStore(Protocol):
    """Counters shared by all workers and nodes that name the same store.

    The time is the store's own. Every call is bounded by the store's deadline.
    """

    def take(
        self, tag: str, demands: Sequence[Demand], *, lease: bool = False
    ) -> Grant | Awaitable[Grant]:
        """Takes all `demands` at once or none; never waits where it can answer at once.

        `tag` decides where the counters live in a cluster: demands of one call share it. With
        `lease`, a store that is away answers from the share granted beforehand, else
        StoreUnavailableError is raised (here or from the awaitable). Where the awaitable is
        cancelled, the store gives back what it took.
        """

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        """Corrects what an admitted grant took to the true amounts, in the order of its demands.

        Returns at once; the store keeps corrections while it is away and sends them later. An
        amount may exceed the demand (then the counter goes over its capacity) or be 0 (a refund,
        a slot given back). Call it once per grant.
        """

    def renew(self, grant: Grant) -> None:
        """Keeps the slots of a grant that is still held; returns at once."""

    def read(self, tag: str, demands: Sequence[Demand]) -> Awaitable[tuple[Standing, ...]]:
        """The counters as they are; takes nothing."""
