"""An expression as the steps that the matcher in C takes (`_matcher.c`).

A step says what it asks and which step follows. They are made from the end of the expression to
its beginning, so that each step knows which bytes may come at its place at all: most places are
told by one look-up. A repetition of one class is a single step, whatever its bounds; all others
are written out, so that no step follows itself and every search ends.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.scan.expression import (
    ASCII_LAST,
    UNBOUNDED_WITHIN,
    Boundary,
    Chars,
    Choice,
    Node,
    Ranges,
    Repeat,
    Series,
    Value,
    intersection,
    inverted,
    union,
)
from gateway.scan.required import required

Class: TypeAlias = tuple[bytes, bytes]
"""For each ASCII character whether it is one of it; the other ranges, as pairs of code points."""
Program: TypeAlias = tuple[
    bytes, list[Class], list[bytes], tuple[int, int], tuple[bytes, int, int] | None
]
"""Steps of seven numbers each, the last one first; classes; tables of bytes; what may stand before
(classes, or -1 for anything): by itself, and behind what is no digit; a table of bytes of which one
stands so many bytes behind the beginning of every match, at least and at most."""

CHAR: Final = 0
RUN: Final = 1
LAZY: Final = 2
SPLIT: Final = 3
SAVE: Final = 4
EDGE: Final = 5
LOOK: Final = 6
START: Final = 7
STOP: Final = 8
FOUND: Final = 9

STEPS_MAX: Final = 20_000
_END: Final = 256
"""Stands for the end of the text among the bytes that may come."""
_ANYTHING: Final = (1 << 257) - 1
_NONE: Final = -1
_ENDLESS: Final = (1 << 31) - 1


class TooLongError(ValueError):
    """It would take too many steps."""


def program(
    body: Node, before: tuple[Ranges, Ranges] | None = None, behind: Ranges = ()
) -> Program:
    """The steps of a body.

    `before` are the characters that may stand before it, by themselves and behind what is no
    digit; None is any. `behind` may not stand behind it. Raises TooLongError.
    """
    steps = _Steps()
    last = steps.add(FOUND, ahead=_ANYTHING)
    if behind:
        last = steps.look(inverted(behind), last)
    steps.node(body, last)
    allowed = (_NONE, _NONE)
    if before is not None:
        alone, apart = before
        allowed = (steps.class_of(alone), steps.class_of(apart) if apart else _NONE)
    found = required(body)
    landmark = None if found is None else (_table(found.chars), found.low, found.high)
    return array("i", steps.numbers).tobytes(), steps.classes, steps.tables, allowed, landmark


def run_program(run: Ranges, closing: Node | None, *, escapes: bool) -> Program:
    """The steps of a run without bound, which is the value, and of what may close it.

    With `escapes` a backslash belongs to it where it begins the escape of a line or tab alone.
    """
    steps = _Steps()
    last = steps.add(FOUND, ahead=_ANYTHING)
    if closing is not None:
        last = steps.node(Repeat(closing, 0, 1), last)
    last = steps.add(SAVE, least=1, following=last, ahead=_ANYTHING)
    chars = steps.class_of(run)
    last = steps.add(
        RUN, chars=chars, most=_ENDLESS, following=last, other=int(escapes), ahead=_ANYTHING
    )
    steps.add(SAVE, following=last, ahead=_ANYTHING)
    allowed = (_NONE, _NONE)
    return array("i", steps.numbers).tobytes(), steps.classes, steps.tables, allowed, None


def standing_before(left: Ranges, apart: Ranges) -> tuple[Ranges, Ranges] | None:
    """What may stand before a body: by itself, and where what stands before that is no digit."""
    if not apart:
        return (inverted(left), ()) if left else None
    # What `left` forbids stays forbidden.
    return inverted(union(left, apart)), intersection(apart, inverted(left))


class _Steps:
    """Steps are made from the last one on; what a step needs has a smaller number."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.classes: list[Class] = []
        self.tables: list[bytes] = []
        self._ahead: list[int] = []
        self._class_numbers: dict[Ranges, int] = {}
        self._table_numbers: dict[int, int] = {}

    def add(  # a record
        self,
        kind: int,
        *,
        chars: int = _NONE,
        least: int = 0,
        most: int = 0,
        following: int = _NONE,
        other: int = _NONE,
        ahead: int,
    ) -> int:
        """A step; `ahead` are the bytes that may come at its place, one bit each."""
        if len(self._ahead) >= STEPS_MAX:
            raise TooLongError
        table = self._table_numbers.get(ahead)
        if table is None:
            table = self._table_numbers[ahead] = len(self.tables)
            self.tables.append(_table(ahead))
        self.numbers += (kind, chars, least, most, following, other, table)
        self._ahead.append(ahead)
        return len(self._ahead) - 1

    def class_of(self, ranges: Ranges) -> int:
        number = self._class_numbers.get(ranges)
        if number is None:
            number = self._class_numbers[ranges] = len(self.classes)
            self.classes.append(_class(ranges))
        return number

    def look(self, ranges: Ranges, following: int) -> int:
        """One of these characters comes, or the end; it is not taken."""
        ahead = _leading(ranges) | 1 << _END
        return self.add(LOOK, chars=self.class_of(ranges), following=following, ahead=ahead)

    def node(self, node: Node, following: int) -> int:
        """The first step of a node that `following` comes behind."""
        if isinstance(node, Chars):
            chars = self.class_of(node.ranges)
            return self.add(CHAR, chars=chars, following=following, ahead=_leading(node.ranges))
        if isinstance(node, Series):
            for item in reversed(node.items):
                following = self.node(item, following)
            return following
        if isinstance(node, Choice):
            return self._choice(node, following)
        if isinstance(node, Repeat):
            return self._repeat(node, following)
        if isinstance(node, Value):
            stop = self.add(SAVE, least=1, following=following, ahead=self._ahead[following])
            start = self.node(node.item, stop)
            return self.add(SAVE, least=0, following=start, ahead=self._ahead[start])
        return self._boundary(node, following)

    def _boundary(self, node: Boundary, following: int) -> int:
        kind = {"word": EDGE, "start": START, "end": STOP}[node.of]
        ahead = self._ahead[following] & (1 << _END if node.of == "end" else _ANYTHING)
        return self.add(kind, following=following, ahead=ahead)

    def _choice(self, node: Choice, following: int) -> int:
        """Halves of halves: the tables of most of them end the look at the whole half."""
        branches = [self.node(item, following) for item in node.items]
        while len(branches) > 1:
            pairs = zip(branches[::2], branches[1::2], strict=False)
            halves = [self._split(first, second) for first, second in pairs]
            branches = halves + branches[len(branches) & ~1 :]
        return branches[0]

    def _split(self, first: int, second: int) -> int:
        ahead = self._ahead[first] | self._ahead[second]
        return self.add(SPLIT, following=first, other=second, ahead=ahead)

    def _repeat(self, node: Repeat, following: int) -> int:
        item, least = node.item, node.least
        unbounded = _ENDLESS if isinstance(item, Chars) else max(least, UNBOUNDED_WITHIN)
        most = unbounded if node.most is None else node.most
        if isinstance(item, Chars) and (least, most) != (1, 1):
            ahead = _leading(item.ranges)
            return self.add(
                RUN if node.greedy else LAZY,
                chars=self.class_of(item.ranges),
                least=least,
                most=most,
                following=following,
                ahead=ahead if least else ahead | self._ahead[following],
            )
        first = following
        for _ in range(most - least):
            once = self.node(item, first)
            first = self._split(once, following) if node.greedy else self._split(following, once)
        for _ in range(least):
            first = self.node(item, first)
        return first


@lru_cache(maxsize=4096)
def _table(ahead: int) -> bytes:
    """One for each byte that may come, and for the end. Most expressions share theirs."""
    return bytes([ahead >> byte & 1 for byte in range(_END + 1)])


@lru_cache(maxsize=1024)
def _class(ranges: Ranges) -> Class:
    plain = bytearray(ASCII_LAST + 1)
    beyond: list[int] = []
    for first, last in ranges:
        for point in range(first, min(last, ASCII_LAST) + 1):
            plain[point] = 1
        if last > ASCII_LAST:
            beyond += max(first, ASCII_LAST + 1), last
    return bytes(plain), array("i", beyond).tobytes()


@lru_cache(maxsize=1024)
def _leading(ranges: Ranges) -> int:
    """The first bytes of these characters in UTF-8, one bit each."""
    found = 0
    for first, last in ranges:
        low, high = _first_byte(first), _first_byte(last)
        found |= (1 << high + 1) - (1 << low)
    return found & ~_WITHIN_CHARACTERS


_WITHIN_CHARACTERS: Final = (1 << 0xC0) - (1 << 0x80)
_TWO: Final = 0x80
_THREE: Final = 0x800
_FOUR: Final = 0x10000


def _first_byte(point: int) -> int:
    """RFC 3629 section 3. Halves of characters have one as well, and stand in no text."""
    if point < _TWO:
        return point
    if point < _THREE:
        return 0xC0 | point >> 6
    if point < _FOUR:
        return 0xE0 | point >> 12
    return 0xF0 | point >> 18
