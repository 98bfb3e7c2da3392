"""Confirms candidates of one pattern: RE2 finds the body, what stands around and validators judge.

Made when the chain is compiled. It is asked for every candidate, so it is compiled
(docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from gateway.plugin.pattern import BEFORE_CHARACTERS, Validator

Spans: TypeAlias = list[tuple[int, int]]
Match: TypeAlias = Callable[[bytes, int, int], Spans]
"""A match function of RE2: the whole and its groups, as bytes; (-1, -1) where there is none."""

Screen: TypeAlias = Callable[[bytes], Iterator[int]]

_NOWHERE: Final[Spans] = [(-1, -1), (-1, -1)]
_WORD: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_CONTINUES: Final = 0xC0
_WITHIN: Final = 0x80
"""A byte of UTF-8 whose first two bits are 10 continues a character."""


class Confirmation:
    """How one pattern is confirmed.

    `match` needs something before the body if it `looks_back`: at the beginning of a text that is
    `margin`, a character that may stand there. `exact` is anchored, has no groups, and may take a
    character behind the body (`takes_right`). `runs` is anchored: the run, and what closes it.
    """

    def __init__(  # made in one place
        self,
        match: Match,
        exact: Match | None,
        runs: Match | None,
        near: Match | None,
        validator: Validator | None,
        *,
        looks_back: bool,
        takes_right: bool,
        margin: bytes,
        is_apart: bool,
        narrowed: bool,
    ) -> None:
        self._match = match
        self._exact = exact
        self._takes_right = takes_right
        self._margin = margin
        self._runs = runs
        self._near = near
        self._validator = validator
        self._looks_back = looks_back
        self._is_apart = is_apart
        self.narrowed = narrowed
        self.screen: Screen | None = getattr(validator, "screen", None)
        """Tells where a body may begin at all; None where nobody knows better than RE2."""

    def search(self, data: bytes, start: int, stop: int) -> Spans:
        """The first match whose body begins at `start` or later: the whole, the body, the value.

        The first span is (-1, -1) if there is none. `data` is UTF-8.
        """
        if self._is_apart:
            first = back(data, start, 2)
            spans = self._match(data, first, stop) if first else self._from_margin(data, stop)
            if 0 <= spans[1][0] < start:
                # It begins too early; no body begins with a separator, so one step back will do.
                spans = self._match(data, back(data, start, 1), stop)
            return spans
        if not self._looks_back:
            return self._match(data, start, stop)
        if start:
            return self._match(data, back(data, start, 1), stop)
        return self._from_margin(data, stop)

    def search_at(self, data: bytes, start: int, stop: int) -> Spans:
        """The same, of a body that begins at `start` itself; without groups RE2 is quicker.

        At the end of what is looked at it cannot be told whether a character was taken.
        """
        exact = self._exact
        if exact is None or not start:
            return self.search(data, start, stop)
        first, end = exact(data, back(data, start, 1), stop)[0]
        if first < 0:
            return _NOWHERE
        if end >= stop:
            return self.search(data, start, stop)
        if self._takes_right:
            end = back(data, end, 1)
        return [(first, end), (start, end)]

    def _from_margin(self, data: bytes, stop: int) -> Spans:
        spans = self._match(self._margin + data[:stop], 0, stop + 1)
        return [(max(0, first - 1), last - 1) if first >= 0 else (-1, -1) for first, last in spans]

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
            if near(data, 0, len(data))[0][0] < 0:
                return False
        validator = self._validator
        return validator is None or validator(value, before)

    def run_end(self, data: bytes, place: int) -> tuple[int, int]:
        """Where a run that begins at `place` ends: before what closes it, and behind that."""
        runs = self._runs
        if runs is None:
            return place, place
        spans = runs(data, place, len(data))
        return spans[1][1], spans[0][1]


def back(data: bytes, place: int, characters: int) -> int:
    """The place so many characters of UTF-8 before."""
    for _ in range(characters):
        place = max(0, place - 1)
        while place and data[place] & _CONTINUES == _WITHIN:
            place -= 1
    return place
