"""Confirms candidates of one pattern: where a body is, and what stands around and validators judge.

Made when the chain is compiled. It is asked for every candidate, so it is compiled
(docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from gateway.plugin.pattern import BEFORE_CHARACTERS, Validator
from gateway.scan.re2_body import Re2Body

if TYPE_CHECKING:  # only in a compiled build
    from gateway.scan._matcher import Matcher

Body: TypeAlias = tuple[int, int, int, int]
"""Where a body and its value begin and end, in bytes; of a pattern without a group for the value
the last two mean nothing, and where the group took no part they are -1."""

Looker: TypeAlias = "Matcher | Re2Body"
"""What looks for bodies: the matcher in C, and where nothing is compiled RE2."""

Screen: TypeAlias = Callable[[bytes], Iterator[int]]

NO_BODY: Final[Body] = (-1, -1, -1, -1)
_WORD: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def next_body(  # noqa: PLR0917  # asked for every candidate: names would cost
    looker: Looker, data: bytes, start: int, stop: int, before: int, exact: bool = False
) -> Body:
    """The first body that begins at `start` or later and before `before`; NO_BODY if none does.

    `data` is UTF-8, looked at up to `stop`, behind which no body that counts ends. With `exact` it
    begins at `start` itself, and `before` is behind that. Where several values were rejected it is
    the place to go on at, with an end of -1.
    """
    if not isinstance(looker, Re2Body):
        return looker.search(data, start, before) or NO_BODY
    spans = looker.search_at(data, start, stop) if exact else looker.search(data, start, stop)
    first, end = spans[1]
    if spans[0][0] < 0 or first >= before:
        return NO_BODY
    value = spans[-1]
    return first, end, value[0], value[1]


class Confirmation:
    """How one pattern is confirmed.

    `runs` looks for a run and what closes it; its value is the run alone.
    """

    def __init__(  # made in one place
        self,
        looker: Looker,
        runs: Looker | None,
        near: Looker | None,
        validator: Validator | None,
        *,
        narrowed: bool,
    ) -> None:
        self.looker = looker
        self._runs = runs
        self._near = near
        self._validator = validator
        self.narrowed = narrowed
        # The matcher asks what a value alone tells while it looks: nothing is gained by both.
        is_judged = hasattr(validator, "alone") and not isinstance(looker, Re2Body)
        self.screen: Screen | None = None if is_judged else getattr(validator, "screen", None)
        """Tells where a body may begin at all; None where nobody knows better."""

    def accepts(self, value: str, before: str) -> bool:
        """Whether the value counts, after what stands before it.

        Of that a character more than BEFORE_CHARACTERS is asked for, so that no part of a word is
        taken for a word.
        """
        cut, before = before[:-BEFORE_CHARACTERS], before[-BEFORE_CHARACTERS:]
        near = self._near
        if near is not None:
            begun = before.lstrip(_WORD) if cut and cut[-1] in _WORD else before
            data = begun.encode("utf-8", "replace")
            size = len(data)
            if next_body(near, data, 0, size, size)[0] < 0:
                return False
        validator = self._validator
        return validator is None or validator(value, before)

    def run_end(self, data: bytes, place: int) -> tuple[int, int]:
        """Where a run that begins at `place` ends: before what closes it, and behind that."""
        runs = self._runs
        if runs is None:
            return place, place
        _, behind, _, before = next_body(runs, data, place, len(data), place + 1, exact=True)
        return (before, behind) if behind >= 0 else (place, place)
