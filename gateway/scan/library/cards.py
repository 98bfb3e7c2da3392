"""Where a payment card may begin in a text: one pass over its bytes.

A text in groups of four digits has a possible card at every group, and all but a tenth of them fail
Luhn's check. This tells the others without a look at each by itself. It is made to be compiled
(docs/decisions/0006).
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
_DIGITS_MIN: Final = 12
_DIGITS_MAX: Final = 19
_PREFIX: Final = 4
_SEPARATORS_MAX: Final = 4
_SHAPE: Final = re.compile(rb"(?<![\w.])\d{4}(?=[ -]\d{4}|\d{8})")
"""Every number that may be a card's begins so."""


def may_begin(data: bytes) -> Iterator[int]:
    """Every place at which a number of an issuer's range with a right check digit begins.

    Where the word before is no number, the range does not matter: it may say that this is a card.
    They are found as they are asked for: of a text full of numbers only a part may be wanted.
    """
    for shape in _SHAPE.finditer(data):
        at = shape.start()
        if _is_card(data, at):
            yield at


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


def _is_card(data: bytes, at: i64) -> bool:
    """Whether the digits from `at` on, in one group or in those of cards, are a card's.

    `even` and `odd` are the sums in which the digits of these places count twice, so that the check
    is known for any number of digits (ISO/IEC 7812-1 annex B).
    """
    begin: i64 = at
    size: i64 = len(data)
    count: i64 = 0
    even: i64 = 0
    odd: i64 = 0
    prefix: i64 = 0
    separators: i64 = 0
    while at < size:
        digit: i64 = data[at] - _ZERO
        if digit < 0 or digit > 9:  # no digit
            return False
        if count < _PREFIX:
            prefix = prefix * 10 + digit
        twice: i64 = digit * 2
        if twice > 9:  # the sum of its two digits
            twice -= 9
        if count & 1:
            even += digit
            odd += twice
        else:
            even += twice
            odd += digit
        count += 1
        at += 1
        following: i64 = data[at] if at < size else _SPACE
        if _ZERO <= following < _ZERO + 10:
            if count == _DIGITS_MAX:
                return False
            continue
        total = odd if count & 1 else even
        if (
            total % 10 == 0
            and _is_grouped(count, separators)
            and not _is_word(following)
            and (_is_issued(prefix, count) or _follows_word(data, begin))
        ):
            return True
        if separators == _SEPARATORS_MAX:
            return False
        if following != _SPACE and following != _HYPHEN:  # noqa: PLR1714  # plain numbers
            return False
        separators += 1
        at += 1
    return False


def _is_grouped(count: i64, separators: i64) -> bool:
    """One group, or 4-6-4, 4-6-5, four of four, and these with three more."""
    if separators == 0:
        return _DIGITS_MIN <= count <= _DIGITS_MAX
    if separators == 2:  # three groups
        return 14 <= count <= 15  # digits
    if separators == 3:  # four groups
        return count == 16  # digits
    return separators == 4 and count == 19  # five groups


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
