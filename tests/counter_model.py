"""What counters promise, said as plainly as possible: everything is kept and added up anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.plugin.limits import Algorithm, Demand, Grant


class Clock:
    """Microseconds that only the test moves."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Counting(Protocol):
    """MemoryStore and LuaStore."""

    def take(self, tag: str, demands: Sequence[Demand]) -> Grant: ...

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None: ...

    def renew(self, grant: Grant) -> None: ...


@dataclass(eq=False)
class Booking:
    """What one take put on one counter."""

    at: int
    amount: int
    held_until: int


@dataclass
class Model:
    """LOG, TOTAL and SLOTS by adding up bookings."""

    bookings: dict[tuple[str, str], list[Booking]] = field(default_factory=dict)

    def used(self, now: int, tag: str, demand: Demand) -> int:
        """What counts now."""
        bookings = self.bookings.get((tag, demand.key), [])
        if demand.algorithm == Algorithm.TOTAL:
            bookings = [b for b in bookings if b.at == self._period(now, tag, demand)]
            return sum(b.amount for b in bookings)
        if demand.algorithm == Algorithm.SLOTS:
            return sum(b.amount for b in bookings if b.held_until > now)
        return sum(b.amount for b in bookings if b.at > now - demand.window_us)

    def _period(self, now: int, tag: str, demand: Demand) -> int:
        """When the running period of a TOTAL began; now where none runs."""
        known = [b.at for b in self.bookings.get((tag, demand.key), [])]
        return max([at for at in known if at + demand.window_us > now], default=now)

    def refused_by(self, now: int, tag: str, demands: Sequence[Demand]) -> int:
        """The first demand that does not fit, or -1."""
        for index, demand in enumerate(demands):
            fits = self.used(now, tag, demand) + demand.amount <= demand.capacity
            if not fits and not demand.report_only:
                return index
        return -1

    def take(self, now: int, tag: str, demands: Sequence[Demand]) -> list[Booking]:
        """Books an admitted take."""
        booked = []
        for demand in demands:
            total = demand.algorithm == Algorithm.TOTAL
            at = self._period(now, tag, demand) if total else now
            booking = Booking(at, demand.amount, now + demand.window_us)
            self.bookings.setdefault((tag, demand.key), []).append(booking)
            booked.append(booking)
        return booked

    def settle(
        self,
        now: int,
        tag: str,
        demands: Sequence[Demand],
        booked: Sequence[Booking],
        amounts: Sequence[int],
    ) -> None:
        """Corrects bookings; an excess on what no longer counts is booked now (LOG)."""
        for demand, booking, amount in zip(demands, booked, amounts, strict=True):
            left = booking.at <= now - demand.window_us or not booking.amount
            if demand.algorithm == Algorithm.LOG and left:
                excess = amount - demand.amount
                if excess > 0:
                    more = Booking(now, excess, 0)
                    self.bookings.setdefault((tag, demand.key), []).append(more)
            elif demand.algorithm != Algorithm.SLOTS or (
                booking.amount and booking.held_until > now
            ):
                booking.amount = amount
