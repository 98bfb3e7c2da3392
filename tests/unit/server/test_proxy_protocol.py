from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.proxy_protocol import (
    HEADER_BYTES,
    PAYLOAD_BYTES_MAX,
    SIGNATURE,
    ProxyProtocolError,
    Source,
    parse_source,
    payload_length,
)


def header(command: int = 0x21, family: int = 0x11, length: int = 12) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", length)


V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 5000, 443)
V6 = bytes.fromhex("20010db8" + "00" * 11 + "07") + bytes(16) + struct.pack("!HH", 6000, 443)


@pytest.mark.parametrize(
    ("head", "payload", "expected"),
    [
        (header(), V4, Source("192.0.2.7", 5000)),
        (header(length=20), V4 + b"\x04\x00\x05tlvs!", Source("192.0.2.7", 5000)),
        (header(family=0x21), V6, Source("2001:db8::7", 6000)),
        (header(command=0x20), V4, None),  # LOCAL: a health check
        (header(family=0x00), b"", None),  # UNSPEC
        (header(family=0x12), V4, None),  # UDP
        (header(family=0x31), bytes(216), None),  # Unix socket
    ],
)
def test_reads_the_source_address(head: bytes, payload: bytes, expected: Source | None) -> None:
    assert parse_source(head, payload) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n"[:HEADER_BYTES],
        b"GET / HTTP/1.1\r\n",
        header(command=0x11),
        header(length=PAYLOAD_BYTES_MAX + 1),
        header()[:15],
    ],
)
def test_refuses_what_is_no_header_of_version_2(head: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        payload_length(head)


@pytest.mark.parametrize(
    ("head", "payload"),
    [(header(command=0x22), V4), (header(), V4[:-1]), (header(family=0x21), V4)],
)
def test_refuses_a_payload_that_does_not_fit(head: bytes, payload: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        parse_source(head, payload)


@given(st.binary(min_size=HEADER_BYTES, max_size=HEADER_BYTES), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tail: bytes, payload: bytes) -> None:
    """No other exception: the listener closes the connection on ProxyProtocolError only."""
    head = SIGNATURE + tail[12:]
    try:
        payload_length(head)
        parse_source(head, payload)
    except ProxyProtocolError:
        pass
