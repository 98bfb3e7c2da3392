"""More of what numbers of people must satisfy: dates, and what stands at a place.

As check_digits.py: the plain form of what `_numbers.c` says, made to be compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gateway.scan.library.check_digits import LETTERS, NO, NONE, UNCLEAR, YES, InC, Rule
from gateway.scan.library.checks import verhoeff

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_ZERO: Final = 48
_DATED: Final = 3
_AMONG: Final = 4
_VERHOEFF: Final = 5
_PALINDROME: Final = 6
_DAYS: Final = bytes((0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
DAYS: Final = bytes([day if day < 32 else 0 for day in range(100)])
MONTHS: Final = bytes([month if month < 13 else 0 for month in range(100)])
LEAP: Final = bytes([year % 4 == 0 for year in range(100)])
"""Of two digits of a year in 1901 to 2099."""
LEAP_BUT_00: Final = bytes([year % 4 == 0 and year > 0 for year in range(100)])
"""The same of 1900 to 1999, and of centuries like it."""


class Dated(Rule):
    """A day of a month, by the tables that say which days and months two digits mean.

    Where the place of its year is known, `leap` says which of them have a day more. A month that is
    `lettered` is told by one character.
    """

    def __init__(
        self,
        day: int,
        month: int,
        *,
        days: bytes = b"",
        months: bytes = b"",
        year: int = -1,
        leap: bytes = b"",
        lettered: bool = False,
    ) -> None:
        super().__init__((), 10)
        self._day: i64 = day
        self._month: i64 = month
        self._year: i64 = year
        self._days = days or DAYS
        self._months = months or MONTHS
        self._leap = leap or LEAP
        self._lettered = lettered

    def in_c(self) -> InC:
        """See `InC`."""
        return (
            _DATED, self._day, self._month, self._year, self._days, self._months, self._leap,
            self._lettered,
        )  # fmt: skip

    def told(self, data: bytes) -> i64:
        day = _two(data, self._day)
        month: i64 = data[self._month] if self._lettered else _two(data, self._month)
        year: i64 = _two(data, self._year) if self._year >= 0 else 0
        if day < 0 or month < 0 or year < 0:
            return UNCLEAR
        least: i64 = self._days[day]
        place: i64 = self._months[month]
        if place == NONE:
            return UNCLEAR
        if self._year >= 0 and place == 2 and least == 29:  # the last of February
            leap: i64 = self._leap[year]
            if not leap:
                return NO
        most: i64 = _DAYS[place]
        return YES if 1 <= least <= most else NO


class Among(Rule):
    """What stands from a place on is one of some texts of the same length; or none, if they are `barred`."""

    def __init__(self, start: int, texts: Sequence[str], *, barred: bool = False) -> None:
        super().__init__((), 10, start=start)
        self._texts = [text.encode() for text in texts]
        self._width: i64 = len(texts[0])
        self._barred = barred

    def in_c(self) -> InC:
        """See `InC`."""
        return _AMONG, self._start, self._width, b"".join(self._texts), self._barred

    def told(self, data: bytes) -> i64:
        found = data[self._start : self._start + self._width]
        for byte in found:
            if LETTERS[byte] == NONE:
                return UNCLEAR
        return YES if (found in self._texts) != self._barred else NO


class Verhoeff(Rule):
    """J. Verhoeff, Error Detecting Decimal Codes (1969)."""

    def __init__(self, size: int) -> None:
        super().__init__((1,) * size, 10)

    def in_c(self) -> InC:
        """See `InC`."""
        return _VERHOEFF, len(self._weights), 0

    def told(self, data: bytes) -> i64:
        if not data.isdigit():
            return UNCLEAR
        return YES if verhoeff(data.decode()) else NO


class Palindrome(Rule):
    """It does not read the same from its end."""

    def __init__(self, size: int) -> None:
        super().__init__((1,) * size, 10)

    def in_c(self) -> InC:
        """See `InC`."""
        return _PALINDROME, len(self._weights), 0

    def told(self, data: bytes) -> i64:
        return YES if data != data[::-1] else NO


def _two(data: bytes, at: i64) -> i64:
    """The number that two digits are, or -1."""
    tens: i64 = data[at] - _ZERO
    ones: i64 = data[at + 1] - _ZERO
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:  # no digits
        return -1
    return tens * 10 + ones
