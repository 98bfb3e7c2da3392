"""What the model's one pass reads: weights of n-grams, and the kinds and values of characters."""

from __future__ import annotations

import sys
from array import array
from typing import Final

from gateway.scan.alphabet import SIZE

_HASH_BITS: Final = 32
PLACE_BITS: Final = 20
PLACES: Final = 1 << PLACE_BITS
_BLOCK: Final = 32
"""Places between two ranks."""
_ENTRY_BYTES: Final = 4


class Tables:
    """The model's weights, and the characters' kinds and values, as bytes.

    `present` has one bit for each place, the high 20 bits of a hash. `entries` holds four bytes for
    each bit that is set, in order of place: the low 16 bits of the hash, the tool head's weight,
    the user head's. `kinds` has a byte per code point and `values` four; `leet` has the letters
    that digits stand for. The last code point stands for all above it.

    Raises ValueError where the tables are not of one model.
    """

    __slots__ = ("entries", "kinds", "leet", "present", "ranks", "values")

    def __init__(
        self, entries: bytes, present: bytes, kinds: bytes, values: bytes, leet: bytes
    ) -> None:
        self.entries = entries
        self.present = present
        self.kinds = kinds
        self.values = values
        self.leet = leet
        self.ranks = _ranks(present)
        count = int.from_bytes(present, "little").bit_count()
        sizes = (len(present), len(entries), len(kinds), len(values), len(leet))
        if sizes != (PLACES // 8, count * _ENTRY_BYTES, SIZE, SIZE * 4, 10):
            raise ValueError("these tables are not of one model: sizes differ")

    def entry(self, spread: int) -> int:
        """Where the entry of an n-gram begins, whose hash was mixed; -1 where there is none."""
        place = spread >> 12
        bit = place % _BLOCK
        first = place // _BLOCK * 4
        bits = int.from_bytes(self.present[first : first + 4], "little")
        if not bits >> bit & 1:
            return -1
        rank = self.ranks[place // _BLOCK] + (bits & (1 << bit) - 1).bit_count()
        found = self.entries[rank * _ENTRY_BYTES : rank * _ENTRY_BYTES + 2]
        if int.from_bytes(found, "little") != spread & 0xFFFF:
            return -1
        return rank * _ENTRY_BYTES


def present(hashes: bytes) -> bytes:
    """One bit for each place that one of these hashes has, four bytes each.

    Raises ValueError where they do not stand in ascending order.
    """
    numbers = array("I", hashes)
    if sys.byteorder == "big":
        numbers.byteswap()
    if sorted(numbers) != numbers.tolist():
        raise ValueError("hashes are not in order")
    bits = bytearray(PLACES // 8)
    for number in numbers:
        place = number >> _HASH_BITS - PLACE_BITS
        bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def _ranks(present: bytes) -> array[int]:
    """How many bits are set before each block."""
    ranks, count = array("I"), 0
    for at in range(0, len(present), _BLOCK // 8):
        ranks.append(count)
        count += int.from_bytes(present[at : at + _BLOCK // 8], "little").bit_count()
    return ranks
