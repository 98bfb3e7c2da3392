"""What the matches of several patterns come to in one text: values that do not overlap.

Values that overlap become one, named by the pattern of the lowest rank. Where a run is among them
it goes on from their end, and everything behind it is looked for anew. A stream settles the same
groups, each as soon as nothing that comes can change it.

Matches are looked for as far as they are asked for, so that a text that is full of them costs no
more than what is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace
from typing import Final, TypeAlias

from gateway.scan.patterns import ReadyPattern
from gateway.scan.search import Raw, Search

_BATCH: Final = 128
"""So many matches of one pattern are looked for at a time."""
WINDOW: Final = 4096
"""And so many characters, so that what is rejected is not looked at behind what is told; twice as
many each time that there was no match in them."""
_OVER: Final = -1
_FIRST: Final = -(1 << 60)
"""Stands before every match that begins at the same place."""


_Place: TypeAlias = tuple[int, int, int, int]
"""In the order of the values, the longest first; the last is the number of the pattern."""


class Group:
    """Values that overlap; `head` is their end without a run, `runner` has the run behind it."""

    __slots__ = ("head", "raw", "runner", "start")

    def __init__(self, raw: Raw, start: int, head: int, runner: Raw | None) -> None:
        self.raw = raw
        self.start = start
        self.head = head
        self.runner = runner


class _Matches:
    """The matches of one pattern: those that are known, the next of them, where to search on."""

    __slots__ = ("_at", "_known", "_reached", "_ready", "_resume", "_search", "_window")

    def __init__(self, search: Search, ready: ReadyPattern, frontier: int) -> None:
        self._search = search
        self._ready = ready
        self._known: list[Raw] = []
        self._at = 0
        self._resume = frontier
        self._reached = 0
        # Of hits that are told one by one there are few.
        self._window = WINDOW if search.hits[ready] is None else len(search.text) + 1

    def place(self, number: int) -> _Place | None:
        """Where the next match stands, or before what place none does; None if none is left."""
        if self._at < len(self._known):
            raw = self._known[self._at]
            return raw.start, -raw.head, raw.ready.rank, number
        return None if self._resume == _OVER else (self._resume, _FIRST, 0, number)

    def look_further(self) -> None:
        """Makes more of the matches known."""
        until = self._resume + self._window
        found = self._search.run(self._ready, self._resume, _BATCH, until)
        self._known += found
        if len(found) < _BATCH:
            after = max(until, found[-1].body_stop) if found else until
            if not found:
                self._window *= 2
            self._resume = after if after < len(self._search.text) else _OVER
        else:
            self._resume = max(found[-1].body_stop, found[-1].body_start + 1)

    def take(self) -> Raw:
        """The next match, and the one behind it is the next from here on."""
        raw = self._known[self._at]
        self._at += 1
        self._reached = raw.body_stop
        return raw

    def across(self, cut: int) -> int:
        """Where the match begins that goes across `cut`; `cut` if there is none."""
        while self._resume != _OVER and self._resume < cut:
            self.look_further()
        known = self._known
        low, high = 0, len(known)
        while low < high:
            middle = (low + high) // 2
            if known[middle].body_start < cut:
                low = middle + 1
            else:
                high = middle
        if not low:
            return cut
        raw = known[low - 1]
        return raw.body_start if (raw.head if self._ready.run else raw.body_stop) > cut else cut

    def stays(self, end: int) -> bool:
        """Whether nothing changes where the text is as if it began at `end`."""
        if self._reached > end:
            return False
        if self._at < len(self._known):
            return self._known[self._at].body_start >= end
        return self._resume == _OVER or self._resume >= end

    def pass_by(self, end: int) -> None:
        """Goes on at `end`, as if the text began there.

        What is known behind it holds, unless a match goes across: then another one may begin.
        """
        while self._at < len(self._known) and self._known[self._at].body_start < end:
            self.take()
        is_cut = self._reached > end
        self._reached = 0
        self._known, self._at = self._known[self._at :], 0
        if self._known:
            if is_cut:
                self._look_anew(end)
        elif is_cut:
            self._resume = end
        elif self._resume != _OVER:
            # Nothing begins before the place at which it was to go on.
            self._resume = max(self._resume, end)

    def _look_anew(self, place: int) -> None:
        """What begins at `place` or later, up to where it is what is known already."""
        known, at = self._known, 0
        fresh: list[Raw] = []
        while at < len(known):
            raw = self._search.run(self._ready, place, 1, len(self._search.text))[0]
            if raw.body_start == known[at].body_start:
                break
            fresh.append(raw)
            place = max(raw.body_stop, raw.body_start + 1)
            while at < len(known) and known[at].body_start < place:
                at += 1
        else:
            self._resume = place
        self._known, self._at = fresh + known[at:], 0


class Upcoming:
    """The groups of a text from `frontier` on, in the order of their places."""

    __slots__ = ("_each", "_heap")

    def __init__(self, search: Search, patterns: Iterable[ReadyPattern], frontier: int) -> None:
        self._each = [_Matches(search, ready, frontier) for ready in patterns]
        self._heap: list[_Place] = []
        self._order(range(len(self._each)))

    def next_start(self, otherwise: int) -> int:
        """Where the next group begins."""
        self._look_further()
        return self._heap[0][0] if self._heap else otherwise

    def next(self) -> Group | None:
        """The next group; None if there is no more."""
        self._look_further()
        if not self._heap:
            return None
        best = first = self._take()
        head = first.head
        runner = first if first.ready.run else None
        while self._heap and self._heap[0][0] < head:
            if self._heap[0][1] == _FIRST:
                self._look_further()
                continue
            raw = self._take()
            head = max(head, raw.head)
            if raw.ready.run and (runner is None or raw.head > runner.head):
                runner = raw
            if _names_before(raw, best):
                best = raw
        return Group(best, first.start, head, runner)

    def pass_by(self, end: int) -> None:
        """Goes on behind a run that ends at `end`."""
        moved: list[int] = []
        for number, matches in enumerate(self._each):
            if not matches.stays(end):
                matches.pass_by(end)
                moved.append(number)
        if moved:
            self._heap = [place for place in self._heap if place[3] not in moved]
            self._order(moved)

    def between_bodies(self, cut: int) -> int:
        """The last place up to `cut` that is within no match."""
        moved = True
        while moved:
            before = cut
            for matches in self._each:
                cut = min(cut, matches.across(cut))
            moved = cut < before
        return cut

    def _order(self, numbers: Iterable[int]) -> None:
        """Adds the next places of these patterns."""
        for number in numbers:
            place = self._each[number].place(number)
            if place is not None:
                self._heap.append(place)
        heapify(self._heap)

    def _look_further(self) -> None:
        """Until the first place is that of a match."""
        while self._heap and self._heap[0][1] == _FIRST:
            number = self._heap[0][3]
            # `between_bodies` may have looked further already.
            if self._each[number].place(number) == self._heap[0]:
                self._each[number].look_further()
            self._put(number)

    def _take(self) -> Raw:
        number = self._heap[0][3]
        raw = self._each[number].take()
        self._put(number)
        return raw

    def _put(self, number: int) -> None:
        """The pattern whose place is the first one gets its next place."""
        place = self._each[number].place(number)
        if place is None:
            heappop(self._heap)
        else:
            heapreplace(self._heap, place)


def _names_before(one: Raw, other: Raw) -> bool:
    mine, its = one.ready.rank, other.ready.rank
    return mine < its or (mine == its and one.head - one.start > other.head - other.start)
