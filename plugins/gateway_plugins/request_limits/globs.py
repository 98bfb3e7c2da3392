"""Patterns in which `*` stands for any run of characters, matched in linear time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class _Pattern(NamedTuple):
    head: str
    middle: tuple[str, ...]
    tail: str

    def matches(self, text: str) -> bool:
        place, end = len(self.head), len(text) - len(self.tail)
        if place > end or not (text.startswith(self.head) and text.endswith(self.tail)):
            return False
        for part in self.middle:
            found = text.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True


class Globs:
    """Several patterns, any of which may match the whole text."""

    def __init__(self, patterns: Iterable[str]) -> None:
        written = tuple(patterns)
        self._exact = frozenset(text for text in written if "*" not in text)
        self._patterns = tuple(_compile(text) for text in written if "*" in text)

    def __bool__(self) -> bool:
        return bool(self._exact or self._patterns)

    def match(self, text: str) -> bool:
        """Whether one pattern matches all of `text`, case and all."""
        return text in self._exact or any(pattern.matches(text) for pattern in self._patterns)


def _compile(text: str) -> _Pattern:
    head, *middle, tail = text.split("*")
    return _Pattern(head, tuple(part for part in middle if part), tail)
