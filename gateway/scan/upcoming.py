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
from typing import Final

from gateway.scan.patterns import ReadyPattern
from gateway.scan.search import Raw, Search

_BATCH: Final = 128
"""So many matches of one pattern are looked for at a time."""
_OVER: Final = -1


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

    __slots__ = ("_at", "_known", "_reached", "_ready", "_resume", "_search")

    def __init__(self, search: Search, ready: ReadyPattern, frontier: int) -> None:
        self._search = search
        self._ready = ready
        self._known: list[Raw] = []
        self._at = 0
        self._resume = frontier
        self._reached = 0

    def next(self) -> Raw | None:
        """The next match, which stays the next one until it is taken."""
        if self._at == len(self._known) and self._resume != _OVER:
            self._look_further()
        return self._known[self._at] if self._at < len(self._known) else None

    def take(self) -> Raw:
        """The next match, and the one behind it is the next from here on."""
        raw = self._known[self._at]
        self._at += 1
        self._reached = raw.body_stop
        return raw

    def across(self, cut: int) -> int:
        """Where the match begins that goes across `cut`; `cut` if there is none."""
        while self._resume != _OVER and self._resume < cut:
            self._look_further()
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

    def pass_by(self, end: int) -> None:
        """Goes on at `end`, as if the text began there.

        What is known behind it holds, unless a match goes across: then another one may begin.
        """
        while self._at < len(self._known) and self._known[self._at].body_start < end:
            self.take()
        is_cut = self._reached > end
        self._reached = 0
        self._known, self._at = self._known[self._at :], 0
        if not self._known:
            if is_cut or self._resume != _OVER:
                self._resume = end
        elif is_cut:
            self._look_anew(end)

    def _look_anew(self, place: int) -> None:
        """What begins at `place` or later, up to where it is what is known already."""
        known, at = self._known, 0
        fresh: list[Raw] = []
        while at < len(known):
            raw = self._search.run(self._ready, place, 1)[0]
            if raw.body_start == known[at].body_start:
                break
            fresh.append(raw)
            place = max(raw.body_stop, raw.body_start + 1)
            while at < len(known) and known[at].body_start < place:
                at += 1
        else:
            self._resume = place
        self._known, self._at = fresh + known[at:], 0

    def _look_further(self) -> None:
        found = self._search.run(self._ready, self._resume, _BATCH)
        self._known += found
        if len(found) < _BATCH:
            self._resume = _OVER
        else:
            self._resume = max(found[-1].body_stop, found[-1].body_start + 1)


class Upcoming:
    """The groups of a text from `frontier` on, in the order of their places."""

    __slots__ = ("_each", "_heap")

    def __init__(self, search: Search, patterns: Iterable[ReadyPattern], frontier: int) -> None:
        self._each = [_Matches(search, ready, frontier) for ready in patterns]
        self._heap: list[tuple[int, int, int, int]] = []
        self._order()

    def next_start(self, otherwise: int) -> int:
        """Where the next group begins."""
        return self._heap[0][0] if self._heap else otherwise

    def next(self) -> Group | None:
        """The next group; None if there is no more."""
        if not self._heap:
            return None
        best = first = self._take()
        head = first.head
        runner = first if first.ready.run else None
        while self._heap and self._heap[0][0] < head:
            raw = self._take()
            head = max(head, raw.head)
            if raw.ready.run and (runner is None or raw.head > runner.head):
                runner = raw
            if _names_before(raw, best):
                best = raw
        return Group(best, first.start, head, runner)

    def pass_by(self, end: int) -> None:
        """Goes on behind a run that ends at `end`."""
        for matches in self._each:
            matches.pass_by(end)
        self._order()

    def between_bodies(self, cut: int) -> int:
        """The last place up to `cut` that is within no match."""
        moved = True
        while moved:
            before = cut
            for matches in self._each:
                cut = min(cut, matches.across(cut))
            moved = cut < before
        return cut

    def _order(self) -> None:
        self._heap = []
        for number, matches in enumerate(self._each):
            raw = matches.next()
            if raw is not None:
                self._heap.append(_place(raw, number))
        heapify(self._heap)

    def _take(self) -> Raw:
        number = self._heap[0][3]
        matches = self._each[number]
        raw = matches.take()
        following = matches.next()
        if following is None:
            heappop(self._heap)
        else:
            heapreplace(self._heap, _place(following, number))
        return raw


def _place(raw: Raw, number: int) -> tuple[int, int, int, int]:
    """In the order of the values, the longest first."""
    return raw.start, -raw.head, raw.ready.rank, number


def _names_before(one: Raw, other: Raw) -> bool:
    mine, its = one.ready.rank, other.ready.rank
    return mine < its or (mine == its and one.head - one.start > other.head - other.start)
