"""The PROXY protocol, version 2: the client's address in front of a connection, as bytes.

Written by a load balancer in front of the gateway (haproxy.org, proxy-protocol.txt, section 2.2).
Version 1, the text form, is not read: it cannot say how long it is.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADER_BYTES = 16
_LENGTH = struct.Struct("!H")
_PORTS = struct.Struct("!HH")
PAYLOAD_BYTES_MAX = 4096
"""Addresses take 36 bytes; the rest are TLVs, of which load balancers send a few hundred bytes."""


class ProxyProtocolError(ValueError):
    """The bytes are no PROXY header of version 2; the connection must be closed."""


class Source(NamedTuple):
    """The client that the load balancer accepted."""

    ip: str
    port: int


def payload_length(header: bytes) -> int:
    """How many bytes follow the first HEADER_BYTES. Raises ProxyProtocolError."""
    if len(header) != HEADER_BYTES or header[:12] != SIGNATURE:
        raise ProxyProtocolError("the connection does not begin with a PROXY v2 header")
    if header[12] >> 4 != 2:  # noqa: PLR2004  # the version's number
        raise ProxyProtocolError("not version 2 of the PROXY protocol")
    (length,) = _LENGTH.unpack_from(header, 14)
    if length > PAYLOAD_BYTES_MAX:
        raise ProxyProtocolError("the PROXY header is too long")
    return int(length)


def parse_source(header: bytes, payload: bytes) -> Source | None:
    """The client's address, or None where the peer speaks for itself.

    That is so for LOCAL (health checks of the load balancer) and for address families that are not
    TCP over IP, of which section 2.2 says that the peer's own address is to be used.
    """
    command, family = header[12] & 0x0F, header[13]
    if command == 0:
        return None
    if command != 1:
        raise ProxyProtocolError("unknown PROXY command")
    if family == 0x11:  # noqa: PLR2004  # TCP over IPv4
        return _source(payload, 4)
    if family == 0x21:  # noqa: PLR2004  # TCP over IPv6
        return _source(payload, 16)
    return None


def _source(payload: bytes, size: int) -> Source:
    if len(payload) < 2 * size + _PORTS.size:
        raise ProxyProtocolError("the PROXY header is shorter than its addresses")
    address = IPv4Address(payload[:4]) if size == 4 else IPv6Address(payload[:16])  # noqa: PLR2004  # bytes of IPv4
    port, _ = _PORTS.unpack_from(payload, 2 * size)
    return Source(str(address), port)
