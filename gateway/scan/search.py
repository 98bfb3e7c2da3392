"""The matches of single patterns in one text, one after the other.

What is found in a text depends on nothing but the text and the pattern, so that a stream comes to
the same as the whole: for each pattern, from left to right, the first body that is accepted, and
the next one behind it. Whoever goes on from a place that is within no body finds the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from gateway.plugin.pattern import BEFORE_CHARACTERS, Budget, OverBudgetError
from gateway.scan.confirm import Confirmation, Screen, next_body
from gateway.scan.patterns import ReadyPattern
from gateway.scan.places import places_of


class Raw:
    """A match of one pattern, in characters of the folded text.

    The body is the whole match, the value what counts of it; `stop` is where the value ends, with
    its run, and `head` where it ends without.
    """

    __slots__ = ("body_start", "body_stop", "head", "ready", "start", "stop")

    def __init__(  # noqa: PLR0917  # made in one place
        self,
        ready: ReadyPattern,
        body_start: int,
        body_stop: int,
        start: int,
        head: int,
        stop: int,
    ) -> None:
        self.ready = ready
        self.body_start = body_start
        self.body_stop = body_stop
        self.start = start
        self.head = head
        self.stop = stop


_NOWHERE: Final = 1 << 62


class _Starts:
    """The places at which a pattern may begin, in order; no more are looked for than asked."""

    __slots__ = ("_further", "known")

    def __init__(self, places: Iterator[int]) -> None:
        self.known: list[int] = []
        self._further = places

    def get(self, at: int) -> int:
        """The place with this number, beyond every text if there is none."""
        known = self.known
        while at >= len(known):
            place = next(self._further, _NOWHERE)
            if place == _NOWHERE:
                return _NOWHERE
            known.append(place)
        return known[at]


class Search:
    """Looks through one text; places are in bytes inside, in characters outside.

    `hits` are, for each pattern that may be in it, where matches of its gate end; None is anywhere.
    """

    def __init__(
        self,
        text: str,
        data: bytes,
        hits: dict[ReadyPattern, list[int] | None],
        budget: Budget | None = None,
    ) -> None:
        self.text = text
        self._budget = budget
        self.hits = hits
        self._data = data
        self._places = None if len(data) == len(text) else places_of(data)  # ASCII counts itself
        self._starts: dict[Screen, _Starts] = {}

    def run(self, ready: ReadyPattern, frontier: int, most: int, until: int) -> list[Raw]:
        """From left to right, bodies that begin at `frontier` or later and before `until`.

        At most so many.
        """
        hits = self.hits[ready]
        size = len(self._data)
        place = self._place(frontier)
        end = size if until >= len(self.text) else self._place(until)
        reach = ready.length_bytes_max + 4
        found: list[Raw] = []
        confirmation = ready.confirmation
        screen = confirmation.screen
        if screen is not None:
            starts = self._screened(screen)
            at = bisect_left(starts.known, place)
            while (start := starts.get(at)) < end:
                at += 1
                if start >= place:
                    stop = min(size, start + reach)
                    place, raw = self._next(ready, confirmation, start, stop, start + 1, exact=True)
                    if raw is not None:
                        found.append(raw)
                        if len(found) == most:
                            break
            return found
        if hits is None:
            stop = min(size, end + reach)
            while place < end:
                place, raw = self._next(ready, confirmation, place, stop, end)
                if raw is not None:
                    found.append(raw)
                    if len(found) == most:
                        break
            return found
        width = ready.gate_bytes_max
        for hit in hits:
            # The body of a match begins at most the gate's width before the hit, and before it.
            place = max(place, hit - width)
            stop = min(size, hit + reach)
            before = min(hit, end)
            while place < before:
                place, raw = self._next(ready, confirmation, place, stop, before)
                if raw is not None:
                    found.append(raw)
                    if len(found) == most:
                        return found
        return found

    def run_end(self, ready: ReadyPattern, place: int) -> tuple[int, int]:
        """Where a run that begins at `place` ends: before what closes it, and behind that."""
        end, behind = ready.confirmation.run_end(self._data, self._place(place))
        before = self._character(end)
        return before, self._character(behind)

    def _screened(self, screen: Screen) -> _Starts:
        """Where bodies may begin; told once for each text, for all patterns with this screen."""
        starts = self._starts.get(screen)
        if starts is None:
            starts = self._starts[screen] = _Starts(screen(self._data))
        return starts

    def _next(
        self,
        ready: ReadyPattern,
        confirmation: Confirmation,
        place: int,
        stop: int,
        before: int,
        *,
        exact: bool = False,
    ) -> tuple[int, Raw | None]:
        """The next body that begins at `place` or later and before `before`, if it is accepted.

        Returns where to go on: `before` or later if there is none. With `exact` it is one that
        begins at `place` itself.
        """
        budget = self._budget
        if budget is not None:
            if budget.left <= 0:
                raise OverBudgetError
            budget.left -= 1
        start, end, value_start, value_stop = next_body(
            confirmation.looker, self._data, place, stop, before, exact
        )
        if start < 0:
            return before, None
        if end < 0:
            return start, None
        if not confirmation.narrowed:
            value_start, value_stop = start, end
        elif value_start < 0:
            return start + 1, None
        body_start, first = self._character(start), self._character(value_start)
        head = self._character(value_stop)
        value = self.text[first:head]
        # One character more, which tells whether the first of the others is within a word.
        before_text = self.text[max(0, first - BEFORE_CHARACTERS - 1) : first]
        if not confirmation.accepts(value, before_text):
            return start + 1, None
        body_stop, last = self._character(end), head
        if ready.run:
            _, end = confirmation.run_end(self._data, end)
            last = self._character(end)
            body_stop = last
        return max(end, start + 1), Raw(ready, body_start, body_stop, first, head, last)

    def _character(self, place: int) -> int:
        """The number of the character that begins at a byte."""
        return place if self._places is None else self._places.character(place)

    def _place(self, character: int) -> int:
        """The byte at which a character begins; the reverse of `_character`."""
        return character if self._places is None else self._places.place(character)
