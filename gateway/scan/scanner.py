"""What a use of a plugin is given: the findings of its own patterns, in whole texts and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.plugin.pattern import Direction, Finding, Pattern
from gateway.scan.channel import Channel
from gateway.scan.engine import Engine, Raw, Scanned
from gateway.scan.fold import begins_json, may_be_json
from gateway.scan.holdback import HoldBack
from gateway.scan.overlaps import after_run, by_place, next_group
from gateway.scan.patterns import ReadyPattern

_NO_FINDINGS: Final[tuple[Finding, ...]] = ()


class UseScanner:
    """Implements `gateway.plugin.Scanner` for the patterns of one use."""

    def __init__(self, patterns: Iterable[Pattern], engines: Mapping[Direction, Engine]) -> None:
        self._engines = engines
        patterns = tuple(patterns)
        self._own: dict[Direction, frozenset[ReadyPattern]] = {
            direction: frozenset(
                engine.ready[pattern] for pattern in patterns if direction in pattern.directions
            )
            for direction, engine in engines.items()
        }
        self._hold_backs: dict[Direction, HoldBack] = {}

    def find(
        self, text: str, direction: Direction = "request", kind: str = "text"
    ) -> Sequence[Finding]:
        """See `Scanner`."""
        engine = self._engines[direction]
        scanned = engine.whole(text, json=may_be_json(kind) and begins_json(text))
        if not scanned.found:
            return _NO_FINDINGS
        own = self._own[direction]
        found = [raw for raw in scanned.found if raw.ready in own]
        return _settled(engine, scanned, found) if found else _NO_FINDINGS

    def knows(self, text: str, direction: Direction = "request", kind: str = "text") -> bool:
        """See `Scanner`."""
        json = may_be_json(kind) and begins_json(text)
        return self._engines[direction].knows(text, json=json)

    def channel(self, direction: Direction = "response", *, whole_values: bool = False) -> Channel:
        """See `Scanner`."""
        hold_back = self._hold_backs.get(direction)
        if hold_back is None:
            own = self._own[direction]
            engine = self._engines[direction]
            forms = [ready.live_form for ready in engine.ready.values() if ready in own]
            hold_back = self._hold_backs[direction] = HoldBack(forms)
        return Channel(
            self._engines[direction], self._own[direction], hold_back, whole_values=whole_values
        )


def _settled(engine: Engine, scanned: Scanned, found: Sequence[Raw]) -> list[Finding]:
    folded, data = scanned.folded, scanned.data

    def again(ready: ReadyPattern, frontier: int) -> Sequence[Raw]:
        return engine.again(folded.text, data, ready, frontier)

    settled: list[Finding] = []
    ordered = by_place(found)
    index = 0
    while index < len(ordered):
        group, index = next_group(ordered, index)
        stop = group.head
        runner = group.runner
        if runner is not None:
            if group.run_is_known:
                stop = runner.stop
            else:
                rest = folded.text[group.head :]
                stop = group.head + engine.run_end(rest, runner.ready)[1]
            ordered, index = after_run(ordered[index:], stop, again), 0
        start = group.start
        settled.append(
            Finding(
                group.raw.ready.pattern,
                folded.origin(start),
                folded.end(stop),
                folded.text[start:stop],
            )
        )
    return settled
