"""Counters of one process: exact, synchronous, and gone when the process ends."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from gateway.plugin.limits import Demand, Grant, Standing, StoreUnavailableError
from gateway.state.counters import GONE, Bucket, Cell, Counter, Log, Slots, Total

KEYS_MAX: Final = 200_000
"""Counters that are kept at once, unless the settings say otherwise."""
SWEEP_EACH: Final = 2
"""Counters that are looked at for each new one: idle ones go before the table is full."""
FULL_SWEEP_US: Final = 1_000_000
"""A full table is searched for idle counters at most this often."""

_KINDS: Final[tuple[Callable[[], Counter], ...]] = (Log, Bucket, Total, Slots)

_Key = tuple[str, str]


class Taken:
    """The receipt of a grant: its demands, and for each the counter and the cell it went to."""

    __slots__ = ("demands", "parts", "tag")

    def __init__(
        self, tag: str, demands: Sequence[Demand], parts: list[tuple[Counter, Cell | None]]
    ) -> None:
        self.tag = tag
        self.demands = demands
        self.parts = parts


def monotonic_us() -> int:
    """The time that is never set back, in microseconds."""
    return time.monotonic_ns() // 1_000


class MemoryStore:
    """A CounterStore in this process's memory; every call is answered at once.

    A counter is forgotten once nothing of it is in use any more. With `keys_max` counters in use, a
    take of a further one raises StoreUnavailableError: forgetting one that is in use would let its
    owner start again.
    """

    def __init__(
        self, clock_us: Callable[[], int] = monotonic_us, *, keys_max: int = KEYS_MAX
    ) -> None:
        self._clock = clock_us
        self._keys_max = keys_max
        # One table for each algorithm, by its number: an enum in the key would cost its hash.
        self._tables: tuple[dict[_Key, Counter], ...] = ({}, {}, {}, {})
        self._order: deque[tuple[int, _Key]] = deque()
        self._swept_at = -FULL_SWEEP_US
        self.calls = 0
        self.full = 0

    def __len__(self) -> int:
        return len(self._order)

    def take(self, tag: str, demands: Sequence[Demand], *, lease: bool = False) -> Grant:  # noqa: ARG002  # never away
        """See CounterStore; the grant is returned and not awaited."""
        self.calls += 1
        now = self._clock()
        if len(demands) == 1:
            demand = demands[0]
            counter = self._counter(tag, demand, now)
            if not (counter.fits(demand) or demand.report_only):
                return Grant(False, (counter.standing(now, demand, wait=True),), 0)
            parts = [(counter, counter.add(now, demand, demand.amount))]
            standing = counter.standing(now, demand)
            return Grant(True, (standing,), -1, False, Taken(tag, demands, parts))
        return self._take(tag, demands, now)

    def _take(self, tag: str, demands: Sequence[Demand], now: int) -> Grant:
        counters: list[Counter] = []
        for index, demand in enumerate(demands):
            counter = self._counter(tag, demand, now)
            if not (counter.fits(demand) or demand.report_only):
                return Grant(False, self._standings(tag, demands, now), index)
            counters.append(counter)
        parts: list[tuple[Counter, Cell | None]] = []
        standings: list[Standing] = []
        for counter, demand in zip(counters, demands, strict=True):
            parts.append((counter, counter.add(now, demand, demand.amount)))
            standings.append(counter.standing(now, demand))
        return Grant(True, tuple(standings), -1, False, Taken(tag, demands, parts))

    def _standings(self, tag: str, demands: Sequence[Demand], now: int) -> tuple[Standing, ...]:
        standings = []
        for demand in demands:
            counter = self._known(tag, demand, now)
            if counter is None:
                counter = _KINDS[demand.algorithm]()
            counter.refresh(now, demand)
            standings.append(counter.standing(now, demand, wait=not demand.report_only))
        return tuple(standings)

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        """See CounterStore."""
        taken: Taken | None = grant.receipt
        if taken is None:
            return
        now = self._clock()
        for part, demand, amount in zip(taken.parts, taken.demands, amounts, strict=True):
            counter, cell = part
            known = self._known(taken.tag, demand, now)
            if known is counter or (known is not None and isinstance(counter, Bucket)):
                known.settle(now, demand, cell, amount)
            elif amount > demand.amount and isinstance(counter, (Log, Bucket)):
                # It was forgotten as idle since; the excess was used only now.
                self._add(taken.tag, demand, now, amount - demand.amount)

    def renew(self, grant: Grant) -> None:
        """See CounterStore."""
        taken: Taken | None = grant.receipt
        if taken is None:
            return
        now = self._clock()
        for (counter, cell), demand in zip(taken.parts, taken.demands, strict=True):
            if isinstance(counter, Slots) and cell is not None:
                if self._known(taken.tag, demand, now) is not counter:
                    cell.at = GONE
                self._renew(taken.tag, demand, now, cell)

    def _add(self, tag: str, demand: Demand, now: int, amount: int) -> None:
        with contextlib.suppress(StoreUnavailableError):
            self._counter(tag, demand, now).add(now, demand, amount)

    def _renew(self, tag: str, demand: Demand, now: int, cell: Cell) -> None:
        with contextlib.suppress(StoreUnavailableError):
            counter = self._counter(tag, demand, now)
            if isinstance(counter, Slots):
                counter.renew(now, demand, cell)

    async def read(self, tag: str, demands: Sequence[Demand]) -> tuple[Standing, ...]:
        """See CounterStore."""
        return self._standings(tag, demands, self._clock())

    # -- the tables of counters ---------------------------------------------------------------

    def _known(self, tag: str, demand: Demand, now: int) -> Counter | None:
        """The counter if there is one; a TOTAL that has run out is none."""
        counter = self._tables[demand.algorithm].get((tag, demand.key))
        return None if isinstance(counter, Total) and counter.over(now, demand) else counter

    def _counter(self, tag: str, demand: Demand, now: int) -> Counter:
        """The counter as it is now, made where there is none."""
        table = self._tables[demand.algorithm]
        key = (tag, demand.key)
        counter = table.get(key)
        if counter is None:
            self._make_room(now)
            counter = table[key] = _KINDS[demand.algorithm]()
            self._order.append((int(demand.algorithm), key))
        elif isinstance(counter, Total) and counter.over(now, demand):
            # A fresh object: corrections of the sum before go to the old one, and nowhere.
            counter = table[key] = Total()
        counter.refresh(now, demand)
        if counter.idle_at <= now:
            # The next demand of the same call may make room, and must not forget this one.
            counter.idle_at = now + 1
        return counter

    def _make_room(self, now: int) -> None:
        self._sweep(now, SWEEP_EACH)
        if len(self._order) < self._keys_max:
            return
        if now - self._swept_at >= FULL_SWEEP_US:
            self._swept_at = now
            self._sweep(now, len(self._order))
        if len(self._order) >= self._keys_max:
            self.full += 1
            raise StoreUnavailableError(
                f"the memory store holds {self._keys_max} counters, and all are in use; raise "
                "`keys_max` of the store in gateway.yaml, or use a redis store"
            )

    def _sweep(self, now: int, count: int) -> None:
        """Forgets the idle ones among the `count` counters that were not looked at for longest."""
        order, tables = self._order, self._tables
        for _ in range(min(count, len(order))):
            kind, key = order.popleft()
            if tables[kind][key].idle_at <= now:
                del tables[kind][key]
            else:
                order.append((kind, key))
