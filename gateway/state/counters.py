"""One counter of each algorithm, held in memory; the time comes in with every call.

What each does is what gateway/state/redis/library.lua does in Redis: a test holds that both agree.
All times and windows are in microseconds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from gateway.plugin.limits import Demand, Standing

CELLS_EXACT: Final = 1_000
"""Takes that one window of a LOG keeps apart. Further ones share a cell with takes that came less
than a thousandth of the window earlier, at the later one's time: freed later than exact, never
sooner. So a counter holds at most about twice as many cells."""
GONE: Final = -1


class Cell:
    """An amount and the time it counts from (LOG) or ends at (SLOTS); GONE once it was freed."""

    __slots__ = ("amount", "at", "first")

    def __init__(self, at: int, amount: int) -> None:
        self.at = at
        self.first = at
        self.amount = amount


class Log:
    """Every take of a window with its time."""

    __slots__ = ("_cells", "idle_at", "used")

    def __init__(self) -> None:
        self._cells: deque[Cell] = deque()
        self.used = 0
        self.idle_at = 0

    def refresh(self, now: int, demand: Demand) -> None:
        """Frees what has left the window."""
        cells = self._cells
        edge = now - demand.window_us
        while cells and cells[0].at <= edge:
            cell = cells.popleft()
            self.used -= cell.amount
            cell.at = GONE

    def fits(self, demand: Demand) -> bool:
        return self.used + demand.amount <= demand.capacity

    def add(self, now: int, demand: Demand, amount: int) -> Cell | None:
        """Takes `amount`; what it returns is for `settle`."""
        self.idle_at = now + demand.window_us
        if not amount:
            return None
        self.used += amount
        cells = self._cells
        if len(cells) >= CELLS_EXACT:
            last = cells[-1]
            if (now - last.first) * CELLS_EXACT < demand.window_us:
                last.at = now
                last.amount += amount
                return last
        cell = Cell(now, amount)
        cells.append(cell)
        return cell

    def settle(self, now: int, demand: Demand, cell: Cell | None, amount: int) -> None:
        """Corrects a take; what left the window stays as it was, and an excess counts from now."""
        self.refresh(now, demand)
        change = amount - demand.amount
        if cell is not None and cell.at != GONE:
            cell.amount += change
            self.used += change
            cells = self._cells
            while cells and not cells[-1].amount:
                cells.pop().at = GONE
        elif change > 0:
            self.add(now, demand, change)

    def standing(self, now: int, demand: Demand, *, wait: bool = False) -> Standing:
        """`wait`: also how long until the demand fits."""
        window, cells = demand.window_us, self._cells
        reset_us = cells[-1].at + window - now if cells else 0
        left = demand.capacity - self.used
        retry_us = 0
        if wait:
            retry_us = _wait(cells, demand, demand.amount - left, window - now)
        return Standing(self.used, max(0, left), reset_us, retry_us)


def _wait(cells: deque[Cell] | list[Cell], demand: Demand, missing: int, shift: int) -> int:
    """How long until `missing` has been freed; `shift` makes a cell's time the time left."""
    if missing <= 0:
        return 0
    if demand.amount > demand.capacity:
        return demand.window_us
    for cell in cells:
        missing -= cell.amount
        if missing <= 0:
            return cell.at + shift
    return demand.window_us


class Slots:
    """What is held at once."""

    __slots__ = ("_cells", "idle_at", "used")

    def __init__(self) -> None:
        self._cells: OrderedDict[Cell, None] = OrderedDict()
        self.used = 0
        self.idle_at = 0

    def refresh(self, now: int, demand: Demand) -> None:  # noqa: ARG002  # every counter has the same methods
        """Frees what was not renewed in time."""
        cells = self._cells
        while cells:
            cell = next(iter(cells))
            if cell.at > now:
                return
            self._free(cell)

    def _free(self, cell: Cell) -> None:
        self._cells.pop(cell)
        self.used -= cell.amount
        cell.at = GONE

    def fits(self, demand: Demand) -> bool:
        return self.used + demand.amount <= demand.capacity

    def add(self, now: int, demand: Demand, amount: int) -> Cell | None:
        if not amount:
            return None
        cell = Cell(now + demand.window_us, amount)
        self._cells[cell] = None
        self.used += amount
        self.idle_at = max(self.idle_at, cell.at)
        return cell

    def settle(self, now: int, demand: Demand, cell: Cell | None, amount: int) -> None:
        """0 gives the slots back; another amount is what is held from now on."""
        self.refresh(now, demand)
        if cell is not None and cell.at != GONE:
            self.used += amount - cell.amount
            cell.amount = amount
            if not amount:
                self._free(cell)

    def renew(self, now: int, demand: Demand, cell: Cell) -> None:
        """Holds it for another window, also where it was renewed too late: it is held."""
        if not cell.amount:
            return
        if cell.at == GONE:
            self.used += cell.amount
        cell.at = now + demand.window_us
        self._cells[cell] = None
        self._cells.move_to_end(cell)
        self.idle_at = max(self.idle_at, cell.at)

    def standing(self, now: int, demand: Demand, *, wait: bool = False) -> Standing:
        cells = self._cells
        reset_us = next(reversed(cells)).at - now if cells else 0
        left = demand.capacity - self.used
        retry_us = 0
        if wait and left < demand.amount:
            retry_us = _wait(list(cells), demand, demand.amount - left, -now)
        return Standing(self.used, max(0, left), reset_us, retry_us)


class Total:
    """A sum that only begins anew."""

    __slots__ = ("_began", "idle_at", "used")

    def __init__(self) -> None:
        self.used = 0
        self._began = GONE
        self.idle_at = 0

    def refresh(self, now: int, demand: Demand) -> None:  # noqa: ARG002  # every counter has the same methods
        """Nothing leaves a sum; the store forgets it as a whole."""
        if self._began != GONE:
            self.idle_at = self._began + demand.window_us

    def over(self, now: int, demand: Demand) -> bool:
        """Whether its time has run out."""
        return self._began != GONE and self._began + demand.window_us <= now

    def fits(self, demand: Demand) -> bool:
        return self.used + demand.amount <= demand.capacity

    def add(self, now: int, demand: Demand, amount: int) -> Cell | None:
        """Begins with the first take."""
        if self._began == GONE:
            self._began = now
            self.idle_at = now + demand.window_us
        self.used += amount
        return None

    def settle(self, now: int, demand: Demand, cell: Cell | None, amount: int) -> None:  # noqa: ARG002  # every counter has the same methods
        """Corrects the sum that was taken from, also where a new one has begun since."""
        self.used += amount - demand.amount

    def standing(self, now: int, demand: Demand, *, wait: bool = False) -> Standing:
        left = demand.capacity - self.used
        reset_us = self.idle_at - now if self.used else 0
        retry_us = 0
        if wait and left < demand.amount:
            retry_us = reset_us if demand.amount <= demand.capacity else demand.window_us
        return Standing(self.used, max(0, left), reset_us, retry_us)


EXACT_MAX: Final = 2**52
"""Up to here Lua's numbers (IEEE 754 doubles) are exact integers, with room for one addition."""


class Bucket:
    """GCRA as a bucket that drains: `level` is an amount times the window, so it stays an integer.

    Time goes in ticks of 1, 1,000 or 1,000,000 microseconds, whichever keeps the level exact. An
    empty bucket starts to drain at the next tick, so that coarse ticks never admit more.
    """

    __slots__ = ("_kept", "_level", "_stamp", "_tick", "_window", "idle_at")

    def __init__(self) -> None:
        self._kept = (0, 0, 0, 0, 0)  # level, stamp, tick, window, capacity of the last take
        self._level = 0
        self._stamp = 0
        self._tick = 0
        self._window = 0
        self.idle_at = 0

    def refresh(self, now: int, demand: Demand) -> None:
        """Drains what has drained since the last take, at the rate that was in force then."""
        level, stamp, tick, window, capacity = self._kept
        if tick:
            elapsed = now // tick - stamp
            if elapsed > 0:
                stamp += elapsed
                if capacity:
                    level = max(0, level - elapsed * capacity)
                elif elapsed >= window:
                    level = 0
        self._tick, self._window = _ticks(demand)
        if tick and (tick != self._tick or window != self._window):
            # Another window: the same amount is used, the same time has passed.
            level = -(-level * self._window // window)
            stamp = -(-stamp * tick // self._tick)
        self._level = level
        self._stamp = stamp

    def fits(self, demand: Demand) -> bool:
        burst = demand.burst or demand.capacity
        return self._level + demand.amount * self._window <= burst * self._window

    def add(self, now: int, demand: Demand, amount: int) -> Cell | None:
        if not self._level:
            self._stamp = -(-now // self._tick)
        self._level += amount * self._window
        self._keep(now, demand)
        return None

    def _keep(self, now: int, demand: Demand) -> None:
        self._kept = (self._level, self._stamp, self._tick, self._window, demand.capacity)
        self.idle_at = now + self._drains_in(self._level, now, demand)

    def settle(self, now: int, demand: Demand, cell: Cell | None, amount: int) -> None:  # noqa: ARG002  # every counter has the same methods
        """A refund takes out at most what has not drained yet."""
        self.refresh(now, demand)
        change = amount - demand.amount
        if change > 0:
            self.add(now, demand, change)
        elif change < 0:
            self._level = max(0, self._level + change * self._window)
            self._keep(now, demand)

    def standing(self, now: int, demand: Demand, *, wait: bool = False) -> Standing:
        level, window, capacity = self._level, self._window, demand.capacity
        burst = demand.burst or capacity
        free = burst * window - level
        reset_us = self._drains_in(level, now, demand) if level else 0
        retry_us = 0
        missing = demand.amount * window - free
        if wait and missing > 0:
            never = demand.amount > burst
            retry_us = demand.window_us if never else self._drains_in(missing, now, demand)
        remaining = free // window if free > 0 else 0
        return Standing(-(-level // window), remaining, reset_us, retry_us)

    def _drains_in(self, level: int, now: int, demand: Demand) -> int:
        """How long until that much has drained; without a rate all goes after the window."""
        ticks = -(-level // demand.capacity) if demand.capacity else self._window
        return (self._stamp + ticks) * self._tick - now


def _ticks(demand: Demand) -> tuple[int, int]:
    """The length of a tick in microseconds, and the window in ticks."""
    window = demand.window_us
    largest = max(demand.capacity, demand.burst) * window
    if largest <= EXACT_MAX:
        return 1, window
    tick = 1_000 if largest <= EXACT_MAX * 1_000 else 1_000_000
    return tick, -(-window // tick)


Counter = Log | Bucket | Total | Slots
