"""Addresses that a server should not be sent to, in any spelling that some client understands.

1. the host is what stands between the scheme and the path, behind the last `@`
2. numbers are read as `inet_aton` does: one to four parts, decimal, octal or hexadecimal
3. an address within IPv6 (mapped, 6to4, NAT64) counts as itself
4. names that stand for such an address, and names without a dot, are inner ones too
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias
from urllib.parse import unquote

from gateway.scan.confirm import Screen
from gateway.scan.threats.rule import Rule, Threat
from gateway.scan.threats.screens import OF_ADDRESS, Screened, TargetScreen

try:
    from gateway.scan.threats import _targets

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

Address: TypeAlias = IPv4Address | IPv6Address

_LOCAL_SCHEMES: Final = frozenset({"file", "gopher", "dict", "netdoc", "jar", "tftp", "ldap"})
_INNER_SUFFIXES: Final = (
    ".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".corp", ".home.arpa",
    ".svc", ".cluster.local", ".consul",
)  # fmt: skip
_ECHOING: Final = (".nip.io", ".sslip.io", ".xip.io")
"""Domains whose names say which address they stand for."""
_LOOPBACK_NAMES: Final = (
    "localtest.me", "lvh.me", "vcap.me", "lacolhost.com", "yoogle.com",
)  # fmt: skip
_SHARED: Final = IPv4Address("100.64.0.0")
_SHARED_BITS: Final = 22
_NAT64: Final = 0x0064_FF9B << 96
_DIGITS: Final = re.compile(r"(?i)(?:0x[0-9a-f]*|[0-9]+)\Z")
_ECHOED: Final = re.compile(r"(?:^|[.-])(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})\Z")
_PARTS_MAX: Final = 4
_INNER_ENDINGS: Final = (*_INNER_SUFFIXES, *_LOOPBACK_NAMES)


def _screen() -> Screen:
    """In C, which has the same lists, it knows nearly every host that is no inner one."""
    return _targets.targets if NATIVE else TargetScreen((*_INNER_ENDINGS, *_ECHOING))


_SCREEN: Final = _screen()
_PLAIN: Final = re.compile(r"(?i)[a-z0-9.\-]+\Z")
_AUTHORITY_END: Final = re.compile(r"[/\\?#]")


def host_of(url: str) -> str:
    """The host of an absolute URL as a client would take it: small letters, no port, no user."""
    rest = url.partition("://")[2] if "://" in url else url.removeprefix("//")
    end = _AUTHORITY_END.search(rest)
    authority = rest if end is None else rest[: end.start()]
    host = authority.rpartition("@")[2]
    host = (unquote(host) if "%" in host else host).lower()
    if host.startswith("["):
        return host[1:].partition("]")[0].partition("%")[0]
    return host.partition(":")[0].rstrip(".").replace("。", ".")


def address_of(host: str) -> Address | None:
    """The address that a host is, however it is spelled; None for a name."""
    if ":" in host:
        try:
            return _inner_of(ip_address(host))
        except ValueError:
            return None
    parts = host.split(".")
    if len(parts) > _PARTS_MAX or not all(_DIGITS.match(part) for part in parts):
        return None
    numbers = [_number(part) for part in parts]
    value = numbers[-1]
    if value >= 256 ** (_PARTS_MAX + 1 - len(parts)) or any(n > 255 for n in numbers[:-1]):  # noqa: PLR2004  # a byte
        return None
    for place, number in enumerate(numbers[:-1]):
        value |= number << (8 * (3 - place))
    return IPv4Address(value)


def _number(part: str) -> int:
    text = part[:20]
    if text[:2] in {"0x", "0X"}:
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text.startswith("0") and not set(text) & set("89"):
        return int(text, 8)
    return int(text)


def _inner_of(address: Address) -> Address:
    """The IPv4 address within an IPv6 one, if there is one."""
    if isinstance(address, IPv4Address):
        return address
    value = int(address)
    if value >> 32 << 32 == _NAT64:
        return IPv4Address(value & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_inner_address(address: Address) -> bool:
    """Loopback, link-local (cloud metadata), private, shared, reserved, unspecified."""
    if (
        isinstance(address, IPv4Address)
        and int(address) >> _SHARED_BITS == int(_SHARED) >> _SHARED_BITS
    ):
        return True
    return not address.is_global or address.is_multicast


def is_inner_host(host: str) -> bool:
    """Whether a host belongs to an inner network."""
    address = address_of(host)
    if address is not None:
        return is_inner_address(address)
    if host == "localhost" or host.endswith(_INNER_ENDINGS):
        return True
    for suffix in _ECHOING:
        if host.endswith(suffix):
            echoed = _ECHOED.search(host.removesuffix(suffix))
            inner = address_of(".".join(echoed.groups())) if echoed is not None else None
            return inner is None or is_inner_address(inner)
    return bool(host) and "." not in host and ":" not in host and _PLAIN.match(host) is not None


class Hosts:
    """Hosts that are allowed: names, or `*.example.com` for all below."""

    __slots__ = ("_names", "_suffixes")

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        small = [host.lower() for host in hosts]
        self._names = frozenset(host for host in small if not host.startswith("*."))
        self._suffixes = tuple(host[1:] for host in small if host.startswith("*."))

    def __contains__(self, host: object) -> bool:
        text = str(host)
        return text in self._names or (bool(self._suffixes) and text.endswith(self._suffixes))


@lru_cache(32)
def rules(hosts: tuple[str, ...]) -> tuple[Rule, ...]:
    """What names a target on the inner network, but for `hosts`."""
    allowed = Hosts(hosts)

    def is_inner(value: str, before: str) -> bool:
        del before
        host = host_of(value)
        if host in allowed:
            return False
        return value.partition(":")[0].lower() in _LOCAL_SCHEMES or is_inner_host(host)

    def is_forbidden(value: str, before: str) -> bool:
        del before
        return value.lower() not in allowed

    return (
        Rule(
            "ssrf_url", Threat.SSRF,
            r"(?i)(?:https?|ftps?|wss?|gopher|dict|file|ldap|tftp|sftp|jar|netdoc):(?://|\\\\)"
            rf"[{OF_ADDRESS}]{{1,200}}",
            0.9, Screened(is_inner, _SCREEN),
        ),
        Rule(
            "ssrf_metadata", Threat.SSRF,
            r"(?i)(?:169\.254\.169\.254|169\.254\.170\.2|100\.100\.100\.200|fd00:ec2::254"
            r"|metadata\.(?:google\.internal|goog|azure\.com|tencentyun\.com))",
            0.9, is_forbidden,
        ),
    )  # fmt: skip
