"""What a use of a plugin is given: the findings of its own patterns, in whole texts and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.plugin.finding import Finding
from gateway.plugin.pattern import JSON_REST, THE_REST, VALUES_MAX, Budget, Direction, Pattern
from gateway.scan.channel import Channel
from gateway.scan.engine import Engine
from gateway.scan.fold import begins_json, may_be_json
from gateway.scan.patterns import ReadyPattern
from gateway.scan.scans import NOTHING, Scanned, Scans
from gateway.scan.search import Search
from gateway.scan.upcoming import Upcoming

_NO_FINDINGS: Final[tuple[Finding, ...]] = ()
_NO_PATTERNS: Final[tuple[Pattern, ...]] = ()


class UseScanner:
    """Implements `gateway.plugin.Scanner` for the patterns of one use."""

    def __init__(
        self,
        patterns: Iterable[Pattern],
        engines: Mapping[Direction, Engine],
        values_max: int = VALUES_MAX,
    ) -> None:
        self._scans: dict[Direction, Scans] = {at: engine.scans for at, engine in engines.items()}
        self._values_max = values_max
        patterns = tuple(patterns)
        self._own: dict[Direction, frozenset[ReadyPattern]] = {
            direction: frozenset(
                engine.ready[pattern] for pattern in patterns if direction in pattern.directions
            )
            for direction, engine in engines.items()
        }
        # Now, where a policy is compiled, and not on the loop with the first stream.
        self._hold_backs = {
            direction: engine.hold_back(self._own[direction])
            for direction, engine in engines.items()
        }

    def find(
        self,
        text: str,
        direction: Direction = "request",
        kind: str = "text",
        budget: Budget | None = None,
    ) -> Sequence[Finding]:
        """See `Scanner`."""
        json = may_be_json(kind) and begins_json(text)
        scanned = self._scans[direction].whole(text, json=json)
        if scanned is NOTHING:
            return _NO_FINDINGS
        own = self._own[direction]
        key = (own, self._values_max)
        found = scanned.found.get(key)
        if found is None:
            found = scanned.found[key] = _settled(
                scanned, own, self._values_max, JSON_REST if json else THE_REST, budget
            )
        return found

    def present(
        self,
        text: str,
        direction: Direction = "request",
        kind: str = "text",
        budget: Budget | None = None,
    ) -> Sequence[Pattern]:
        """See `Scanner`."""
        scanned = self._scans[direction].whole(text, json=may_be_json(kind) and begins_json(text))
        if scanned is NOTHING:
            return _NO_PATTERNS
        own = self._own[direction]
        present = scanned.present.get(own)
        if present is None:
            present = scanned.present[own] = _present(scanned, own, budget)
        return present

    def knows(self, text: str, direction: Direction = "request", kind: str = "text") -> bool:
        """See `Scanner`."""
        json = may_be_json(kind) and begins_json(text)
        scanned = self._scans[direction].known(text, json=json)
        if scanned is None or scanned is NOTHING:
            return scanned is not None
        own = self._own[direction]
        return (own, self._values_max) in scanned.found or own in scanned.present

    def channel(self, direction: Direction = "response", *, whole_values: bool = False) -> Channel:
        """See `Scanner`."""
        return Channel(
            self._scans[direction],
            self._own[direction],
            self._hold_backs[direction],
            self._values_max,
            whole_values=whole_values,
        )


def _present(
    scanned: Scanned, own: frozenset[ReadyPattern], budget: Budget | None
) -> Sequence[Pattern]:
    folded = scanned.folded.text
    search = Search(folded, folded.encode("utf-8", "replace"), scanned.hits, budget)
    return [r.pattern for r in scanned.hits if r in own and search.run(r, 0, 1, len(folded))]


def _settled(
    scanned: Scanned,
    own: frozenset[ReadyPattern],
    values_max: int,
    rest: Pattern,
    budget: Budget | None,
) -> Sequence[Finding]:
    mine = [ready for ready in scanned.hits if ready in own]
    if not mine:
        return _NO_FINDINGS
    folded = scanned.folded
    text = folded.text
    search = Search(text, text.encode("utf-8", "replace"), scanned.hits, budget)
    upcoming = Upcoming(search, mine, 0)
    settled: list[Finding] = []
    stop = 0
    while len(settled) < values_max:
        group = upcoming.next()
        if group is None:
            return settled
        stop = group.head
        runner = group.runner
        if runner is not None:
            # The run of the last match that has one was measured from this very place.
            is_known = runner.head == stop
            stop = runner.stop if is_known else search.run_end(runner.ready, stop)[1]
            upcoming.pass_by(stop)
        start = group.start
        settled.append(
            Finding(
                group.raw.ready.pattern, folded.origin(start), folded.end(stop), text[start:stop]
            )
        )
    if folded.end(stop) < folded.size:
        settled.append(Finding(rest, folded.end(stop), folded.size, ""))
    return settled
