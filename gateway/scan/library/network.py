"""Addresses of machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING, Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.check_digits import LETTERS, NO, UNCLEAR, YES
from gateway.scan.library.checks import Said
from gateway.scan.patterns import compiled
from gateway.scan.re2_body import Match

try:
    from gateway.scan import _network

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_VERSION: Final = Said(r"(?i)(?:version|\bver\.?|\bv|release|build|chrome/|safari/)\W{0,3}$")
_VERSION_SIGNS: Final = ("v", "release", "build", "chrome/", "safari/")
_VERSION_CHARACTERS: Final = 10
"""The longest of the words, and what may stand behind it."""
_NOT_SOMEBODYS: Final = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "::1"})  # noqa: S104  # looked for, not bound
_OCTETS: Final = 4
_COLONS_MIN: Final = 2
_COLONS_MAX: Final = 8
_IPV6_BEGINS: Final = (
    r"(?:^|[^\w:.])(?:::|[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{1,4}:){0,7}:|(?:[0-9A-Fa-f]{1,4}:){6})"
)
"""Every address has two colons at once, or six of them between its groups."""
_COLON: Final = 58
_NINE: Final = 57
_GROUPS: Final = 8
_OF_IPV6: Final = frozenset(b"0123456789abcdefABCDEF:")


def network_patterns() -> list[Pattern]:
    """IPv4, IPv6 and MAC addresses."""
    byte = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    return [
        Pattern(
            "ipv4",
            "ip",
            rf"(?:{byte}\.){{3}}{byte}(?:\.\d{{1,5}})?",
            left=r"\w.-",
            right=r"\w-",
            validator=is_ipv4,
            seldom=True,
            rank=45,
        ),
        Pattern(
            "ipv6",
            "ip",
            r"(?:[0-9A-Fa-f]{1,4}:{1,2}|::)(?:[0-9A-Fa-f]{1,4}:{1,2}){0,7}"
            r"(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?:\.\d{1,5}){0,4}(?:%[A-Za-z0-9]{1,16})?(?:/\d{1,3})?",
            left=r"\w:.",
            right=r"\w:",
            validator=Ipv6Check(),
            crowded=True,
            rank=46,
        ),
        Pattern(
            "mac",
            "mac",
            r"(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}"
            r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})",
            left=r"\w:-",
            right=r"\w:-",
            validator=is_mac,
            seldom=True,
            crowded=True,
            rank=44,
        ),
    ]


def is_ipv4(value: str, before: str) -> bool:
    """Four numbers in their ordinary form, and not those of a version."""
    octets = value.split(".")
    if len(octets) != _OCTETS or any(o[:1] == "0" != o for o in octets):
        return False
    return value not in _NOT_SOMEBODYS and not _names_version(before)


def _names_version(before: str) -> bool:
    near = before[-_VERSION_CHARACTERS:].lower()
    return any(sign in near for sign in _VERSION_SIGNS) and _VERSION(before)


class Ipv6Check:
    """An address, and no time, scope or operator of a language."""

    __slots__ = ("_begins",)

    def __init__(self) -> None:
        self._begins: Match | None = None

    def prepare(self) -> None:
        """Compiles what tells where one may begin, so that no request waits for it."""
        if self._begins is None:
            self._begins = compiled(_IPV6_BEGINS)

    def screen(self, data: bytes) -> Iterator[int]:
        """See `Pattern.validator`. Times, tables and hardware addresses have colons as well."""
        begins = self._begins
        if begins is None:
            begins = self._begins = compiled(_IPV6_BEGINS)
        size = len(data)
        place = 0
        while (start := begins(data, place, size)[0][0]) >= 0:
            while data[start] not in _OF_IPV6:  # the character before
                start += 1
            yield start
            place = start + 1

    @property
    def alone(self) -> Callable[[str], bool | None]:
        """See `Judged`."""
        return _network.ipv6 if NATIVE else is_ipv6_plainly

    def __call__(self, value: str, before: str) -> bool:
        return is_ipv6(value, before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ipv6Check)

    def __hash__(self) -> int:
        return hash(Ipv6Check)


def is_ipv6(value: str, before: str) -> bool:
    """RFC 4291 section 2.2, with enough of it that it is no time, scope or operator of a language."""
    del before
    told = _network.ipv6(value) if NATIVE and value.isascii() else None
    return is_ipv6_plainly(value) if told is None else told


def is_ipv6_plainly(value: str) -> bool:
    """The plain form of it."""
    text = value.partition("/")[0]
    colons = text.count(":")
    if colons < _COLONS_MIN or colons > _COLONS_MAX or value in _NOT_SOMEBODYS:
        return False
    shortened = text.count("::")
    if shortened > 1 or (not shortened and colons != (6 if "." in text else 7)):  # RFC 4291
        return False
    told = _of_groups(text.encode(), shortened) if text.isascii() else UNCLEAR
    if told != UNCLEAR:
        return told == YES
    if shortened and not any(c.isdigit() for c in text):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return any(c in "0123456789abcdefABCDEF" for c in text)


def _of_groups(data: bytes, shortened: i64) -> i64:
    """NO or YES by the groups of hexadecimal digits; UNCLEAR where something else stands there.

    In an address that is shortened there must be a digit: letters alone may be names of a language.
    """
    size: i64 = len(data)
    groups: i64 = 0
    longest: i64 = 0
    most_colons: i64 = 0
    figures: i64 = 0
    length: i64 = 0
    colons: i64 = 0
    place: i64 = 0
    while place < size:
        byte: i64 = data[place]
        place += 1
        if byte == _COLON:
            colons += 1
            most_colons = max(most_colons, colons)
            length = 0
            continue
        if LETTERS[byte & 0xDF if byte > _NINE else byte] > 15:  # not hexadecimal
            return UNCLEAR
        if length == 0:
            groups += 1
        if byte <= _NINE:
            figures += 1
        length += 1
        longest = max(longest, length)
        colons = 0
    if longest > 4 or most_colons > 2 or size < 2:  # digits of a group
        return NO
    if (data[0] == _COLON != data[1]) or (data[size - 1] == _COLON != data[size - 2]):
        return NO
    if shortened:
        return YES if groups < _GROUPS and figures else NO
    return YES if groups == _GROUPS else NO


def is_mac(value: str, before: str) -> bool:
    """Neither nobody's nor everybody's."""
    del before
    if not value.isascii():
        return len(set(value.lower()) - {":", "-", "."}) > 1
    data = value.lower().encode()
    size: i64 = len(data)
    first: i64 = 0
    place: i64 = 0
    while place < size:
        byte: i64 = data[place]
        place += 1
        if byte == _COLON or byte == 45 or byte == 46:  # noqa: PLR1714  # hyphen, full stop
            continue
        if first and byte != first:
            return True
        first = byte
    return False
