"""Numbers with check digits: what such a number must satisfy, told from its characters in one pass.

It says no only where the number is wrong for certain; who keeps the registers is asked about the
rest. `_numbers.c` says the same: each rule tells it in a tuple what it asks. Here is the plain form.
It is made to be compiled (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

try:
    from gateway.scan import _numbers

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

InC: TypeAlias = tuple[object, ...]
"""What a rule asks: its kind, and what `_numbers.c` reads of it."""
_SUM: Final = 0
_CHAIN: Final = 1
_REPEATED: Final = 2

_ZERO: Final = 48
_ANY: Final = 63
"""The question mark: what a rule expects that cannot tell."""
NONE: Final = 255
"""The value of a character that has none."""
_SEPARATORS: Final = b"./+"
"""Beside spaces and hyphens."""
NO: Final = 0
YES: Final = 1
UNCLEAR: Final = 2
"""A character is in it that these rules do not know."""


def values(characters: str, numbers: Sequence[int] = ()) -> bytes:
    """What each character counts: its place among them, or the number given for it."""
    table = bytearray([NONE] * 128)
    for place, character in enumerate(characters):
        table[ord(character)] = numbers[place] if numbers else place
    return bytes(table)


DIGITS: Final = values("0123456789")
LETTERS: Final = values("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def powers(base: int, count: int, modulus: int) -> list[int]:
    """The weights of the digits of a number in that base."""
    return [pow(base, count - 1 - place, modulus) for place in range(count)]


class Rule:
    """A weighted sum of characters, and what it leaves by a modulus.

    Either `leaves` does it, or the character at `at` is the one that `expected` has for the rest.
    """

    def __init__(
        self,
        weights: Sequence[int],
        modulus: int,
        *,
        leaves: int = 0,
        expected: str = "",
        start: int = 0,
        at: int = -1,
        even: bytes = DIGITS,
        odd: bytes = DIGITS,
    ) -> None:
        self._weights = bytes([weight % modulus for weight in weights])
        self._modulus: i64 = modulus
        self._leaves: i64 = leaves % modulus
        self._expected = expected.encode()
        self._start: i64 = start
        self._at: i64 = start + len(weights) if at < 0 else at
        self._even = even
        self._odd = odd

    def in_c(self) -> InC:
        """See `InC`."""
        return (
            _SUM, self._weights, self._modulus, self._leaves, self._expected, self._start, self._at,
            self._even, self._odd,
        )  # fmt: skip

    def told(self, data: bytes) -> i64:
        """NO, YES or UNCLEAR."""
        weights = self._weights
        even = self._even
        odd = self._odd
        start = self._start
        size: i64 = len(weights)
        total: i64 = 0
        place: i64 = 0
        while place < size:
            byte: i64 = data[start + place]
            value: i64 = odd[byte] if place & 1 else even[byte]
            if value == NONE:
                return UNCLEAR
            weight: i64 = weights[place]
            total += weight * value
            place += 1
        rest = total % self._modulus
        if not self._expected:
            return YES if rest == self._leaves else NO
        check: i64 = data[self._at]
        if LETTERS[check] == NONE:
            return UNCLEAR
        wanted: i64 = self._expected[rest]
        if wanted == _ANY:
            return YES
        return YES if wanted == check else NO


class Chain(Rule):
    """ISO/IEC 7064, MOD 11,10: each digit, the last one as well, goes into what comes of the next."""

    def __init__(self, size: int, *, start: int = 0) -> None:
        super().__init__((1,) * size, 10, start=start)

    def in_c(self) -> InC:
        """See `InC`."""
        return _CHAIN, len(self._weights), self._start

    def told(self, data: bytes) -> i64:
        start = self._start
        size: i64 = len(self._weights)
        check: i64 = 5
        place: i64 = 0
        while place < size:
            byte: i64 = data[start + place]
            value: i64 = DIGITS[byte]
            if value == NONE:
                return UNCLEAR
            if check == 0:
                check = 10
            check = (check * 2 % 11 + value) % 10
            place += 1
        return YES if check == 1 else NO


class Repeated(Rule):
    """One digit stands there twice or three times, and no other one more than once."""

    def __init__(self, size: int) -> None:
        super().__init__((1,) * size, 10)

    def in_c(self) -> InC:
        """See `InC`."""
        return _REPEATED, len(self._weights), 0

    def told(self, data: bytes) -> i64:
        size: i64 = len(self._weights)
        once: i64 = 0  # a bit for each digit that stands there so often
        twice: i64 = 0
        thrice: i64 = 0
        place: i64 = 0
        while place < size:
            byte: i64 = data[place]
            value: i64 = DIGITS[byte]
            if value == NONE:
                return UNCLEAR
            bit: i64 = 1 << value
            if thrice & bit:
                return NO
            thrice |= twice & bit
            twice |= once & bit
            once |= bit
            place += 1
        return YES if twice and not twice & (twice - 1) else NO


class Form:
    """How a number may look: rules that all hold, and the characters that are known at a place."""

    def __init__(self, *rules: Rule, known: Mapping[int, str] | None = None) -> None:
        self._rules = list(rules)
        self._known = [(place, text.encode()) for place, text in (known or {}).items()]

    def in_c(self) -> InC:
        """What is known of places, and its rules."""
        return tuple(self._known), tuple([rule.in_c() for rule in self._rules])

    def told(self, data: bytes) -> i64:
        """NO, YES or UNCLEAR."""
        for place, characters in self._known:
            byte = data[place]
            if byte not in characters:
                return UNCLEAR if LETTERS[byte] == NONE else NO
        for rule in self._rules:
            told = rule.told(data)
            if told != YES:
                return told
        return YES


class Number:
    """The forms of one kind of number by its length, without what separates its groups."""

    def __init__(self, forms: Mapping[int, Sequence[Form]]) -> None:
        self._forms: list[list[Form] | None] = [None] * (max(forms) + 1)
        for size, several in forms.items():
            self._forms[size] = list(several)
        self.quick: Callable[[str], bool] = self.told_plainly
        """Whether it may be one, told in C where there is one."""
        if NATIVE:
            parts = [(n, tuple([form.in_c() for form in several])) for n, several in forms.items()]
            self.quick = _numbers.Number(tuple(parts)).may_be

    def __call__(self, value: str) -> bool:
        """Whether it may be one; what is written in another way may be as well."""
        return self.quick(value)

    def told_plainly(self, value: str) -> bool:
        """The plain form of it."""
        if not value.isascii():
            return True
        data = value.replace(" ", "").replace("-", "").encode()
        if not data.isdigit():
            if not data.isalnum():
                data = data.translate(None, _SEPARATORS)
            data = data.upper()
        size = len(data)
        forms = self._forms[size] if size < len(self._forms) else None
        if forms is None:
            return True
        return any_told(forms, data) != NO


def any_told(forms: Sequence[Form], data: bytes) -> i64:
    """What the best of the forms says."""
    unclear: i64 = NO
    for form in forms:
        told = form.told(data)
        if told == YES:
            return YES
        if told == UNCLEAR:
            unclear = UNCLEAR
    return unclear


_TWICE: Final = values("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9))


def luhn_rule(size: int, *, start: int = 0, twice_last: bool = False, expected: str = "") -> Rule:
    """ISO/IEC 7812-1 annex B: every second digit counts twice, from the last one or that before."""
    even, odd = (DIGITS, _TWICE) if (size % 2 == 1) != twice_last else (_TWICE, DIGITS)
    return Rule((1,) * size, 10, start=start, expected=expected, even=even, odd=odd)
