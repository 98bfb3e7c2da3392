"""A pass that also says which n-grams it found: for explanations."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.scan.passage import places
from gateway.scan.sweep import Sweep
from gateway.scan.tables import Tables


class Listing(Sweep):
    """One pass over one text, which is fed at once."""

    def __init__(self, tables: Tables, *, tool: bool) -> None:
        super().__init__(tables, tool=tool)
        self._kinds = tables.kinds
        self._text = ""
        self._hits: list[tuple[int, int, int]] = []

    def feed(self, text: str) -> None:
        """The text."""
        self._text = text
        super().feed(text)

    def found(self) -> Iterator[tuple[int, int, int]]:
        """Where each n-gram with a weight begins and ends in the text, and its weight."""
        words = list(places(self._kinds, self._text))
        for first, span, weight in self._hits:
            yield words[first][0], words[min(first + span, len(words)) - 1][1], weight

    def _add(self, word: int, span: int, weight: int) -> None:
        super()._add(word, span, weight)
        if weight:
            self._hits.append((word, span, weight))
