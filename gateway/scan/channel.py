"""One channel of a stream, for one use: what is found, and what may be let go of what came.

What is let go can never become part of a match, and what is held back is no more than that. A run,
which has no bound, is not held: once its pattern is confirmed it is dropped as it comes, unless the
use needs whole values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from gateway.plugin.pattern import BEFORE_CHARACTERS, Finding, Pattern
from gateway.plugin.text import TextStream
from gateway.scan.engine import Engine, Raw
from gateway.scan.fold import Folded, begins_json, fold, may_be_json
from gateway.scan.holdback import HoldBack
from gateway.scan.overlaps import Group, by_place, next_group
from gateway.scan.patterns import ReadyPattern

_CONTEXT: Final = BEFORE_CHARACTERS + 16
"""Characters that were let go and are kept, because what comes is judged by what stands before."""

_NONE: Final = Pattern("", "", "")
"""Stands for the pattern of a run while there is none."""


class Channel:
    """Implements `gateway.plugin.ChannelScanner`.

    The context is what was let go last, as it came and folded. `_run_at` is where the run goes on,
    from the beginning of what was held.
    """

    __slots__ = (
        "_context", "_engine", "_hold_back", "_json", "_named", "_own", "_run_at", "_runner",
        "_whole_values",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        own: Collection[ReadyPattern],
        hold_back: HoldBack,
        *,
        whole_values: bool,
    ) -> None:
        self._engine = engine
        self._own = own
        self._hold_back = hold_back
        self._whole_values = whole_values
        self._context = ""
        self._runner: ReadyPattern | None = None
        self._named: Pattern = _NONE
        self._run_at = 0
        self._json: bool | None = None
        """Whether the channel is the source of a JSON text; None while there was but space."""

    def feed(self, text: TextStream) -> tuple[Sequence[Finding], int]:
        """See `ChannelScanner`."""
        if self._json is None:
            self._tell_json(text)
        folded = fold(text.text, json=bool(self._json))
        base = self._context + folded.text if self._context else folded.text
        found: list[Finding] = []
        cut = self._scan(base, folded, found, final=text.final)
        began = len(self._context)
        # Invisible characters before what is held wait with it: they may be within a value.
        safe = folded.end(cut - began) if not text.final else len(text.text)
        self._context = base[max(0, cut - _CONTEXT) : cut]
        return found, safe

    def _tell_json(self, text: TextStream) -> None:
        if not may_be_json(text.kind):
            self._json = False
        elif text.text.strip(" \t\r\n"):
            self._json = begins_json(text.text)

    def _scan(self, base: str, folded: Folded, found: list[Finding], *, final: bool) -> int:
        """Fills `found`; the end of what may go, in `base`."""
        frontier = len(self._context)
        if self._runner is not None:
            place = frontier + self._run_at
            stop, over = self._run(self._runner, base, place, final=final)
            if self._whole_values:
                if not over:
                    self._run_at = stop - frontier
                    return frontier
            else:
                if stop > frontier:
                    found.append(self._finding(self._named, folded, frontier, stop, continued=True))
                if not over:
                    return stop
                frontier = stop
            self._runner, self._run_at = None, 0
        while True:
            cut, resume = self._settle(base, folded, frontier, found, final=final)
            if resume is None:
                return cut
            frontier = resume

    def _settle(
        self, base: str, folded: Folded, frontier: int, found: list[Finding], *, final: bool
    ) -> tuple[int, int | None]:
        """What is sure from `frontier` on, up to a run that is over: then where to go on."""
        raws = self._engine.piece(base, frontier)
        size = len(base)
        cut = size if final else self._hold_back.earliest(base, frontier)
        if not raws:
            return cut, None
        own = self._own
        ordered = by_place([raw for raw in raws if raw.ready in own])
        cut = _between_bodies(ordered, cut)
        index = 0
        while index < len(ordered):
            group, index = next_group(ordered, index)
            if group.start >= cut:
                break
            if group.runner is not None:
                whole = _between_bodies(ordered, group.start)
                return self._begin_run(group, base, folded, found, whole, final=final)
            pattern = group.raw.ready.pattern
            found.append(self._finding(pattern, folded, group.start, group.head))
        return cut, None

    def _begin_run(
        self,
        group: Group,
        base: str,
        folded: Folded,
        found: list[Finding],
        whole: int,
        *,
        final: bool,
    ) -> tuple[int, int | None]:
        """`whole` is where to hold from, so that all of the group is found again."""
        pattern = group.raw.ready.pattern
        ready = group.runner.ready if group.runner is not None else group.raw.ready
        stop, over = self._run(ready, base, group.head, final=final)
        if over:
            found.append(self._finding(pattern, folded, group.start, stop))
            return stop, stop
        self._runner, self._named = ready, pattern
        if self._whole_values:
            self._run_at = stop - whole
            began = len(self._context)
            found[:] = [each for each in found if each.stop <= folded.end(whole - began)]
            return whole, None
        found.append(self._finding(pattern, folded, group.start, stop))
        return stop, None

    def _run(self, ready: ReadyPattern, base: str, place: int, *, final: bool) -> tuple[int, bool]:
        """How far a run goes that is at `place`, and whether it is over there."""
        rest = base[place:]
        end, behind = self._engine.run_end(rest, ready)
        if final:
            return place + behind, True
        if end == len(rest):
            return place + end, False
        if ready.run_escapes and rest[end:] == "\\":
            return place + end, False
        live = ready.closing_live
        if live is not None and live.earliest(rest, end) == end:
            return place + end, False
        return place + behind, True

    def _finding(
        self, pattern: Pattern, folded: Folded, start: int, stop: int, *, continued: bool = False
    ) -> Finding:
        began = len(self._context)
        start, stop = start - began, stop - began
        return Finding(
            pattern,
            # Invisible characters within a run belong to it.
            folded.end(start) if continued else folded.origin(start),
            folded.end(stop),
            folded.text[start:stop],
            continued=continued,
        )


def _between_bodies(ordered: Sequence[Raw], cut: int) -> int:
    """The last place up to `cut` that is within no match."""
    moved = True
    while moved:
        moved = False
        for raw in ordered:
            stop = raw.head if raw.ready.run else raw.body_stop
            if raw.body_start < cut < stop:
                cut, moved = raw.body_start, True
    return cut
