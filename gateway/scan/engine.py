"""One scan for all plugins of a chain: candidates by Hyperscan, confirmed by RE2, then validated.

Here is made what all uses of a chain share: the database, and what looks through texts with it
(`scans`). What the matches of a use come to is settled for each use (`scanner`, `channel`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from gateway.plugin.pattern import Pattern
from gateway.scan.database import Database, Expression
from gateway.scan.expression import ExpressionError, for_re2
from gateway.scan.fold import prepare as prepare_fold
from gateway.scan.gate import DIGITS_GATE
from gateway.scan.holdback import HoldBack
from gateway.scan.patterns import ReadyPattern, compiled
from gateway.scan.scans import Gates, Scans

HOLD_BACKS_MAX: Final = 16
"""Of one engine; the oldest goes. Each grows with what streams bring, and engines last."""


class Engine:
    """Everything that the uses of one chain look for, in one direction."""

    def __init__(self, patterns: Iterable[Pattern], folder: Path | None = None) -> None:
        """Raises ExpressionError, which names the pattern."""
        prepare_fold()
        self.ready: dict[Pattern, ReadyPattern] = {}
        for pattern in patterns:
            if pattern not in self.ready:
                self.ready[pattern] = make_ready(pattern)
                self.ready[pattern].prepare()
        every = list(self.ready.values())
        of_words = [ready for ready in every if not ready.needs_digits]
        self._gates = gates_of(every, folder)
        self._gates_of_words = (
            gates_of(of_words, folder) if len(of_words) < len(every) else self._gates
        )
        self.scans = Scans(self._gates, self._gates_of_words)
        self._hold_backs: dict[frozenset[ReadyPattern], HoldBack] = {}

    def hold_back(self, own: frozenset[ReadyPattern]) -> HoldBack:
        """What may yet become part of a match of these; made once, in some milliseconds."""
        known = self._hold_backs.get(own)
        if known is None:
            forms = [ready.live_form for ready in self.ready.values() if ready in own]
            if len(self._hold_backs) >= HOLD_BACKS_MAX:
                del self._hold_backs[next(iter(self._hold_backs))]
            known = self._hold_backs[own] = HoldBack(forms)
        return known

    @property
    def database_bytes(self) -> int:
        """Memory of the compiled expressions."""
        each = {self._gates, self._gates_of_words}
        return sum(gates.database.size_bytes for gates in each)


def gates_of(patterns: Iterable[ReadyPattern], folder: Path | None) -> Gates:
    """The database that finds candidates for these. Raises ExpressionError."""
    own: dict[Expression, list[ReadyPattern]] = {}
    near: dict[Expression, list[ReadyPattern]] = {}
    """The patterns of each expression: those of which it is a part, or that need it nearby."""
    for ready in patterns:
        if ready.near_gate:
            near.setdefault(Expression(ready.near_gate, once=True), []).append(ready)
        else:
            gate = Expression(ready.gate, once=ready.gate_is_weak)
            own.setdefault(gate, []).append(ready)
    expressions = [*own, *near]
    served = [*own.values(), *near.values()]
    served_by_words = [[r for r in each if not r.asks_digits] for each in served]
    if served_by_words != served:
        expressions.append(Expression(DIGITS_GATE, once=True))
    try:
        database = Database(expressions, folder)
    except ValueError as error:
        raise ExpressionError(f"cannot be searched for: {error}") from None
    return Gates(database, served, served_by_words, len(own))


def check_pattern(pattern: Pattern) -> None:
    """Raises ExpressionError where the pattern cannot be confirmed or searched for."""
    ready = make_ready(pattern)
    try:
        compiled(for_re2(ready.body))
        Database([Expression(ready.gate)], None)
    except ValueError as error:
        raise ExpressionError(f'pattern "{pattern.name}": {error}') from None


def make_ready(pattern: Pattern) -> ReadyPattern:
    """The pattern with all that a scan needs, once for all engines.

    Raises ExpressionError, which names it.
    """
    ready = _ready.get(pattern)
    if ready is None:
        try:
            ready = _ready[pattern] = ReadyPattern(pattern)
        except ExpressionError as error:
            raise ExpressionError(f'pattern "{pattern.name}": {error}') from None
    return ready


_ready: Final[WeakValueDictionary[Pattern, ReadyPattern]] = WeakValueDictionary()
