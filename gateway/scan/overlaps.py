"""What the matches of several patterns come to in one text: values that do not overlap.

Values that overlap become one, named by the pattern of the lowest rank. Where a run is among them
it goes on from their end, and whatever began before the run's end is not looked at again. A stream
settles the same groups, each as soon as nothing that comes can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.scan.engine import Raw
from gateway.scan.patterns import ReadyPattern


class Group(NamedTuple):
    """Values that overlap; `head` is their end without a run, `runner` the pattern whose run it is.

    `stop` is the end of a run that begins at `head`, where that is known.
    """

    raw: Raw
    start: int
    head: int
    runner: Raw | None

    @property
    def run_is_known(self) -> bool:
        """Whether the run of `runner` was measured from this very place."""
        return self.runner is not None and self.runner.head == self.head


def by_place(found: Sequence[Raw]) -> list[Raw]:
    """In the order of their values, the longest first."""
    return sorted(found, key=_place)


def _place(raw: Raw) -> tuple[int, int, int]:
    return raw.start, -raw.head, raw.ready.pattern.rank


def next_group(ordered: Sequence[Raw], index: int) -> tuple[Group, int]:
    """The group that begins with `ordered[index]`, and the index behind it."""
    best = first = ordered[index]
    start, head = first.start, first.head
    runner = first if first.ready.run else None
    index += 1
    while index < len(ordered) and ordered[index].start < head:
        raw = ordered[index]
        index += 1
        head = max(head, raw.head)
        if raw.ready.run and (runner is None or raw.head > runner.head):
            runner = raw
        if _names_before(raw, best):
            best = raw
    return Group(best, start, head, runner), index


def _names_before(one: Raw, other: Raw) -> bool:
    mine, its = one.ready.pattern.rank, other.ready.pattern.rank
    return mine < its or (mine == its and one.head - one.start > other.head - other.start)


def after_run(
    rest: Sequence[Raw], end: int, again: Callable[[ReadyPattern, int], Sequence[Raw]]
) -> list[Raw]:
    """What is left of `rest` behind a run that ends at `end`.

    A pattern with a body across that place is asked again from there: it may find another one.
    """
    kept = [raw for raw in rest if raw.body_start >= end]
    across = {raw.ready: None for raw in rest if raw.body_start < end < raw.body_stop}
    if not across:
        return kept
    kept = [raw for raw in kept if raw.ready not in across]
    for ready in across:
        kept += again(ready, end)
    return by_place(kept)
