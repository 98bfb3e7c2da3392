"""A byte that every match has near its beginning and usual texts seldom have, such as an `@`.

Where there is none, no match begins: so the matcher passes over most of a text by one look for such
bytes, where what a match begins with is in every word (`_matcher.c`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from gateway.scan.expression import (
    ASCII_LAST,
    Chars,
    Choice,
    Node,
    Ranges,
    Repeat,
    Series,
    Value,
    lengths,
    only_ascii,
    union,
)

CHANCE_MAX: Final = 4.0
"""Where a usual text has more of them in reach of a place, looking for them is no gain."""
REACH_MAX: Final = 1024
"""So many bytes behind the beginning of a match it stands at most."""
_UTF8_BYTES_MAX: Final = 4
_TOLD: Final = 2
_TRIED_MAX: Final = 8
"""Of each branch of a choice, those that are seldom by themselves."""
_BY_USE: Final = (
    (" etaoins", 0.3),
    ("rhldcumfpgwybvk", 0.1),
    ("xjqz.,-\n/_", 0.01),
    ("0123456789\"'()", 0.004),
)
"""How often usual texts have them, prose and code. Small letters count several times, because every
word has some: signs stand together, and leave long stretches without."""
_OTHERS: Final = 0.001
_WEIGHTS: Final = {char: weight for chars, weight in _BY_USE for char in chars}


class Required(NamedTuple):
    """One of these characters, all ASCII, and how many bytes it stands behind the beginning."""

    chars: Ranges
    low: int
    high: int

    def moved(self, low: int, high: int) -> Required:
        """The same behind something of so many bytes."""
        return Required(self.chars, self.low + low, self.high + high)


def required(body: Node) -> Required | None:
    """The one that is seldom by chance; None where each is too far away or in every text."""
    best = min(_all(body, 0, 0), key=_chance, default=None)
    return best if best is not None and _chance(best) <= CHANCE_MAX else None


def _chance(of: Required) -> float:
    """About how many of them a usual text has where one may stand."""
    is_told = of.high < _TOLD  # by the tables of the first two bytes
    return inf if is_told or of.high > REACH_MAX else _weight(of.chars) * (of.high - of.low + 1)


@lru_cache(maxsize=1024)
def _weight(chars: Ranges) -> float:
    each = (chr(point) for first, last in chars for point in range(first, last + 1))
    return sum(_WEIGHTS.get(char, _OTHERS) for char in each)


def _all(node: Node, low: int, high: int) -> Iterator[Required]:
    """What every match of `node` has, where it begins so many bytes behind the body's beginning."""
    if isinstance(node, Chars):
        if node.ranges and node.ranges[-1][1] <= ASCII_LAST:
            yield Required(node.ranges, low, high)
    elif isinstance(node, Value):
        yield from _all(node.item, low, high)
    elif isinstance(node, Repeat):
        if node.least:
            yield from _all(node.item, low, high)
    elif isinstance(node, Series):
        for item in node.items:
            yield from _all(item, low, high)
            least, most = lengths(item)
            low, high = low + least, high + most * (1 if only_ascii(item) else _UTF8_BYTES_MAX)
            if _is_endless(item):
                return
    elif isinstance(node, Choice) and not _is_endless(node):
        yield from _common([_seldom(item) for item in node.items], low, high)


def _seldom(node: Node) -> list[Required]:
    return sorted(_all(node, 0, 0), key=_chance)[:_TRIED_MAX]


def _common(each: list[list[Required]], low: int, high: int) -> Iterator[Required]:
    """One that holds for all branches: what goes best with each that the first one has."""
    if not all(each):
        return
    for found in each[0]:
        together = found
        for others in each[1:]:
            together = min((_either(together, other) for other in others), key=_chance)
        yield together.moved(low, high)


def _either(one: Required, other: Required) -> Required:
    chars = one.chars if one.chars == other.chars else union(one.chars, other.chars)
    return Required(chars, min(one.low, other.low), max(one.high, other.high))


def _is_endless(node: Node) -> bool:
    """Whether it has no longest match, as where it was not bounded."""
    if isinstance(node, Repeat):
        return node.most is None or _is_endless(node.item)
    if isinstance(node, Value):
        return _is_endless(node.item)
    return isinstance(node, Series | Choice) and any(map(_is_endless, node.items))
