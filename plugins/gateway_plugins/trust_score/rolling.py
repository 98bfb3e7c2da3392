"""The score of a caller and agent over time: exponential decay by exchanges and by time, a floor.

    after an exchange   score += (result - score) / exchanges
    while nothing comes what is known fades: after a half-life without an exchange the next result
                        counts for half of all

Whole thousandths of a point, so that a sequence of results gives the same everywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final, TypeAlias

KEPT_MAX: Final = 10_000
REASONS_MAX: Final = 5
MILLI: Final = 1000
"""Thousandths of a point."""
_HALVINGS_MAX: Final = 10

Who: TypeAlias = tuple[str, str, str]
"""Whose score it is: tenant, subject and agent; empty texts for whoever is not known."""


class Standing:
    """One score: `milli` are thousandths of a point, `reasons` the last ones that cost points.

    `added` are those of the last exchange that had some. `learned_at_s` is when a shared store told
    it last.
    """

    __slots__ = ("added", "at_s", "band", "exchanges", "learned_at_s", "milli", "reasons")

    def __init__(self, milli: int, at_s: float) -> None:
        self.milli = milli
        self.at_s = at_s
        self.learned_at_s = -inf
        self.exchanges = 1
        self.band = ""
        self.reasons: list[str] = []
        self.added: tuple[str, ...] = ()

    @property
    def score(self) -> int:
        """0 to 100, half up."""
        return (self.milli + MILLI // 2) // MILLI


class Rolling:
    """The scores of one use; those that were not asked for longest are forgotten first."""

    def __init__(
        self, *, exchanges: int, half_life_s: float, floor: int, monotonic: Callable[[], float]
    ) -> None:
        self._exchanges = exchanges
        self._half_life_s = half_life_s
        self._floor = floor * MILLI
        self._monotonic = monotonic
        self._kept: OrderedDict[Who, Standing] = OrderedDict()
        self._latest: Standing | None = None
        """The one that stands last, if it is still there."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, who: Who) -> Standing | None:
        """What is known of somebody."""
        return self._kept.get(who)

    def add(self, who: Who, result: int, reasons: tuple[str, ...]) -> tuple[Standing, int]:
        """Adds the result of an exchange; also how far it was from the score before (0 to 100)."""
        now = self._monotonic()
        standing = self._kept.get(who)
        if standing is None:
            standing = self._begin(who, max(result * MILLI, self._floor), now)
            drift = 0
        else:
            drift = abs(result - standing.score)
            self._move(standing, result, now)
            if standing is not self._latest:
                self._kept.move_to_end(who)
                self._latest = standing
        # The same ones again, which are one object then, would change nothing.
        if reasons and reasons is not standing.added:
            standing.added = reasons
            fresh = [r for r in standing.reasons if r not in reasons]
            standing.reasons = [*reasons, *fresh][:REASONS_MAX]
        return standing, drift

    def learn(self, who: Who, milli: int, exchanges: int) -> Standing:
        """Takes over what a shared store says of somebody."""
        now = self._monotonic()
        standing = self._kept.get(who)
        if standing is None:
            standing = self._begin(who, milli, now)
        standing.milli, standing.exchanges = milli, exchanges
        standing.at_s = standing.learned_at_s = now
        return standing

    def drop(self, who: Who) -> None:
        """Forgets one score, if there is one."""
        self._kept.pop(who, None)

    def reset(self, tenant: str, subject: str, agent: str | None) -> int:
        """Forgets the scores of a subject, of one agent or (None) of all; how many there were."""
        gone = [
            who for who in self._kept if who[:2] == (tenant, subject) and agent in {None, who[2]}
        ]
        for who in gone:
            del self._kept[who]
        return len(gone)

    def _begin(self, who: Who, milli: int, now: float) -> Standing:
        if len(self._kept) >= KEPT_MAX:
            self._kept.popitem(last=False)
        standing = self._kept[who] = self._latest = Standing(milli, now)
        return standing

    def _move(self, standing: Standing, result: int, now: float) -> None:
        halvings = min(int((now - standing.at_s) / self._half_life_s), _HALVINGS_MAX)
        weight = MILLI // self._exchanges or 1
        if halvings:
            weight = max(weight, MILLI - (MILLI >> halvings))
        step = (result * MILLI - standing.milli) * weight
        # Towards zero, as far as it goes: what is left is less than a thousandth.
        moved = step // MILLI if step >= 0 else -(-step // MILLI)
        standing.milli = max(standing.milli + moved, self._floor)
        standing.at_s = now
        standing.exchanges += 1
