"""How much of a text may yet become part of a match: derived from the patterns, for any number.

The automaton of the patterns is read backwards from the end of the text: the set of positions from
which what was read leads to the end, with something still to come. Where that set has the first
position of a pattern, and the character before may stand before it, a match may have begun. Where
it is empty, nothing that stands earlier reaches the end.

`_live.c` steps from set to set. The plain form remembers the steps instead, so that one character
costs a look-up: a step is dear in Python, and a random text may ask for a new one with every
character.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from gateway.scan.automaton import ASCII, Automaton, LiveForm, Ways, bits

try:
    from gateway.scan._live import Live

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

__all__ = ("HoldBack", "LiveForm", "Remembered", "tables")

STEPS_MAX: Final = 65_536
"""Steps that the plain form remembers; then its memory starts anew."""
_ROOM: Final = 8
"""A set of positions counts for a step for so many classes of characters."""
_DIGITS: Final = frozenset("0123456789")
_ZERO: Final = 48
_NINE: Final = 57
_BEHIND_DIGIT: Final = 2
_WORD_BITS: Final = 64


class HoldBack:
    """Tells where in a text the earliest match may have begun that is not over."""

    __slots__ = ("_earliest", "positions")

    def __init__(self, forms: Sequence[LiveForm]) -> None:
        automaton = Automaton(forms)
        self.positions = automaton.positions
        """How many characters all expressions have; for what is measured of it."""
        self._earliest = (
            Live(automaton.positions, tables(automaton)).earliest
            if NATIVE
            else Remembered(automaton).earliest
        )

    def earliest(self, text: str, floor: int) -> int:
        """The first character, from `floor` on, that may be part of a match not yet over.

        The length of the text if there is none.
        """
        return self._earliest(text, floor)


def tables(automaton: Automaton) -> tuple[bytes, ...]:
    """What `_live.c` reads: sets of positions, and numbers of four bytes."""
    classes, ways = automaton.classes, Ways(automaton.before)
    size = (automaton.positions // _WORD_BITS + 1) * _WORD_BITS // 8
    groups: dict[int, int] = {}
    """Positions that the same ones may come before are a group."""
    group = [0] * (size * 8)
    for number in bits(ways.special):
        group[number] = groups.setdefault(ways.others[1 << number], len(groups))
    parts = [_parts(sources) for sources in groups]
    starts = [0]
    for each in parts:
        starts.append(starts[-1] + len(each))
    rows, behind = _rows(automaton)
    sets = (automaton.live, ways.loops, ways.plain, ways.special)
    return (
        bytes(classes.ascii),
        _numbers(classes.begins),
        _numbers(classes.of_ranges),
        _sets(classes.masks, size),
        _sets(sets, size),
        _numbers(group),
        _numbers(starts),
        _numbers([word for each in parts for word, _ in each]),
        _sets([part for each in parts for _, part in each], 8),
        _sets(rows, size),
        _numbers(behind),
        _sets([number for form in automaton.lengths for number in form], 8),
    )


def _sets(masks: Iterable[int], size: int) -> bytes:
    return b"".join([mask.to_bytes(size, "little") for mask in masks])


def _numbers(numbers: Iterable[int]) -> bytes:
    return _sets(numbers, 4)


def _parts(mask: int) -> list[tuple[int, int]]:
    """The words of a set that are not empty."""
    size = (mask.bit_length() + _WORD_BITS - 1) // _WORD_BITS
    data = mask.to_bytes(size * 8, "little")
    words = [int.from_bytes(data[at * 8 : at * 8 + 8], "little") for at in range(size)]
    return [(at, word) for at, word in enumerate(words) if word]


def _rows(automaton: Automaton) -> tuple[list[int], list[int]]:
    """The first positions that may stand behind something, and which of them behind what.

    Two numbers for each character of ASCII and one for all others: of what stands behind it, and
    of what stands behind it and a digit.
    """
    firsts = [
        (_Begin(*begin, most).forbids, mask) for (begin, most), mask in automaton.firsts.items()
    ]
    everything = 0
    for _, mask in firsts:
        everything |= mask
    rows = {everything: 0}
    behind: list[int] = []
    for point in range(ASCII + 1):
        for is_digit in (False, True):
            row = 0
            for forbids, mask in firsts:
                forbidden = forbids[point] if point < ASCII else 0
                if not forbidden or (forbidden == _BEHIND_DIGIT and not is_digit):
                    row |= mask
            behind.append(rows.setdefault(row, len(rows)))
    return list(rows), behind


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
            for point in range(ASCII)
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


class Remembered:
    """The plain form: each step is remembered."""

    def __init__(self, automaton: Automaton) -> None:
        self._firsts = automaton.firsts
        self._classes = automaton.classes
        self._states: dict[int, _State] = {}
        self._begins: dict[tuple[frozenset[str], frozenset[str], int], _Begin] = {}
        self._count = 0
        self._root = _State(automaton.live, (), self._classes.count)
        self._ways = Ways(automaton.before)

    def earliest(self, text: str, floor: int) -> int:
        """See `HoldBack`."""
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
            for ((left, apart), length_max), first in self._firsts.items():
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
