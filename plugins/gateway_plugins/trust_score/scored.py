"""Scores of facts that came before, since most exchanges of a route have the same ones."""

from __future__ import annotations

from typing import Any, Final

from gateway.receipts.score import Score, band, score
from gateway_plugins.trust_score.observed import Facts

KEPT_MAX: Final = 1024


class Scored:
    """A score, and what is made of it: shared by exchanges, so nobody may change it.

    `band` is the alert that it calls for by itself, empty for none.
    """

    __slots__ = ("band", "document", "result", "score")

    def __init__(self, found: Score) -> None:
        self.score = found
        self.result = found.result
        self.document: dict[str, Any] = found.document()
        raised = band(found)
        self.band = "" if raised is None else raised.value


class Scores:
    """The scores under one profile and table."""

    __slots__ = ("_kept", "_last", "_last_facts", "_profile", "_table")

    def __init__(self, profile: str, table: str) -> None:
        self._profile = profile
        self._table = table
        self._kept: dict[tuple[tuple[str, bool | None], ...], Scored] = {}
        self._last_facts: Facts = {}
        self._last: Scored | None = None

    def of(self, facts: Facts) -> Scored:
        """The score of these facts."""
        last = self._last
        if last is not None and facts == self._last_facts:
            return last
        key = tuple(facts.items())
        scored = self._kept.get(key)
        if scored is None:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            scored = self._kept[key] = Scored(score(facts, self._profile, self._table))
        self._last_facts, self._last = facts, scored
        return scored
