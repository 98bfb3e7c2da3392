"""A byte that every match has near its beginning and usual texts seldom have, such as an `@`.

Where there is none, no match begins: so the matcher passes over most of a text by one look for such
bytes, where what a match begins with is in every word (`_matcher.c`).
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from gateway.scan.expression import (
    ASCII_LAST,
    Boundary,
    Chars,
    Choice,
    Node,
    Ranges,
    Repeat,
    Value,
)

CHANCE_MAX: Final = 4.0
"""Where a usual text has more of them in reach of a place, looking for them is no gain."""
REACH_MAX: Final = 1024
"""So many bytes behind the beginning of a match it stands at most."""
_UTF8_BYTES_MAX: Final = 4
_TOLD: Final = 2
"""What the first bytes may be, so many, the matcher asks in any case."""
_KEPT_MAX: Final = 4
"""Of a part of an expression, those that are seldom by themselves."""
_BY_USE: Final = (
    (" etaoins", 0.3),
    ("rhldcumfpgwybvk", 0.1),
    ("xjqz.,-\n/_", 0.01),
    ("0123456789\"'()", 0.004),
)
"""How often usual texts have them, prose and code. Small letters count several times, because every
word has some: signs stand together, and leave long stretches without."""
_OTHERS: Final = 0.001
_WEIGHTS: Final = tuple(
    (1 << point, next((share for chars, share in _BY_USE if chr(point) in chars), _OTHERS))
    for point in range(ASCII_LAST + 1)
)
"""Of each character, by its bit."""


class Required(NamedTuple):
    """One of these characters, and how many bytes it stands behind the beginning.

    They are ASCII, and a bit each.
    """

    chars: int
    low: int
    high: int


class _Part(NamedTuple):
    """What every match of a part has, and its bytes, at least and at most."""

    found: list[Required]
    least: int
    most: float


def required(body: Node) -> Required | None:
    """The one that is seldom by chance; None where each is too far away or in every text."""
    best = min(_part(body).found, key=_chance, default=None)
    return best if best is not None and _chance(best) <= CHANCE_MAX else None


def _chance(of: Required) -> float:
    """About how many of them a usual text has where one may stand; no use if it is told or far."""
    return inf if of.high < _TOLD or of.high > REACH_MAX else _rarity(of)


def _rarity(of: Required) -> float:
    """The same, wherever it stands: something may come before."""
    return _weight(of.chars) * (of.high - of.low + 1)


@lru_cache(maxsize=256)
def _weight(chars: int) -> float:
    return sum(weight for bit, weight in _WEIGHTS if chars & bit)


@lru_cache(maxsize=256)
def _bits(chars: Ranges) -> int:
    return sum((1 << last + 1) - (1 << first) for first, last in chars)


def _part(node: Node) -> _Part:
    if isinstance(node, Chars):
        if node.ranges and node.ranges[-1][1] > ASCII_LAST:
            return _Part([], 1, _UTF8_BYTES_MAX)
        return _Part([Required(_bits(node.ranges), 0, 0)] if node.ranges else [], 1, 1)
    if isinstance(node, Boundary):
        return _Part([], 0, 0)
    if isinstance(node, Value):
        return _part(node.item)
    if isinstance(node, Repeat):
        once = _part(node.item)
        most = inf if node.most is None else once.most * node.most if node.most else 0
        return _Part(once.found if node.least else [], once.least * node.least, most)
    parts = [_part(item) for item in node.items]
    return _either(parts) if isinstance(node, Choice) else _together(parts)


def _together(parts: list[_Part]) -> _Part:
    """Of parts that stand one behind the other."""
    found: list[Required] = []
    least, most = 0, 0.0
    for part in parts:
        if most <= REACH_MAX:
            found += [Required(r.chars, r.low + least, r.high + int(most)) for r in part.found]
        least, most = least + part.least, most + part.most
    return _Part(_kept(found), least, most)


def _either(parts: list[_Part]) -> _Part:
    """Of branches: what goes best with each that the first one has."""
    found = []
    if all(part.found for part in parts):
        for each in parts[0].found:
            together = each
            for part in parts[1:]:
                together = min((_union(together, other) for other in part.found), key=_chance)
            found.append(together)
    least, most = min(part.least for part in parts), max(part.most for part in parts)
    return _Part(_kept(found), least, most)


def _union(one: Required, other: Required) -> Required:
    return Required(one.chars | other.chars, min(one.low, other.low), max(one.high, other.high))


def _kept(found: list[Required]) -> list[Required]:
    return sorted(found, key=_rarity)[:_KEPT_MAX] if len(found) > _KEPT_MAX else found
