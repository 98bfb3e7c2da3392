"""One scan for all plugins of a chain: candidates by Hyperscan, confirmed by RE2, then validated.

Here stands what all uses of a chain share: the database, and what was found in the last texts. What
the matches of a use come to is settled for each use (`scanner`, `channel`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from gateway.plugin.pattern import Finding, Pattern
from gateway.scan.database import HITS_KEPT_MAX, Database, Expression
from gateway.scan.expression import ExpressionError, for_re2
from gateway.scan.fold import Folded, fold
from gateway.scan.patterns import ReadyPattern, compiled

Candidates: TypeAlias = dict[ReadyPattern, list[int] | None]
"""By pattern where matches of its gate end, in bytes of the folded text; None is anywhere."""

REMEMBERED_CHARACTERS_MAX: Final = 2_097_152
"""Texts of one generation of the memory, together; there are two."""
_ENTRY_CHARACTERS: Final = 64
"""What an entry counts for beside its text."""


class Scanned:
    """A scanned text: which patterns may be in it, and what it came to for each use."""

    __slots__ = ("folded", "found", "hits", "present")

    def __init__(self, folded: Folded, hits: Candidates) -> None:
        self.folded = folded
        self.hits = hits
        self.found: dict[tuple[frozenset[ReadyPattern], int], Sequence[Finding]] = {}
        self.present: dict[frozenset[ReadyPattern], Sequence[Pattern]] = {}


class Engine:
    """Everything that the uses of one chain look for, in one direction."""

    def __init__(self, patterns: Iterable[Pattern], folder: Path | None = None) -> None:
        """Raises ExpressionError, which names the pattern."""
        self.ready: dict[Pattern, ReadyPattern] = {}
        for pattern in patterns:
            if pattern not in self.ready:
                self.ready[pattern] = make_ready(pattern)
                self.ready[pattern].prepare()
        self._list = list(self.ready.values())
        self._served: list[list[ReadyPattern]] = []
        """The patterns of each expression: one of its own, or all that need what it finds."""
        by_near: dict[bytes, list[ReadyPattern]] = {}
        for ready in self._list:
            if ready.near_gate:
                by_near.setdefault(ready.near_gate, []).append(ready)
            else:
                self._served.append([ready])
        expressions = [Expression(ready.gate, once=ready.gate_is_weak) for (ready,) in self._served]
        expressions += [Expression(gate, once=True) for gate in by_near]
        self._own = len(self._served)
        self._served += by_near.values()
        try:
            self._database = Database(expressions, folder)
        except ValueError as error:
            raise ExpressionError(f"cannot be searched for: {error}") from None
        self._plain = _Memory()
        self._json = _Memory()
        # The last scan: the next plugin of a chain is mostly shown the same piece of a stream.
        self._last: tuple[bytes, Candidates] = (b"", {})

    @property
    def database_bytes(self) -> int:
        """Memory of the compiled expressions."""
        return self._database.size_bytes

    def known(self, text: str, *, json: bool = False) -> Scanned | None:
        """What is remembered of a text."""
        return (self._json if json else self._plain).get(text)

    def whole(self, text: str, *, json: bool = False) -> Scanned:
        """A whole text, scanned once; `json` says that it is the source of a JSON text.

        The memory is told by the text itself, so that the very object of before costs a look-up.
        """
        memory = self._json if json else self._plain
        scanned = memory.get(text)
        if scanned is None:
            folded = fold(text, json=json)
            hits = self.candidates(folded.text.encode("utf-8", "replace"))
            scanned = Scanned(folded, hits) if hits else NOTHING
            memory.put(text, scanned)
        return scanned

    def candidates(self, data: bytes) -> Candidates:
        """Which patterns may be in a folded text, and where; nothing that is not there is left out.

        Where none is told one by one, None stands for anywhere.
        """
        last, found = self._last
        if data != last:
            found = self._candidates(data)
            self._last = data, found  # one object: threads scan as well
        return found

    def _candidates(self, data: bytes) -> Candidates:
        hits = self._database.scan(data)
        if not hits:
            return {}
        found: Candidates = {}
        for number in sorted(hits):
            places = hits[number]
            several = number < self._own and len(places) <= HITS_KEPT_MAX
            for ready in self._served[number]:
                found[ready] = places if several and not ready.gate_is_weak else None
        return found


def check_pattern(pattern: Pattern) -> None:
    """Raises ExpressionError where the pattern cannot be confirmed or searched for."""
    ready = make_ready(pattern)
    try:
        compiled(for_re2(ready.body))
        Database([Expression(ready.gate)], None)
    except ValueError as error:
        raise ExpressionError(f'pattern "{pattern.name}": {error}') from None


class _Memory:
    """What was found in the last texts, in two generations: what is used again stays."""

    __slots__ = ("_old", "_room", "_young")

    def __init__(self) -> None:
        self._young: dict[str, Scanned] = {}
        self._old: dict[str, Scanned] = {}
        self._room = REMEMBERED_CHARACTERS_MAX

    def get(self, text: str) -> Scanned | None:
        scanned = self._young.get(text)
        if scanned is None:
            scanned = self._old.get(text)
            if scanned is not None:
                self.put(text, scanned)
        return scanned

    def put(self, text: str, scanned: Scanned) -> None:
        self._room -= len(text) + _ENTRY_CHARACTERS
        if self._room < 0:
            self._old, self._young = self._young, {}
            self._room = REMEMBERED_CHARACTERS_MAX
        self._young[text] = scanned


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


NOTHING: Final = Scanned(Folded("", ""), {})
"""Of a text in which nothing is: without a candidate nothing else is ever asked of it."""
