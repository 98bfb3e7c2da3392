"""The patterns of a use as one automaton, whose positions are the characters of the expressions.

Glushkov's construction, read backwards: for each position what may come directly before it. Sets of
positions are whole numbers, one bit for each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.scan.expression import (
    Boundary,
    Chars,
    Choice,
    Node,
    Ranges,
    Repeat,
    Series,
    Value,
)

EXACT_REPEATS_MAX: Final = 4
"""Longer repetitions are taken for unbounded ones here, and the length of the match bounds them."""
ASCII: Final = 128
Begin: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""What may not stand before a match, and what may not where a digit stands before it."""


@dataclass(frozen=True, slots=True)
class LiveForm:
    """What of a pattern matters here.

    `looks_ahead` says that a match is only known with the character behind it.
    """

    body: Node
    left: Ranges
    apart: Ranges
    length_max: int
    looks_ahead: bool


class Automaton:
    """What all forms come to.

    `firsts` are, for what may not stand before them and their length, the positions that matches
    begin at; `live` all positions that something may come behind.
    """

    __slots__ = ("before", "classes", "firsts", "lengths", "live", "positions")

    def __init__(self, forms: Sequence[LiveForm]) -> None:
        builder = _Builder()
        self.firsts: dict[tuple[Begin, int], int] = {}
        self.lengths: list[tuple[int, int, int]] = []
        """The longest match of each form, its first position and its last; the shortest first."""
        known: dict[Ranges, frozenset[str]] = {}
        self.live = 0
        for form in forms:
            begin = len(builder.symbols)
            first, last, _ = builder.add(form.body)
            self.live |= last if form.looks_ahead else 0
            left = known.setdefault(form.left, _characters(form.left))
            apart = known.setdefault(form.apart, _characters(form.apart))
            key = (left, apart), form.length_max
            self.firsts[key] = self.firsts.get(key, 0) | first
            if len(builder.symbols) > begin:
                self.lengths.append((form.length_max, begin, len(builder.symbols) - 1))
        self.lengths.sort()
        self.before = builder.before
        for sources in self.before:
            self.live |= sources
        self.positions = len(builder.symbols)
        symbols: dict[Ranges, int] = {}
        for number, ranges in enumerate(builder.symbols):
            symbols[ranges] = symbols.get(ranges, 0) | 1 << number
        self.classes = Classes(symbols)


class _Builder:
    """Numbers the positions of all patterns and joins them."""

    def __init__(self) -> None:
        self.symbols: list[Ranges] = []
        self.before: list[int] = []
        """For each position the set of those that may come directly before it."""

    def add(self, node: Node) -> tuple[int, int, bool]:
        """First positions, last positions, and whether the node may be empty."""
        if isinstance(node, Chars):
            bit = 1 << len(self.symbols)
            self.symbols.append(node.ranges)
            self.before.append(0)
            return bit, bit, False
        if isinstance(node, Boundary):
            return 0, 0, True
        if isinstance(node, Value):
            return self.add(node.item)
        if isinstance(node, Choice):
            parts = [self.add(item) for item in node.items]
            return (
                _union(p[0] for p in parts),
                _union(p[1] for p in parts),
                any(p[2] for p in parts),
            )
        if isinstance(node, Series):
            return self._joined(self.add(item) for item in node.items)
        return self._repeated(node)

    def _joined(self, parts: Iterable[tuple[int, int, bool]]) -> tuple[int, int, bool]:
        first, last, empty = 0, 0, True
        for part_first, part_last, part_empty in parts:
            self._link(last, part_first)
            first |= part_first if empty else 0
            last = part_last | (last if part_empty else 0)
            empty = empty and part_empty
        return first, last, empty

    def _repeated(self, node: Repeat) -> tuple[int, int, bool]:
        most = node.most
        if most is None or most > EXACT_REPEATS_MAX:
            if node.least <= EXACT_REPEATS_MAX:
                return self._joined(self._copies(node.item, node.least, looped=True))
            return self._joined(self._copies(node.item, 1, looped=True))
        return self._joined(self._copies(node.item, node.least, optional=most - node.least))

    def _copies(
        self, item: Node, least: int, *, looped: bool = False, optional: int = 0
    ) -> Iterable[tuple[int, int, bool]]:
        for number in range(max(least, 1) if looped else least):
            first, last, empty = self.add(item)
            if looped and number >= least - 1:
                self._link(last, first)
            yield first, last, empty or (looped and not least)
        for _ in range(optional):
            first, last, _ = self.add(item)
            yield first, last, True

    def _link(self, sources: int, targets: int) -> None:
        for target in bits(targets):
            self.before[target] |= sources


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def bits(mask: int) -> Iterable[int]:
    """The numbers of the positions in a set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Classes:
    """Characters that may stand at the same positions are one class, known by a number.

    `masks` are the positions of each class, `ascii` the classes of the first 128 characters, and
    the classes up to `count` are those that one of these has.
    """

    __slots__ = ("ascii", "begins", "count", "masks", "of_ranges")

    def __init__(self, symbols: dict[Ranges, int]) -> None:
        changes: dict[int, int] = {0: 0, ASCII: 0}
        for ranges, positions in symbols.items():
            for first, last in ranges:
                changes[first] = changes.get(first, 0) ^ positions
                changes[last + 1] = changes.get(last + 1, 0) ^ positions
        self.begins = sorted(changes)
        """From each of these characters up to the next one, all are of one class."""
        numbers: dict[int, int] = {}
        self.of_ranges: list[int] = []
        mask = self.count = 0
        for point in self.begins:
            if point == ASCII:
                self.count = len(numbers)
            mask ^= changes[point]
            self.of_ranges.append(numbers.setdefault(mask, len(numbers)))
        self.masks = list(numbers)
        self.ascii = [self.of(chr(point)) for point in range(ASCII)]

    def of(self, character: str) -> int:
        return self.of_ranges[bisect_right(self.begins, ord(character)) - 1]


class Ways:
    """The positions that may come directly before those of a set."""

    __slots__ = ("loops", "others", "plain", "special")

    def __init__(self, before: Sequence[int]) -> None:
        self.plain = 0
        """Positions reached from the one before them in number."""
        self.loops = 0
        self.special = 0
        self.others: dict[int, int] = {}
        for number, sources in enumerate(before):
            here = 1 << number
            rest = sources
            if rest & here:
                self.loops |= here
                rest &= ~here
            if number and rest & (here >> 1):
                self.plain |= here
                rest &= ~(here >> 1)
            if rest:
                self.special |= here
                self.others[here] = rest

    def into(self, mask: int) -> int:
        found = (mask & self.loops) | ((mask & self.plain) >> 1)
        special = mask & self.special
        while special:
            low = special & -special
            found |= self.others[low]
            special ^= low
        return found


def _characters(ranges: Ranges) -> frozenset[str]:
    """The characters of a class; those that are not ASCII are never forbidden before a match."""
    return frozenset(chr(p) for first, last in ranges for p in range(first, min(last, 127) + 1))
