"""What the model's one pass reads: slots of n-grams, and the kinds and values of characters.

Made to be compiled, as `sweep` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

DROP: Final = 0
WORD: Final = 2
SINGLE: Final = 3


class Tables:
    """What a sweep reads: the model's slots, and the characters' kinds and values, as bytes.

    `slots` holds four bytes per slot: the fingerprint, the tool head's weight, the user head's.
    `present` has one bit per slot. `values` and `leet` hold four bytes per code point, `kinds` one.
    `last` is the code point that stands for all above it.
    """

    __slots__ = ("kinds", "last", "leet", "present", "slots", "values")

    def __init__(  # noqa: PLR0917  # made in one place
        self, slots: bytes, present: bytes, kinds: bytes, values: bytes, leet: bytes, last: int
    ) -> None:
        self.slots = slots
        self.present = present
        self.kinds = kinds
        self.values = values
        self.leet = leet
        self.last: i64 = last


def wide(data: bytes, at: i64, last: i64) -> i64:
    """The code point of a UTF-32 character, bounded by what the tables hold."""
    code: i64 = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16)
    return min(code, last)
