"""How RE2 looks for the bodies of one pattern; `_matcher.c` finds the same, and is quicker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Spans: TypeAlias = list[tuple[int, int]]
Match: TypeAlias = Callable[[bytes, int, int], Spans]
"""A match function of RE2: the whole and its groups, as bytes; (-1, -1) where there is none."""

_NOWHERE: Final[Spans] = [(-1, -1), (-1, -1)]
_CONTINUES: Final = 0xC0
_WITHIN: Final = 0x80
"""A byte of UTF-8 whose first two bits are 10 continues a character."""


class Re2Body:
    """Bodies of one pattern.

    `match` needs something before the body if it `looks_back`: at the beginning of a text that is
    `margin`, a character that may stand there. `exact` is anchored, has no groups, and may take a
    character behind the body (`takes_right`).
    """

    def __init__(
        self,
        match: Match,
        exact: Match | None = None,
        *,
        looks_back: bool = False,
        takes_right: bool = False,
        margin: bytes = b"",
        is_apart: bool = False,
    ) -> None:
        self._match = match
        self._exact = exact
        self._takes_right = takes_right
        self._margin = margin
        self._looks_back = looks_back
        self._is_apart = is_apart

    def search(self, data: bytes, start: int, stop: int) -> Spans:
        """The first match whose body begins at `start` or later: the whole, the body, the value.

        The first span is (-1, -1) if there is none. `data` is UTF-8.
        """
        if self._is_apart:
            first = _back(data, start, 2)
            spans = self._match(data, first, stop) if first else self._from_margin(data, stop)
            if 0 <= spans[1][0] < start:
                # It begins too early; no body begins with a separator, so one step back will do.
                spans = self._match(data, _back(data, start, 1), stop)
            return spans
        if not self._looks_back:
            return self._match(data, start, stop)
        if start:
            return self._match(data, _back(data, start, 1), stop)
        return self._from_margin(data, stop)

    def search_at(self, data: bytes, start: int, stop: int) -> Spans:
        """The same, of a body that begins at `start` itself; without groups RE2 is quicker.

        At the end of what is looked at it cannot be told whether a character was taken.
        """
        exact = self._exact
        if exact is None or not start:
            return self.search(data, start, stop)
        first, end = exact(data, _back(data, start, 1), stop)[0]
        if first < 0:
            return _NOWHERE
        if end >= stop:
            return self.search(data, start, stop)
        if self._takes_right:
            end = _back(data, end, 1)
        return [(first, end), (start, end)]

    def _from_margin(self, data: bytes, stop: int) -> Spans:
        spans = self._match(self._margin + data[:stop], 0, stop + 1)
        return [(max(0, first - 1), last - 1) if first >= 0 else (-1, -1) for first, last in spans]


def _back(data: bytes, place: int, characters: int) -> int:
    """The place so many characters of UTF-8 before."""
    for _ in range(characters):
        place = max(0, place - 1)
        while place and data[place] & _CONTINUES == _WITHIN:
            place -= 1
    return place
