"""A WebSocket passes as it is: handshake, frames and ends, both ways."""

from __future__ import annotations

import os

import pytest

from tests.hostile.front import Front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import MEGABYTE
from tests.hostile.transparency import forwarded_fields, open_exchange
from tests.hostile.wire import Message, Wire

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)


def handshake(
    front: Front, upstream: RawUpstream, extra: bytes = b""
) -> tuple[Wire, Wire, Message]:
    """A client whose handshake reached the upstream."""
    return open_exchange(front, upstream, HANDSHAKE + extra + b"\r\n")


def tunnel(front: Front, upstream: RawUpstream) -> tuple[Wire, Wire]:
    """An open WebSocket."""
    client, wire, _ = handshake(front, upstream)
    wire.send(SWITCHED, b"\r\n")
    assert client.read_response_head().status == 101
    return client, wire


def frame(payload: bytes, *, opcode: int = 2, first: int = 0x80, masked: bool = False) -> bytes:
    """One frame (RFC 6455 section 5.2) with a mask of zeros, if any."""
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        length = bytes([mask_bit | size])
    elif size < 65_536:
        length = bytes([mask_bit | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([mask_bit | 127]) + size.to_bytes(8, "big")
    return bytes([first | opcode]) + length + (b"\0" * 4 if masked else b"") + payload


def test_the_handshake_reaches_the_upstream_unchanged(front: Front, upstream: RawUpstream) -> None:
    extra = (
        b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-x,openai-beta.v1\r\n"
        b"sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"
        b"Sec-WebSocket-Protocol: second\r\nOrigin: null\r\n"
    )
    _, _, seen = handshake(front, upstream, extra)
    lines = (HANDSHAKE + extra).split(b"\r\n")[1:-1]
    sent = [tuple(line.split(b": ", 1)) for line in lines]
    expected = [pair for pair in sent if pair[0] not in {b"Host", b"Connection"}]
    got = [pair for pair in forwarded_fields(seen) if pair[0] not in {b"Host", b"Connection"}]
    assert sorted(got) == sorted(expected)
    assert seen.target == b"/v1/realtime?model=m"
    assert [value.lower() for value in seen.values(b"connection")] == [b"upgrade"]


@pytest.mark.parametrize(
    "fields",
    [
        b"Sec-WebSocket-Protocol: realtime\r\n",
        b"sec-websocket-PROTOCOL: Real.Time\r\nX-Order: 1\r\nx-order: 2\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n",
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
    ],
)
def test_the_answer_to_the_handshake_reaches_the_client_unchanged(
    front: Front, upstream: RawUpstream, fields: bytes
) -> None:
    client, wire, _ = handshake(front, upstream)
    wire.send(SWITCHED, fields, b"\r\n")
    got = client.read_response_head()
    own = [pair for pair in got.fields if not pair[0].startswith(b"x-sealgate-")]
    block = (SWITCHED + fields).split(b"\r\n")[1:-1]
    assert own == [tuple(line.split(b": ", 1)) for line in block]


FRAMES = {
    "text": frame(b'{"type":"session.update"}', opcode=1, masked=True),
    "empty": frame(b""),
    "binary of every byte": frame(bytes(range(256)), masked=True),
    "a fragment, then its end": frame(b"a", opcode=1, first=0) + frame(b"b", opcode=0),
    "ping": frame(b"p" * 125, opcode=9),
    "pong": frame(b"", opcode=10),
    "compressed": frame(b"\xf2\x48\xcd\xc9\xc9\x07\x00", opcode=1, first=0xC0),
    "reserved bits and opcode": frame(b"x", opcode=7, first=0xF0),
    "close without a code": frame(b"", opcode=8),
    "close 1000": frame(b"\x03\xe8", opcode=8),
    "close 1011 with a reason": frame(b"\x03\xf3" + "größer".encode(), opcode=8),
    "close 4999": frame(b"\x13\x87bye", opcode=8),
    "not a frame at all": b"\xff\xff\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "one megabyte": frame(MEGABYTE, masked=True),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_the_client_arrive_byte_for_byte(
    front: Front, upstream: RawUpstream, name: str
) -> None:
    client, wire = tunnel(front, upstream)
    client.send(FRAMES[name])
    assert wire.read_exactly(len(FRAMES[name])) == FRAMES[name]


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_the_upstream_arrive_byte_for_byte(
    front: Front, upstream: RawUpstream, name: str
) -> None:
    client, wire = tunnel(front, upstream)
    wire.send(FRAMES[name])
    assert client.read_exactly(len(FRAMES[name])) == FRAMES[name]


def test_both_directions_run_at_once_and_byte_by_byte(front: Front, upstream: RawUpstream) -> None:
    client, wire = tunnel(front, upstream)
    for value in range(256):
        client.send(bytes([value]))
        wire.send(bytes([255 - value]))
        assert wire.read_exactly(1) == bytes([value])
        assert client.read_exactly(1) == bytes([255 - value])


def test_frames_that_come_with_the_101_are_not_lost(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = handshake(front, upstream)
    wire.send(SWITCHED, b"\r\n", FRAMES["text"])
    client.read_response_head()
    assert client.read_exactly(len(FRAMES["text"])) == FRAMES["text"]


def test_bytes_before_the_101_do_not_reach_the_upstream(
    front: Front, upstream: RawUpstream
) -> None:
    """CVE-2026-2833: bytes behind the handshake are not HTTP, and no tunnel stands yet.

    If the upstream refuses, they must never be read as a request by anybody.
    """
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    client, wire, _ = open_exchange(front, upstream, HANDSHAKE + b"\r\n" + hidden)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    assert client.read_response().body == b"no"
    assert bytes(wire.received).count(b"/smuggled") == 0
    client.close()
    _, _, seen = open_exchange(front, upstream)
    assert seen.target == b"/v1/x"


def test_bytes_before_the_101_arrive_once_the_tunnel_stands(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream, HANDSHAKE + b"\r\n" + FRAMES["text"])
    wire.send(SWITCHED, b"\r\n")
    client.read_response_head()
    assert wire.read_exactly(len(FRAMES["text"])) == FRAMES["text"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope",
    ],
)
def test_a_refused_upgrade_keeps_status_and_body(
    front: Front, upstream: RawUpstream, answer: bytes
) -> None:
    client, wire, _ = handshake(front, upstream)
    wire.send(answer)
    got = client.read_response()
    assert got.start == answer.split(b"\r\n")[0]
    assert got.body == b"nope"


def test_a_101_that_nobody_asked_for_is_a_bad_answer(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(SWITCHED, b"\r\n", b"tunnel?")
    assert client.read_response().status == 502


def test_the_end_of_the_upstream_reaches_the_client(front: Front, upstream: RawUpstream) -> None:
    client, wire = tunnel(front, upstream)
    wire.send(FRAMES["close 1000"])
    wire.close()
    assert client.read_exactly(4) == FRAMES["close 1000"]
    assert client.wait_closed() == "closed"


def test_the_end_of_the_client_reaches_the_upstream(front: Front, upstream: RawUpstream) -> None:
    client, wire = tunnel(front, upstream)
    client.send(FRAMES["close 1000"])
    client.close()
    assert wire.read_exactly(4) == FRAMES["close 1000"]
    assert wire.wait_closed() == "closed"


def test_a_client_that_only_ends_sending_still_gets_the_rest(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire = tunnel(front, upstream)
    client.end_sending()
    assert wire.read_to_end() == b""
    wire.send(FRAMES["text"])
    assert client.read_exactly(len(FRAMES["text"])) == FRAMES["text"]


def test_a_reset_of_the_upstream_ends_the_client(front: Front, upstream: RawUpstream) -> None:
    """Without a close frame this is code 1006 to every client, however the connection ends."""
    client, wire = tunnel(front, upstream)
    wire.reset()
    assert client.wait_closed() in {"closed", "reset"}


def test_a_reset_of_the_client_ends_the_upstream(front: Front, upstream: RawUpstream) -> None:
    client, wire = tunnel(front, upstream)
    client.reset()
    assert wire.wait_closed() in {"closed", "reset"}


def test_random_frames_survive_both_ways_at_once(front: Front, upstream: RawUpstream) -> None:
    client, wire = tunnel(front, upstream)
    data = os.urandom(100_000)
    for at in range(0, len(data), 10_000):
        client.send(data[at : at + 10_000])
        wire.send(data[at : at + 10_000])
    assert wire.read_exactly(len(data)) == data
    assert client.read_exactly(len(data)) == data
