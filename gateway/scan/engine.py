"""One scan for all plugins of a chain: candidates by Hyperscan, confirmed by RE2, then validated.

What is found in a text depends on nothing but the text and the pattern, so that a stream comes to
the same as the whole: for each pattern, from left to right, the first body that is accepted, and
the next one behind it. How values of several patterns overlap is settled per use (`overlaps`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from gateway.plugin.pattern import BEFORE_CHARACTERS, Pattern
from gateway.scan.database import HITS_KEPT_MAX, Database, Expression
from gateway.scan.expression import ExpressionError, for_re2
from gateway.scan.fold import Folded, fold
from gateway.scan.patterns import ReadyPattern, compiled

REMEMBERED_CHARACTERS_MAX: Final = 2_097_152
"""Texts of one generation of the memory, together; there are two."""
_ENTRY_CHARACTERS: Final = 64
"""What an entry counts for beside its text."""


class Raw(NamedTuple):
    """A match of one pattern, in characters of the folded text.

    The body is the whole match, the value what counts of it; `stop` is where the value ends, with
    its run, and `head` where it ends without.
    """

    ready: ReadyPattern
    body_start: int
    body_stop: int
    start: int
    head: int
    stop: int


class Scanned(NamedTuple):
    """A scanned text; `found` is in the order of the patterns, each from left to right."""

    folded: Folded
    data: bytes
    found: Sequence[Raw]


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

    @property
    def database_bytes(self) -> int:
        """Memory of the compiled expressions."""
        return self._database.size_bytes

    def knows(self, text: str, *, json: bool = False) -> bool:
        """Whether the text was scanned before."""
        return (self._json if json else self._plain).get(text) is not None

    def whole(self, text: str, *, json: bool = False) -> Scanned:
        """A whole text, scanned once; `json` says that it is the source of a JSON text.

        The memory is told by the text itself, so that the very object of before costs a look-up.
        """
        memory = self._json if json else self._plain
        scanned = memory.get(text)
        if scanned is None:
            folded = fold(text, json=json)
            data = folded.text.encode("utf-8", "replace")
            found = self._find(folded.text, data, 0)
            # Without a finding nothing else is ever asked of it.
            scanned = Scanned(folded, data, found) if found else _NOTHING
            memory.put(text, scanned)
        return scanned

    def piece(self, text: str, frontier: int) -> Sequence[Raw]:
        """A part of a stream, folded, in which bodies begin at `frontier` or later."""
        return self._find(text, text.encode("utf-8", "replace"), frontier)

    def again(self, text: str, data: bytes, ready: ReadyPattern, frontier: int) -> list[Raw]:
        """What one pattern finds from `frontier` on."""
        return _Search(text, data).run(ready, None, frontier)

    def run_end(self, text: str, ready: ReadyPattern) -> tuple[int, int]:
        """Where a run at the beginning of `text` ends: before what closes it, and behind that."""
        data = text.encode("utf-8", "replace")
        end, behind = ready.run_end(data, 0)
        if len(data) == len(text):
            return end, behind
        count = len(data[:end].decode("utf-8", "replace"))
        return count, count + len(data[end:behind].decode("utf-8", "replace"))

    def _find(self, text: str, data: bytes, frontier: int) -> Sequence[Raw]:
        hits = self._database.scan(data)
        if not hits:
            return ()
        search = _Search(text, data)
        found: list[Raw] = []
        for number in sorted(hits):
            places = hits[number]
            several = number < self._own and len(places) <= HITS_KEPT_MAX
            for ready in self._served[number]:
                known = places if several and not ready.gate_is_weak else None
                found += search.run(ready, known, frontier)
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


class _Search:
    """The matches of single patterns in one text; places in bytes inside, in characters outside."""

    __slots__ = ("_ascii", "_byte", "_count", "_data", "_text")

    def __init__(self, text: str, data: bytes) -> None:
        self._text = text
        self._data = data
        self._ascii = len(data) == len(text)
        self._byte = self._count = 0

    def run(self, ready: ReadyPattern, hits: list[int] | None, frontier: int) -> list[Raw]:
        """From left to right; `hits` are where matches of the gate end, None is anywhere."""
        data = self._data
        size = len(data)
        place = frontier if self._ascii else len(self._text[:frontier].encode("utf-8", "replace"))
        found: list[Raw] = []
        if hits is None:
            while place < size:
                place, raw = self._next(ready, place, size, size)
                if raw is not None:
                    found.append(raw)
            return found
        width = ready.gate_bytes_max
        reach = ready.length_bytes_max + 4
        for hit in hits:
            # The body of a match begins at most the gate's width before the hit, and before it.
            place = max(place, hit - width)
            stop = min(size, hit + reach)
            while place < hit:
                place, raw = self._next(ready, place, stop, hit)
                if raw is not None:
                    found.append(raw)
        return found

    def _next(
        self, ready: ReadyPattern, place: int, stop: int, before: int
    ) -> tuple[int, Raw | None]:
        """The next body that begins at `place` or later and before `before`, if it is accepted.

        Returns where to go on: `before` or later if there is none.
        """
        spans = ready.search(self._data, place, stop)
        start, end = spans[1]
        if spans[0][0] < 0 or start >= before:
            return before, None
        value_start, value_stop = spans[2] if ready.narrowed else (start, end)
        if value_start < 0:
            return start + 1, None
        body_start, first = self._character(start), self._character(value_start)
        head = self._character(value_stop)
        value = self._text[first:head]
        before_text = self._text[max(0, first - BEFORE_CHARACTERS) : first]
        if not ready.accepts(value, before_text):
            return start + 1, None
        body_stop, last = self._character(end), head
        if ready.run:
            _, end = ready.run_end(self._data, end)
            last = self._character(end)
            body_stop = last
        return max(end, start + 1), Raw(ready, body_start, body_stop, first, head, last)

    def _character(self, place: int) -> int:
        """The number of the character at a byte, counted on from the one asked for before."""
        if self._ascii:
            return place
        data, known = self._data, self._byte
        if place >= known:
            self._count += len(data[known:place].decode("utf-8", "replace"))
        else:
            self._count -= len(data[place:known].decode("utf-8", "replace"))
        self._byte = place
        return self._count


_NOTHING: Final = Scanned(Folded("", ""), b"", ())
