"""HTML's entities as the characters they stand for: what `html.unescape` says, of any text.

`html.unescape` tries each beginning of a name that it does not know, 31 of them at most, where only
names of few letters go without a semicolon. And it raises ValueError for a number of more digits
than Python reads.
"""

from __future__ import annotations

import html
import re
from html.entities import html5
from typing import Final

_ENTITY: Final = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
_BARE: Final = {name: char for name, char in html5.items() if not name.endswith(";")}
_BEGINNINGS: Final = frozenset(name[:2] for name in _BARE)
_BARE_MAX: Final = max(map(len, _BARE))
_DIGITS_MAX: Final = 7
"""Of a number that has more, whatever their base, no character is made."""
_LAST: Final = 0x10FFFF
_REPLACED: Final = "\ufffd"


def unescaped(text: str) -> str:
    """`text` without entities. Each that occurs is told once."""
    known: dict[str, str] = {}

    def meant(found: re.Match[str]) -> str:
        entity = found[0]
        plain = known.get(entity)
        if plain is None:
            named = html5.get(entity[1:])
            plain = known[entity] = _other(entity) if named is None else named
        return plain

    return _ENTITY.sub(meant, text)


def _other(entity: str) -> str:
    """What a number says, or what is no name and may begin with one."""
    if entity[1] == "#":
        return _numbered(entity[2:].rstrip(";"))
    if entity[1:3] in _BEGINNINGS:
        for size in range(min(len(entity) - 2, _BARE_MAX), 1, -1):
            char = _BARE.get(entity[1 : 1 + size])
            if char is not None:
                return char + entity[1 + size :]
    return entity


def _numbered(number: str) -> str:
    is_decimal = number[0] not in "xX"
    digits = number.lstrip("xX0")
    if len(digits) > _DIGITS_MAX:
        return _REPLACED
    point = int(digits or "0", 10 if is_decimal else 16)
    # What is printed stands for itself; which of the others do, the standard says.
    if point <= _LAST and (char := chr(point)).isprintable():
        return char
    return html.unescape(f"&#{point};")
