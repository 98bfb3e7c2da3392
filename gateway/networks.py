"""IP addresses and networks, read strictly, and sets of networks that answer fast."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

Address: TypeAlias = IPv4Address | IPv6Address
AnyNetwork: TypeAlias = IPv4Network | IPv6Network
_Range: TypeAlias = tuple[int, int]

_MAPPED_BITS = 96
"""Length of the prefix `::ffff:0:0/96` of IPv4-mapped addresses (RFC 4291 section 2.5.5.2)."""


def parse_address(text: str) -> Address | None:
    """The address that `text` spells, or None.

    Leading zeros in IPv4 are refused, because some readers take them for octal. A zone id is
    refused, because it means nothing outside its node (RFC 4007 section 6). An IPv4-mapped IPv6
    address is the IPv4 address.
    """
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
    )
)


def is_link_local(address: str) -> bool:
    """Whether the IP `address` is link-local or a cloud's metadata service.

    Such services hand out the machine's credentials to whoever can send them a request. Raises
    ValueError where `address` is none.
    """
    ip = ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_link_local or ip in _METADATA


def parse_network(text: str) -> AnyNetwork:
    """The network (`10.0.0.0/8`) or single address (`192.0.2.7`) that `text` spells.

    Raises ValueError with a sentence that says what to write instead.
    """
    return ip_network(_parse(text))


def _parse(text: str) -> tuple[Address, int]:
    """The first address and the prefix length; ten thousand of these must not stall a reload."""
    base, slash, prefix = text.partition("/")
    try:
        address = ip_address("" if "%" in base else base)
        bits = address.max_prefixlen - int(prefix) if slash and prefix.isdecimal() else 0
    except ValueError:
        raise ValueError(_no_network(text)) from None
    if slash and not (prefix.isascii() and prefix.isdecimal()):
        raise ValueError(_no_network(text))
    if bits < 0:
        raise ValueError(
            f'"{text}": the prefix of an IPv{address.version} network is at most '
            f"{address.max_prefixlen}"
        )
    if int(address) & ((1 << bits) - 1):
        network = ip_network((address, int(prefix)), strict=False)
        raise ValueError(
            f'"{text}" has host bits set; write {network} for the network or {base} for the '
            "one address"
        )
    return _unmapped(address, address.max_prefixlen - bits)


def _no_network(text: str) -> str:
    return f'"{text}" is not an IP network; write one as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7'


def _unmapped(address: Address, prefix: int) -> tuple[Address, int]:
    """`::ffff:10.0.0.0/104` is `10.0.0.0/8`, as addresses are compared after `parse_address`."""
    if isinstance(address, IPv6Address) and prefix >= _MAPPED_BITS:
        mapped = address.ipv4_mapped
        if mapped is not None:
            return mapped, prefix - _MAPPED_BITS
    return address, prefix


def _checked(text: str) -> str:
    _parse(text)
    return text


NetworkText = Annotated[str, AfterValidator(_checked)]
"""A field of a configuration that holds one network or address."""


class NetworkSet:
    """Many networks as sorted, merged ranges: one binary search per question."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks` as `parse_network` reads them; raises ValueError at the first bad one."""
        v4: list[_Range] = []
        v6: list[_Range] = []
        for text in networks:
            address, prefix = _parse(text)
            first = int(address)
            last = first + (1 << (address.max_prefixlen - prefix)) - 1
            (v4 if isinstance(address, IPv4Address) else v6).append((first, last))
        self._v4 = _merged(v4)
        self._v6 = _merged(v6)

    def __contains__(self, address: Address) -> bool:
        starts, ends = self._v4 if isinstance(address, IPv4Address) else self._v6
        number = int(address)
        place = bisect_right(starts, number) - 1
        return place >= 0 and number <= ends[place]

    def __bool__(self) -> bool:
        return bool(self._v4[0] or self._v6[0])


def _merged(ranges: list[_Range]) -> tuple[list[int], list[int]]:
    """First and last number of each run of adjoining ranges, in order."""
    starts: list[int] = []
    ends: list[int] = []
    for first, last in sorted(ranges):
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return starts, ends
