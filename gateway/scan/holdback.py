"""How much of a text may yet become part of a match: derived from the patterns, for any number.

The patterns become one automaton, whose positions are the characters of the expressions (Glushkov's
construction). It is read backwards from the end of the text: the set of positions from which what
was read leads to the end, with something still to come. Where that set has the first position of a
pattern, and the character before may stand before it, a match may have begun. Where it is empty,
nothing that stands earlier reaches the end. Sets are integers, one bit for each position, and the
steps are remembered, so that one character costs a look-up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

EXACT_REPEATS_MAX: Final = 4
"""Longer repetitions are taken for unbounded ones here, and the length of the match bounds them."""
STEPS_MAX: Final = 65_536
"""Steps that are remembered; then the memory starts anew."""
_ROOM: Final = 8
"""A set of positions counts for a step for so many classes of characters."""
_ASCII: Final = 128


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


_DIGITS: Final = frozenset("0123456789")
_ZERO: Final = 48
_NINE: Final = 57
_BEHIND_DIGIT: Final = 2


class _Begin:
    """What may stand before matches that begin somewhere, and the length that they may have.

    None of `left`, nor one of `apart` with a digit before it. `forbids` has a one for each
    character of ASCII that may not, and a two for each that may not behind a digit.
    """

    __slots__ = ("apart", "forbids", "left", "length_max")

    def __init__(self, left: frozenset[str], apart: frozenset[str], length_max: int) -> None:
        self.left = left
        self.apart = apart
        self.length_max = length_max
        self.forbids = bytes(
            1 if chr(point) in left else _BEHIND_DIGIT if chr(point) in apart else 0
            for point in range(_ASCII)
        )

    def allows(self, text: str, plain: bytes | None, place: int) -> bool:
        """Whether one may begin at `place`; `plain` is the text in ASCII, if it is that."""
        if not place:
            return True
        if plain is not None:
            forbidden = self.forbids[plain[place - 1]]
            behind = plain[place - 2] if place > 1 else 0
            return not forbidden or (forbidden == _BEHIND_DIGIT and not _ZERO <= behind <= _NINE)
        before = text[place - 1]
        if before in self.left:
            return False
        return before not in self.apart or place == 1 or text[place - 2] not in _DIGITS


class _State:
    """A set of positions, where each character leads from it, and which matches may begin here.

    `begins` are what may not stand before, what may not with a digit before it, and the length that
    the match may have. `steps` are by the class of the character, for the `classes` that ASCII has;
    `others` are the steps of all further ones, of which a dictionary may have thousands.
    """

    __slots__ = ("begins", "is_empty", "mask", "others", "steps")

    def __init__(self, mask: int, begins: tuple[_Begin, ...], classes: int) -> None:
        self.mask = mask
        self.is_empty = not mask
        self.begins = begins
        self.steps: list[_State | None] = [None] * classes
        self.others: dict[int, _State] = {}


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
        for target in _bits(targets):
            self.before[target] |= sources


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _bits(mask: int) -> Iterable[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class HoldBack:
    """Tells where in a text the earliest match may have begun that is not over."""

    def __init__(self, forms: Sequence[LiveForm]) -> None:
        builder = _Builder()
        firsts: dict[tuple[frozenset[str], frozenset[str], int], int] = {}
        lefts: dict[Ranges, frozenset[str]] = {}
        looking = 0
        for form in forms:
            first, last, _ = builder.add(form.body)
            looking |= last if form.looks_ahead else 0
            left = lefts.setdefault(form.left, _characters(form.left))
            apart = lefts.setdefault(form.apart, _characters(form.apart))
            key = (left, apart, form.length_max)
            firsts[key] = firsts.get(key, 0) | first
        self._firsts = [(mask, *begin) for begin, mask in firsts.items()]
        self._positions = len(builder.symbols)
        self._symbols: dict[Ranges, int] = {}
        """For each set of characters the positions that have it: there are few sets."""
        for number, ranges in enumerate(builder.symbols):
            self._symbols[ranges] = self._symbols.get(ranges, 0) | 1 << number
        live = looking
        for sources in builder.before:
            live |= sources
        self._classes = _Classes(self._symbols)
        self._states: dict[int, _State] = {}
        self._begins: dict[tuple[frozenset[str], frozenset[str], int], _Begin] = {}
        self._count = 0
        self._root = _State(live, (), self._classes.count)
        self._ways = _Ways(builder.before)

    @property
    def positions(self) -> int:
        """How many characters all expressions have; for what is measured of it."""
        return self._positions

    def earliest(self, text: str, floor: int) -> int:
        """The first character, from `floor` on, that may be part of a match not yet over.

        The length of the text if there is none.
        """
        end = earliest = len(text)
        classes = self._classes.ascii
        plain_kinds: i64 = self._classes.count
        plain = text.encode() if text.isascii() else None
        state = self._root
        place: i64 = end
        while place > floor:
            place -= 1
            kind: i64 = self._classes.of(text[place]) if plain is None else classes[plain[place]]
            following = state.steps[kind] if kind < plain_kinds else state.others.get(kind)
            state = self._step(state, kind) if following is None else following
            if state.is_empty:
                break
            for begin in state.begins:
                if end - place <= begin.length_max and begin.allows(text, plain, place):
                    earliest = place
                    break
        return earliest

    def _step(self, state: _State, kind: int) -> _State:
        reached = state.mask if state is self._root else self._ways.into(state.mask)
        known = self._state(reached & self._classes.masks[kind])
        self._count += 1
        if self._count > STEPS_MAX:
            self._count = 0
            self._states.clear()
            self._root.steps = [None] * self._classes.count
            self._root.others.clear()
            return known
        if kind < self._classes.count:
            state.steps[kind] = known
        else:
            state.others[kind] = known
        return known

    def _state(self, mask: int) -> _State:
        known = self._states.get(mask)
        if known is None:
            begins: dict[tuple[frozenset[str], frozenset[str]], int] = {}
            for first, left, apart, length_max in self._firsts:
                if mask & first:
                    begins[left, apart] = max(begins.get((left, apart), 0), length_max)
            found = tuple(self._begin(*key, most) for key, most in begins.items())
            known = self._states[mask] = _State(mask, found, self._classes.count)
            self._count += self._classes.count // _ROOM
        return known

    def _begin(self, left: frozenset[str], apart: frozenset[str], length_max: int) -> _Begin:
        key = left, apart, length_max
        known = self._begins.get(key)
        if known is None:
            known = self._begins[key] = _Begin(*key)
        return known


class _Classes:
    """Characters that may stand at the same positions are one class, known by a number.

    `masks` are the positions of each class, `ascii` the classes of the first 128 characters, and
    the classes up to `count` are those that one of these has.
    """

    __slots__ = ("_begins", "_of", "ascii", "count", "masks")

    def __init__(self, symbols: dict[Ranges, int]) -> None:
        changes: dict[int, int] = {0: 0, _ASCII: 0}
        for ranges, positions in symbols.items():
            for first, last in ranges:
                changes[first] = changes.get(first, 0) ^ positions
                changes[last + 1] = changes.get(last + 1, 0) ^ positions
        self._begins = sorted(changes)
        """From each of these characters up to the next one, all are of one class."""
        numbers: dict[int, int] = {}
        self._of: list[int] = []
        mask = self.count = 0
        for point in self._begins:
            if point == _ASCII:
                self.count = len(numbers)
            mask ^= changes[point]
            self._of.append(numbers.setdefault(mask, len(numbers)))
        self.masks = list(numbers)
        self.ascii = [self.of(chr(point)) for point in range(_ASCII)]

    def of(self, character: str) -> int:
        return self._of[bisect_right(self._begins, ord(character)) - 1]


class _Ways:
    """The positions that may come directly before those of a set."""

    __slots__ = ("_loops", "_others", "_plain", "_special")

    def __init__(self, before: Sequence[int]) -> None:
        self._plain = 0
        """Positions reached from the one before them in number."""
        self._loops = 0
        self._special = 0
        self._others: dict[int, int] = {}
        for number, sources in enumerate(before):
            here = 1 << number
            rest = sources
            if rest & here:
                self._loops |= here
                rest &= ~here
            if number and rest & (here >> 1):
                self._plain |= here
                rest &= ~(here >> 1)
            if rest:
                self._special |= here
                self._others[here] = rest

    def into(self, mask: int) -> int:
        found = (mask & self._loops) | ((mask & self._plain) >> 1)
        special = mask & self._special
        while special:
            low = special & -special
            found |= self._others[low]
            special ^= low
        return found


def _characters(ranges: Ranges) -> frozenset[str]:
    """The characters of a class; those that are not ASCII are never forbidden before a match."""
    return frozenset(chr(p) for first, last in ranges for p in range(first, min(last, 127) + 1))
