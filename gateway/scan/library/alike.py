"""Numbers without check digits: one that stands for all of which python-stdnum says the same.

It knows them by a table of their beginnings; so each of these is asked about once, and no number of
a person is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final


def _employer(value: str) -> str:
    """By the first two digits."""
    if len(value) != 10 or value[2] != "-" or not value.isascii():
        return ""
    return f"{value[:2]}-0000000" if value[:2].isdigit() and value[3:].isdigit() else ""


def _taxpayer(value: str) -> str:
    """By the first digit, and the fourth and fifth."""
    if len(value) == 9 and value.isascii() and value.isdigit():
        return f"{value[0]}00{value[3:5]}0000"
    return ""


def _account(value: str) -> str:
    """By the kind of its holder, and whether it has a number."""
    if len(value) != 10 or not value.isascii():
        return ""
    letters, number = value[:5] + value[9], value[5:9]
    if not (letters.isalpha() and letters.isupper() and number.isdigit()):
        return ""
    return f"AAA{value[3]}A{'0000' if number == '0000' else '0001'}A"


def _business(value: str) -> str:
    """By its office, and whether its kind and its number are not zero."""
    plain = value.replace("-", "")
    if len(plain) != 10 or not (plain.isascii() and plain.isdigit()):
        return ""
    office = min(plain[:3], "101")  # the first of them
    kind = "00" if plain[3:5] == "00" else "01"
    return f"{office}{kind}{'0000' if plain[5:9] == '0000' else '0001'}0"


def _resident(value: str) -> str:
    """By its province, where the date is right in every year; that was told before."""
    if len(value) != 16 or not (value.isascii() and value.isdigit()) or value[8:10] == "02":
        return ""
    return f"{value[:2]}00000101000001"


ALIKE: Final[Mapping[str, Callable[[str], str]]] = {
    "id.nik": _resident,
    "in_.pan": _account,
    "kr.brn": _business,
    "us.ein": _employer,
    "us.itin": _taxpayer,
}
"""By module of python-stdnum; where a number is written in another way, it stands for itself: ""."""
