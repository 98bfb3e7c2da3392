"""Halves of characters: texts that a server cut between two UTF-16 units."""

from __future__ import annotations

import re
from typing import Final

_HIGH_FIRST: Final = chr(0xD800)  # as a literal it cannot be compiled
_HIGH_LAST: Final = chr(0xDBFF)
_LOW_FIRST: Final = chr(0xDC00)
_LOW_LAST: Final = chr(0xDFFF)
_SURROGATE: Final = re.compile(f"[{_HIGH_FIRST}-{_LOW_LAST}]")


def has_surrogates(text: str) -> bool:
    """Whether `text` has a lone surrogate."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate, so that it can be written as UTF-8."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def ends_in_high(text: str) -> bool:
    """Whether the last character waits for its second half."""
    return _HIGH_FIRST <= text[-1:] <= _HIGH_LAST


def begins_in_low(text: str) -> bool:
    """Whether the first character is a second half."""
    return _LOW_FIRST <= text[:1] <= _LOW_LAST


def joined(high: str, low: str) -> str:
    """The character of two halves."""
    return (high + low).encode("utf-16-be", "surrogatepass").decode("utf-16-be")


def low_half(character: str) -> str:
    """The second half of a character that has two."""
    units = character.encode("utf-16-be")
    return chr(int.from_bytes(units[2:4]))


def high_half(character: str) -> str:
    """The first half of a character that has two, or ""."""
    units = character.encode("utf-16-be", "surrogatepass")
    return chr(int.from_bytes(units[:2])) if len(units) > 2 else ""  # noqa: PLR2004  # two units of two bytes
