"""Where a payment card may begin in a text: one pass over its bytes.

A text in groups of four digits has a possible card at every group, and all but a tenth of them fail
Luhn's check. This tells the others without a look at each by itself. It is the plain form of
`_cards.c`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from gateway.plugin.pattern import BEFORE_CHARACTERS

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_ZERO: Final = 48
_SPACE: Final = 32
_HYPHEN: Final = 45
_PREFIX: Final = 4
_SHAPE: Final = re.compile(rb"[0-9](?<![\w.][0-9])[0-9]{3}(?=[ -][0-9]{4}|[0-9]{8})")
"""Every number that may be a card's begins so; with a digit, which `re` looks for quickly."""

_CODE_BITS: Final = 12
_CODE: Final = 0xFFF
_LAST_FOUR: Final = 0xFFF_FFF_FFF_FFF
"""Groups are kept as codes one behind the other: their size, and both of their sums by ten."""
_SIZES: Final = 0xF00_F00_F00_F00_F00
_SIZES_OF_FOUR: Final = 0xF00_F00_F00_F00
_SIZES_OF_THREE: Final = 0xF00_F00_F00
_SIZE_MOST: Final = 15


def may_begin(data: bytes) -> Iterator[int]:
    """Every place at which a number of an issuer's range with a right check digit begins.

    Where the word before is no number, the range does not matter: it may say that this is a card.
    They are found as they are asked for: of a text full of numbers only a part may be wanted. Each
    digit is looked at once, however many numbers it may be part of.
    """
    size: i64 = len(data)
    at: i64 = 0
    told: i64 = -1
    while True:
        shape = _SHAPE.search(data, at)
        if shape is None:
            return
        at = shape.start()
        groups: i64 = 0
        while True:
            begin = at
            group = _group(data, at)
            at = group >> _CODE_BITS
            if at == begin:
                break
            groups = ((groups & _LAST_FOUR) << _CODE_BITS) | (group & _CODE)
            following: i64 = data[at] if at < size else 0
            if not _is_word(following):
                start = _beginning(data, groups, begin, at)
                if start > told:
                    told = start
                    yield start
            at += 1
            if following != _SPACE and following != _HYPHEN:  # noqa: PLR1714  # plain numbers
                break


def _group(data: bytes, at: i64) -> i64:
    """A group of digits: where it ends, and its code.

    Its sums are those in which the digits of every second place count twice, from the first or from
    the second place on (ISO/IEC 7812-1 annex B).
    """
    begin = at
    size: i64 = len(data)
    even: i64 = 0
    odd: i64 = 0
    while at < size:
        digit: i64 = data[at] - _ZERO
        if digit < 0 or digit > 9:  # no digit
            break
        twice: i64 = digit * 2
        if twice > 9:  # the sum of its two digits
            twice -= 9
        if (at - begin) & 1:
            even += digit
            odd += twice
        else:
            even += twice
            odd += digit
        at += 1
    count = min(at - begin, _SIZE_MOST)
    return (at << _CODE_BITS) | (count << 8) | (even % 10 << 4) | (odd % 10)


def _beginning(data: bytes, groups: i64, begin: i64, at: i64) -> i64:
    """Where the card's number begins that ends at `at`, with a group from `begin` on; or -1.

    It has one group, 4-6-4, 4-6-5 or four of four digits, or these with three more.
    """
    count = at - begin
    total: i64
    if count >= 12:  # of one group
        if count > 19:  # digits
            return -1
        total = groups & 15 if count & 1 else (groups >> 4) & 15
    elif groups & _SIZES_OF_FOUR == 0x400_400_400_400:
        count, begin, total = 16, at - 19, _total(groups >> 4, 4)
    elif groups & _SIZES_OF_THREE == 0x400_600_400:
        count, begin, total = 14, at - 16, _total(groups >> 4, 3)
    elif groups & _SIZES_OF_THREE == 0x400_600_500:
        count, begin, total = 15, at - 17, _total(groups, 3)
    elif groups & _SIZES == 0x400_400_400_400_300:
        count, begin, total = 19, at - 23, _total(groups, 5)
    else:
        return -1
    if total % 10:
        return -1
    prefix: i64 = 0
    for place in range(_PREFIX):
        prefix = prefix * 10 + data[begin + place] - _ZERO
    return begin if _is_issued(prefix, count) or _follows_word(data, begin) else -1


def _total(groups: i64, many: i64) -> i64:
    """The sum of the last so many groups."""
    total: i64 = 0
    while many:
        total += groups & 15
        groups >>= _CODE_BITS
        many -= 1
    return total


def _follows_word(data: bytes, at: i64) -> bool:
    """Whether the last letter or digit before is a letter."""
    least: i64 = max(0, at - 4 * BEFORE_CHARACTERS)
    while at > least:
        at -= 1
        byte: i64 = data[at]
        if byte >= 128 or _is_word(byte):  # beyond ASCII
            return byte < _ZERO or byte >= _ZERO + 10
    return False


def _is_word(byte: i64) -> bool:
    return (
        _ZERO <= byte < _ZERO + 10
        or 97 <= byte <= 122  # small letters
        or 65 <= byte <= 90  # capitals
        or byte == 95  # underscore
    )


def _is_issued(prefix: i64, count: i64) -> bool:
    """Whether an issuer has numbers of this length that begin so (ISO/IEC 7812, public ranges)."""
    if prefix < 2200:  # JCB's old numbers
        return (prefix == 1800 or prefix == 2131) and count == 15  # noqa: PLR1714  # plain numbers
    if prefix < 3000:  # Mir, Mastercard
        return (prefix <= 2204 or 2221 <= prefix <= 2720) and count == 16  # ranges
    if prefix < 4000:  # American Express, Diners, JCB
        two = prefix // 100
        if two == 34 or two == 37:  # noqa: PLR1714  # American Express
            return count == 15  # digits
        if two == 35:  # JCB
            return count >= 16  # digits
        return count >= 14 and (prefix <= 3059 or two == 36 or two >= 38)  # Diners
    if prefix < 5000:  # Visa
        return count == 13 or count == 16 or count == 19  # noqa: PLR1714  # digits
    if prefix < 5100:  # Maestro
        return True
    if prefix < 5600:  # Mastercard
        return count == 16  # digits
    return prefix < 5900 or 6000 <= prefix <= 6999  # Maestro, Discover, UnionPay
