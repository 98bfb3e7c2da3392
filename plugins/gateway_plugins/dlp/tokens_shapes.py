"""Placeholders that look like what they stand for, and are none: no such thing can exist.

Each shape draws from a digest and gives None where the value has not the form it knows, or where
so little can be drawn that a model could hit it by chance: then the placeholder is tagged.

    email   at mail.example         RFC 2606 reserves the domain
    card    fails Luhn's check      same length and grouping
    iban    check digits 00 or 01   ISO 13616 gives 02 to 98; fails its check
    ssn     9xx-00-xxxx             a group 00 is never issued
    phone   +999..., 000...         ITU-T E.164: 999 is not assigned; no number plan has 000
    ip      240.0.0.0/4             RFC 1112 section 4 reserves it; 2001:db8::/32: RFC 3849
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Shape: TypeAlias = Callable[[str, bytes], str | None]

DRAWN_MIN: Final = 6
"""Digits that must be drawn at least: one in a million."""
VALUE_CHARACTERS_MAX: Final = 64

_LOCAL: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS: Final = "0123456789"
_CAPITALS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SSN_DIGITS: Final = 9
_CARD_DIGITS: Final = range(12, 20)


class _Draw:
    """Numbers from a digest, which is stretched where it is short."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._number = int.from_bytes(digest)
        self._room = 1 << (8 * len(digest))

    def below(self, limit: int) -> int:
        if self._room < limit << 32:
            self._digest = hashlib.sha256(self._digest).digest()
            self._number, self._room = int.from_bytes(self._digest), 1 << 256
        self._number, drawn = divmod(self._number, limit)
        self._room //= limit
        return drawn


def _redrawn(value: str, draw: _Draw, fixed: Mapping[int, str]) -> str | None:
    """The same layout with other digits and capitals; `fixed` are digits by their number.

    None where there is anything that cannot be redrawn, or too little.
    """
    out: list[str] = []
    digits = drawn = 0
    for character in value:
        if character in _DIGITS:
            if digits in fixed:
                out.append(fixed[digits])
            else:
                out.append(_DIGITS[draw.below(10)])
                drawn += 1
            digits += 1
        elif character in _CAPITALS:
            out.append(_CAPITALS[draw.below(26)])
            drawn += 1
        elif character in " -./()+":
            out.append(character)
        else:
            return None
    if drawn < DRAWN_MIN or len(value) > VALUE_CHARACTERS_MAX:
        return None
    return "".join(out) if out[0] in "0123456789+(" or out[0].isupper() else None


def digits_of(text: str) -> str:
    """Only the digits of a text."""
    return "".join([character for character in text if character in _DIGITS])


def luhn_holds(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number  # noqa: PLR2004  # the sum of both digits
    return total % 10 == 0


def mod_97(iban: str) -> int:
    """ISO 7064's MOD 97-10 of an IBAN; 1 where it is valid."""
    compact = "".join([character for character in iban if character.isalnum()])
    return int("".join([str(int(each, 36)) for each in compact[4:] + compact[:4]])) % 97


def _email(value: str, digest: bytes) -> str | None:
    del value
    draw = _Draw(digest)
    first = _DIGITS[draw.below(10)]
    return first + "".join([_LOCAL[draw.below(32)] for _ in range(9)]) + "@mail.example"


def _card(value: str, digest: bytes) -> str | None:
    digits = digits_of(value)
    if len(digits) not in _CARD_DIGITS:
        return None
    found = _redrawn(value, _Draw(digest), {0: digits[0]})
    if found is None or not luhn_holds(digits_of(found)):
        return found
    last = max(place for place, character in enumerate(found) if character in _DIGITS)
    other = _DIGITS[(int(found[last]) + 1) % 10]
    return found[:last] + other + found[last + 1 :]


def _iban(value: str, digest: bytes) -> str | None:
    country = value[:2]
    if not (country.isascii() and country.isalpha() and country.isupper()):
        return None
    rest = _redrawn(value[2:], _Draw(digest), {0: "0", 1: "0"})
    if rest is None or rest[:2] != "00":
        return None
    # Not all that check them know that these digits are never given.
    return country + ("01" + rest[2:] if mod_97(country + rest) == 1 else rest)


def _ssn(value: str, digest: bytes) -> str | None:
    if len(digits_of(value)) != _SSN_DIGITS:
        return None
    return _redrawn(value, _Draw(digest), {0: "9", 3: "0", 4: "0"})


def _phone(value: str, digest: bytes) -> str | None:
    reserved = "9" if value.startswith("+") else "0"
    return _redrawn(value, _Draw(digest), dict.fromkeys(range(3), reserved))


def _ip(value: str, digest: bytes) -> str | None:
    draw = _Draw(digest)
    if ":" in value:
        return "2001:db8:" + ":".join([f"{draw.below(65536):x}" for _ in range(6)])
    first = 240 + draw.below(15)
    return ".".join(map(str, (first, draw.below(256), draw.below(256), draw.below(256))))


SHAPES: Final[Mapping[str, Shape]] = {
    "email": _email,
    "card": _card,
    "iban": _iban,
    "ssn": _ssn,
    "phone": _phone,
    "ip": _ip,
}
"""By class. Where a class is not here, and for what has no such form, placeholders are tagged."""
