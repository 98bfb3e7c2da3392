"""Takes bodies away that are older than their retention class allows, once an hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.ledger.sealing import BatchMaker, iso_ms
from gateway.ledger.store import Ledger

INTERVAL_S = 3_600.0
DAY_MS = 86_400_000


class Expiry:
    """One per sequencer. `days` of a class that is not named, or 0, are for ever."""

    def __init__(
        self, ledger: Ledger, days: Mapping[str, int], monotonic_s: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._days = {name: count for name, count in days.items() if count}
        self._monotonic_s = monotonic_s
        self._next = 0.0
        self._untold: list[dict[str, Any]] = []

    def carry_out(self, maker: BatchMaker) -> None:
        """Expires what is due, and adds the records of it."""
        now = self._monotonic_s()
        if now >= self._next:
            self._next = now + INTERVAL_S
            for retention, days in self._days.items():
                self._expire(retention, maker.at_ms - days * DAY_MS, maker.at_ms)
            self._ledger.tidy()
        # Told again where the batch did not come to be: the bodies are gone either way.
        for detail in self._untold:
            maker.add_control("erased", detail)

    def committed(self) -> None:
        """The records are in the log."""
        self._untold.clear()

    def _expire(self, retention: str, before_ms: int, at_ms: int) -> None:
        count = self._ledger.expire(retention, before_ms, at_ms)
        if count:
            told = {"count": count, "entries": [], "reason": "retention", "class": retention}
            self._untold.append({**told, "before": iso_ms(before_ms)})
