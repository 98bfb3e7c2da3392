"""Shares granted beforehand, for the time in which a store is away.

While the store is there, every worker says every second that it lives, and learns which part of the
whole it may use on its own should the store go away. The store keeps the sum of all parts at or
below the whole (see `heartbeat` in redis/library.lua). In an outage the worker counts its part of
each limit in its own memory. So all workers together admit, in any window, at most
`lease_fraction` of a limit beside what the store admitted. A worker that never had contact has no
share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.plugin.limits import Demand, Grant, StoreUnavailableError
from gateway.state.memory import MemoryStore

WHOLE = 1_000_000
"""Shares and fractions are counted in millionths."""


class Lease:
    """One worker's share, and what it used of it."""

    def __init__(self, fraction: float, valid_us: int, clock_us: Callable[[], int]) -> None:
        self._fraction = int(fraction * WHOLE)
        self._valid_us = valid_us
        self._clock = clock_us
        self._local = MemoryStore(clock_us)
        self._ends_at = 0
        self.share = 0
        """Of the whole, in millionths."""
        self.used = False
        """Whether it was ever used: then another worker must not get it."""

    @property
    def held(self) -> int:
        """The share that may still be in use, to be told to the store."""
        return self.share if self._clock() < self._ends_at else 0

    def grant(self, share: int, asked_at: int) -> None:
        """The store has granted `share`, to a question sent at `asked_at`."""
        self.share = share
        self._ends_at = asked_at + self._valid_us

    def take(self, tag: str, demands: Sequence[Demand]) -> Grant:
        """Takes from the share. Raises StoreUnavailableError where there is none."""
        part = self._fraction * self.held
        cut = [_cut(demand, part) for demand in demands]
        if not part or not all(d.report_only or (d.capacity and d.burst) for d in cut):
            raise StoreUnavailableError("the store is away, and this worker has no share of it")
        self.used = True
        grant = self._local.take(tag, cut)
        grant.leased = True
        return grant

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        """As CounterStore, for a grant of this lease."""
        self._local.settle(grant, amounts)

    def renew(self, grant: Grant) -> None:
        """As CounterStore, for a grant of this lease."""
        self._local.renew(grant)


def _cut(demand: Demand, part: int) -> Demand:
    """The demand against a part of its capacity; a burst of GCRA is cut alike."""
    whole = WHOLE * WHOLE
    return Demand(
        demand.key,
        demand.algorithm,
        demand.amount,
        demand.capacity * part // whole,
        demand.window_us,
        (demand.burst or demand.capacity) * part // whole,
        demand.report_only,
    )
