"""Scores of facts that came before, since most exchanges of a route have the same ones."""

from __future__ import annotations

from typing import Any, Final

from gateway.receipts.score import Score, score
from gateway_plugins.trust_score.observed import Facts

KEPT_MAX: Final = 1024


class Scored:
    """A score, and what is made of it: shared by exchanges, so nobody may change it."""

    __slots__ = ("document", "score")

    def __init__(self, found: Score) -> None:
        self.score = found
        self.document: dict[str, Any] = found.document()


class Scores:
    """The scores under one profile and table."""

    __slots__ = ("_kept", "_profile", "_table")

    def __init__(self, profile: str, table: str) -> None:
        self._profile = profile
        self._table = table
        self._kept: dict[tuple[tuple[str, bool | None], ...], Scored] = {}

    def of(self, facts: Facts) -> Scored:
        """The score of these facts."""
        key = tuple(facts.items())
        scored = self._kept.get(key)
        if scored is None:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            scored = self._kept[key] = Scored(score(facts, self._profile, self._table))
        return scored
