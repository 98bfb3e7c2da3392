"""What scanning a text came to: candidates for all patterns at once, remembered by the text.

The part of an engine that runs with every text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from gateway.plugin.finding import Finding
from gateway.plugin.pattern import Pattern
from gateway.scan.database import HITS_KEPT_MAX, Database
from gateway.scan.fold import Folded, fold
from gateway.scan.gate import DIGITS_MIN
from gateway.scan.patterns import ReadyPattern

try:
    from gateway.scan import _numbers

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

Candidates: TypeAlias = dict[ReadyPattern, list[int] | None]
"""By pattern where matches of its gate end, in bytes of the folded text; None is anywhere."""

REMEMBERED_CHARACTERS_MAX: Final = 2_097_152
"""Texts of one generation of the memory, together; there are two."""
_DIGITS: Final = b"0123456789"
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


class Gates:
    """One database and what it is asked for.

    Args:
        database: what is scanned with.
        served: for each of its expressions the patterns that need what it finds. One more
            expression, if there is one, tells of digits, and serves none.
        served_by_words: the same of a text without digits.
        own: so many of the expressions, the first ones, are parts of their patterns.

    """

    __slots__ = ("_own", "_served", "_served_by_words", "database")

    def __init__(
        self,
        database: Database,
        served: Sequence[Sequence[ReadyPattern]],
        served_by_words: Sequence[Sequence[ReadyPattern]],
        own: int,
    ) -> None:
        self.database = database
        self._served = served
        self._served_by_words = served_by_words
        self._own = own

    def candidates(self, data: bytes) -> Candidates:
        """Which patterns may be in a text, and where."""
        hits = self.database.scan(data)
        served = self._served_by_words
        if hits.pop(len(served), None) is not None:
            served = self._served
        if not hits:
            return {}
        found: Candidates = {}
        for number in sorted(hits):
            places = hits[number]
            several = number < self._own and len(places) <= HITS_KEPT_MAX
            for ready in served[number]:
                found[ready] = places if several and not ready.gate_is_weak else None
        return found


class Scans:
    """Looks through texts, and remembers what it found.

    `gates` are those of all patterns, `gates_of_words` of those that match without five digits: a
    text that has fewer is looked through by these alone, in half the time.
    """

    __slots__ = ("_gates", "_gates_of_words", "_json", "_last", "_plain")

    def __init__(self, gates: Gates, gates_of_words: Gates) -> None:
        self._gates = gates
        self._gates_of_words = gates_of_words
        self._plain = _Memory()
        self._json = _Memory()
        # The last scan: the next plugin of a chain is mostly shown the same piece of a stream.
        self._last: tuple[bytes, Candidates] = (b"", {})

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
            has_few = digits_in(data) < DIGITS_MIN
            found = (self._gates_of_words if has_few else self._gates).candidates(data)
            self._last = data, found  # one object: threads scan as well
        return found


def digits_in(data: bytes) -> int:
    """How many ASCII digits a text has."""
    return _numbers.digits(data) if NATIVE else len(data) - len(data.translate(None, _DIGITS))


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


NOTHING: Final = Scanned(Folded("", ""), {})
"""Of a text in which nothing is: without a candidate nothing else is ever asked of it."""
