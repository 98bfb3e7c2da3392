"""Addresses of machines."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.checks import Said

_VERSION: Final = Said(r"(?i)(?:version|\bver\.?|\bv|release|build|chrome/|safari/)\W{0,3}$")
_NOT_SOMEBODYS: Final = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "::1"})  # noqa: S104  # looked for, not bound
_COLONS_MIN: Final = 2


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
            rank=45,
        ),
        Pattern(
            "ipv6",
            "ip",
            r"(?:[0-9A-Fa-f]{1,4}:{1,2}|::)(?:[0-9A-Fa-f]{1,4}:{1,2}){0,7}"
            r"(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?:\.\d{1,5}){0,4}(?:%[A-Za-z0-9]{1,16})?(?:/\d{1,3})?",
            left=r"\w:.",
            right=r"\w:",
            validator=is_ipv6,
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
            rank=44,
        ),
    ]


def is_ipv4(value: str, before: str) -> bool:
    """Four numbers, and not those of a version."""
    if value in _NOT_SOMEBODYS or _VERSION(before):
        return False
    try:
        IPv4Address(value)
    except AddressValueError:
        return False
    return True


def is_ipv6(value: str, before: str) -> bool:
    """RFC 4291 section 2.2, with enough of it that it is no time, scope or operator of a language."""
    del before
    text = value.partition("/")[0]
    if text.count(":") < _COLONS_MIN or value in _NOT_SOMEBODYS:
        return False
    if "::" not in text and text.count(":") != (6 if "." in text else 7):  # RFC 4291
        return False
    if "::" in text and sum(c.isdigit() for c in text) == 0:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return any(c in "0123456789abcdefABCDEF" for c in text)


def is_mac(value: str, before: str) -> bool:
    """Neither nobody's nor everybody's."""
    del before
    return len(set(value.lower()) - {":", "-", "."}) > 1
