"""One channel of a stream, for one use: what is found, and what may be let go of what came.

What is let go can never become part of a match, and what is held back is no more than that. A run,
which has no bound, is not held: once its pattern is confirmed it is dropped as it comes, unless the
use needs whole values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from gateway.plugin.finding import Finding
from gateway.plugin.pattern import BEFORE_CHARACTERS, JSON_REST, THE_REST, Pattern
from gateway.plugin.text import TextStream
from gateway.scan.fold import begins_json, may_be_json
from gateway.scan.folding import Folding
from gateway.scan.holdback import HoldBack
from gateway.scan.patterns import ReadyPattern
from gateway.scan.scans import Candidates, Scans
from gateway.scan.search import Search
from gateway.scan.upcoming import Group, Upcoming

_CONTEXT: Final = BEFORE_CHARACTERS + 16
"""Characters that were let go and are kept, because what comes is judged by what stands before."""
_SLICE: Final = 4096
"""Characters that are looked through at a time: a longer piece is read as if it came in several."""
_LONG: Final = 1024
"""Values that overlap are one, of any length; one that is longer is looked at again when it has
grown by a quarter."""
_EVERYTHING: Final = -1

_NONE: Final = Pattern("", "", "")
"""Stands for the pattern of a run while there is none."""


class Channel:
    """Implements `gateway.plugin.ChannelScanner`.

    The context is what was let go last, as it came and folded. `_run_at` is where the run goes on,
    from the beginning of what was held. `_left` counts the values that are still told one by one;
    what stands behind the last of them is the rest.
    """

    __slots__ = (
        "_context", "_folding", "_hold_back", "_in_rest", "_json", "_left", "_named", "_own",
        "_run_at", "_runner", "_scans", "_searched", "_whole_values",
    )  # fmt: skip

    def __init__(  # made in one place
        self,
        scans: Scans,
        own: Collection[ReadyPattern],
        hold_back: HoldBack,
        values_max: int,
        *,
        whole_values: bool,
    ) -> None:
        self._scans = scans
        self._own = own
        self._hold_back = hold_back
        self._left = values_max
        self._in_rest = False
        self._whole_values = whole_values
        self._context = ""
        self._folding = Folding()
        self._runner: ReadyPattern | None = None
        self._named: Pattern = _NONE
        self._run_at = 0
        self._searched = 0
        """So much of what is held was searched in vain: it is all one value that may go on."""
        self._json: bool | None = None
        """Whether the channel is the source of a JSON text; None while there was but space."""

    def feed(self, text: TextStream) -> tuple[Sequence[Finding], int]:
        """See `ChannelScanner`."""
        if self._json is None:
            self._tell_json(text)
        whole = text.text
        size = len(whole)
        stop = self._folding.size
        if size - stop <= _SLICE:
            return self._feed(whole[stop:] if stop else whole, final=text.final)
        found: list[Finding] = []
        safe = 0
        while stop < size:
            start, stop = stop, min(stop + _SLICE, size)
            more, let_go = self._feed(whole[start:stop], final=text.final and stop == size)
            found += [_moved(finding, safe) for finding in more]
            safe += let_go
        return found, safe

    def _feed(self, fresh: str, *, final: bool) -> tuple[Sequence[Finding], int]:
        """What is found in what is held and what is new, and how much of it may go."""
        found: list[Finding] = []
        if not self._left and self._runner is None:
            self._take_rest(0, len(fresh), found)
            return found, len(fresh)
        folding = self._folding
        grew = folding.add(fresh, json=bool(self._json))
        runner = self._runner
        if not grew and not final:
            safe = folding.origin(0) if runner is None else 0
            folding.let_go(0, safe)
            return found, safe
        if runner is not None and self._whole_values and self._goes_on(runner, final=final):
            return found, 0
        if self._searched:
            if not final and len(folding.text) * 4 < self._searched * 5:
                return found, 0
            self._searched = 0
        base = self._context + folding.text if self._context else folding.text
        cut = self._scan(base, found, final=final)
        if found:
            self._left -= sum(
                not (each.continued or each.pattern in (THE_REST, JSON_REST)) for each in found
            )
        if cut == _EVERYTHING:
            safe = folding.size
            self._folding = Folding()
            return found, safe
        place = cut - len(self._context)
        if final:
            safe = folding.size
        elif self._runner is None:
            safe = folding.origin(place)
        else:
            safe = folding.end(place)  # invisible characters within a run belong to it
        if safe:
            folding.let_go(place, safe)
        self._context = base[max(0, cut - _CONTEXT) : cut]
        return found, safe

    def _goes_on(self, runner: ReadyPattern, *, final: bool) -> bool:
        """Whether the run of a whole value is not over yet; of what came only the new is read."""
        before = self._run_at - 1  # an expression may look at one character before
        tail = self._folding.text[before:]
        search = Search(tail, tail.encode("utf-8", "replace"), {})
        stop, over = self._run(runner, search, 1, final=final)
        self._run_at = before + stop
        if over:
            self._runner, self._run_at = None, 0
        return not over

    def _take_rest(self, start: int, stop: int, found: list[Finding]) -> None:
        if start < stop:
            rest = JSON_REST if self._json else THE_REST
            found.append(Finding(rest, start, stop, "", continued=self._in_rest))
            self._in_rest = True

    def _tell_json(self, text: TextStream) -> None:
        if not may_be_json(text.kind):
            self._json = False
        elif text.text.strip(" \t\r\n"):
            self._json = begins_json(text.text)

    def _scan(self, base: str, found: list[Finding], *, final: bool) -> int:
        """Fills `found`; the end of what may go, in `base`."""
        frontier = len(self._context)
        if self._runner is not None:
            search = Search(base, base.encode("utf-8", "replace"), {})
            stop, over = self._run(self._runner, search, frontier, final=final)
            if stop > frontier:
                found.append(self._finding(self._named, frontier, stop, continued=True))
            if not over:
                return stop
            frontier = stop
            self._runner = None
            if not self._left:
                return self._rest_from(frontier, found)
        cut = len(base) if final else self._hold_back.earliest(base, frontier)
        if cut == frontier:
            return cut  # whatever is found begins behind it, and waits
        data = base.encode("utf-8", "replace")
        hits = self._scans.candidates(data)
        own = self._candidates(hits, frontier if len(data) == len(base) else 0) if hits else None
        if not own:
            return cut
        search = Search(base, data, hits)
        return self._settle(search, Upcoming(search, own, frontier), cut, found, final)

    def _candidates(self, hits: Candidates, frontier: int) -> list[ReadyPattern]:
        """Those of the use that may begin at `frontier` or later; hits end behind beginnings."""
        found: list[ReadyPattern] = []
        own = self._own
        for ready, places in hits.items():
            if ready in own and (places is None or places[-1] > frontier):
                found.append(ready)
        return found

    def _settle(
        self,
        search: Search,
        upcoming: Upcoming,
        cut: int,
        found: list[Finding],
        final: bool,  # handed on
    ) -> int:
        """What is sure before `cut`; the end of what may go."""
        base = search.text
        size = len(base)
        earliest = cut  # of all that comes behind it, until a run goes across
        while True:
            is_known = final  # that `cut` is within no match: none goes across the end of all
            group = None
            while upcoming.next_start(size) < cut:
                group = upcoming.next()
                if group is None:
                    break
                if group.runner is not None and (is_known or group.head <= cut):
                    break  # of what begins within a run nothing has to be known
                if not is_known:
                    cut, is_known = upcoming.between_bodies(cut), True
                if group.start >= cut or group.runner is not None:
                    break
                pattern = group.raw.ready.pattern
                found.append(self._finding(pattern, group.start, group.head))
                if self._is_full(found):
                    return self._rest_from(group.head, found)
                group = None
            if group is None or group.start >= cut:
                began = len(self._context)
                if not is_known:
                    cut = upcoming.between_bodies(cut)
                if cut == began and size - began > _LONG:
                    self._searched = size - began
                return cut
            whole = upcoming.between_bodies(group.start)
            stop, over = self._begin_run(group, search, found, whole, final=final)
            if not over:
                return stop
            if self._is_full(found):
                return self._rest_from(stop, found)
            upcoming.pass_by(stop)
            if not final and earliest < stop:
                earliest = self._hold_back.earliest(base, stop)
            cut = earliest

    def _is_full(self, found: Sequence[Finding]) -> bool:
        return len(found) - bool(found[0].continued) >= self._left

    def _rest_from(self, place: int, found: list[Finding]) -> int:
        start = self._folding.end(place - len(self._context))
        self._take_rest(start, self._folding.size, found)
        return _EVERYTHING

    def _begin_run(
        self,
        group: Group,
        search: Search,
        found: list[Finding],
        whole: int,
        *,
        final: bool,
    ) -> tuple[int, bool]:
        """How much may go, and whether the run is over there.

        `whole` is where to hold from, so that all of the group is found again.
        """
        pattern = group.raw.ready.pattern
        ready = group.runner.ready if group.runner is not None else group.raw.ready
        stop, over = self._run(ready, search, group.head, final=final)
        if over:
            found.append(self._finding(pattern, group.start, stop))
            return stop, True
        self._runner, self._named = ready, pattern
        if self._whole_values:
            self._run_at = stop - whole
            began = len(self._context)
            end = self._folding.end(whole - began)
            found[:] = [each for each in found if each.stop <= end]
            return whole, False
        found.append(self._finding(pattern, group.start, stop))
        return stop, False

    def _run(
        self, ready: ReadyPattern, search: Search, place: int, *, final: bool
    ) -> tuple[int, bool]:
        """How far a run goes that is at `place`, and whether it is over there."""
        base = search.text
        end, behind = search.run_end(ready, place)
        if final:
            return behind, True
        if end == len(base):
            return end, False
        if ready.run_escapes and base[end:] == "\\":
            return end, False
        live = ready.closing_live
        if live is not None and live.earliest(base, end) == end:
            return end, False
        return behind, True

    def _finding(
        self, pattern: Pattern, start: int, stop: int, *, continued: bool = False
    ) -> Finding:
        began = len(self._context)
        start, stop = start - began, stop - began
        folding = self._folding
        return Finding(
            pattern,
            # Invisible characters within a run belong to it.
            folding.end(start) if continued else folding.origin(start),
            folding.end(stop),
            folding.text[start:stop],
            continued=continued,
        )


def _moved(finding: Finding, by: int) -> Finding:
    return Finding(
        finding.pattern,
        finding.start + by,
        finding.stop + by,
        finding.value,
        continued=finding.continued,
    )
