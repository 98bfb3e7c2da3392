"""The frames of a journal: how one record stands in a file, and how a damaged file is read.

    length  u32, big-endian: bytes of the payload
    crc     u32, big-endian: CRC-32 (ISO-HDLC, as zlib's) of the payload
    payload a JSON object whose first member is `t`

No I/O here. The length bounds what a damaged field can make a reader believe.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

try:
    from gateway.ledger import _frames

    NATIVE = True
except ImportError:  # not compiled, or the processor has no instruction for CRC-32
    NATIVE = False

HEADER: Final = struct.Struct(">II")
HEADER_BYTES: Final = 8
PAYLOAD_BYTES_MAX: Final = 1_048_576
"""A larger record is refused by the writer, so a larger length is damage."""
START: Final = b'{"t":"'
"""How every payload begins; where a reader looks for the next frame after damage."""


class Scan(NamedTuple):
    """What a stretch of a journal holds, from its first byte on.

    `payloads` are whole and checked. `taken` bytes are accounted for: read, `damaged`, or `torn`
    (the beginning of one frame at the very end). `waiting` bytes follow that may be a frame of
    which more is to come.
    """

    payloads: list[bytes]
    damaged: int
    taken: int
    waiting: int
    torn: int = 0


def header_of(payload: bytes) -> bytes:
    """What stands before a payload in its frame. Raises ValueError for one over the limit."""
    length = len(payload)
    if length > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a record of {length} bytes is over {PAYLOAD_BYTES_MAX}")
    if NATIVE:
        return _frames.header(payload)
    return HEADER.pack(length, zlib.crc32(payload))


def pack(payload: bytes) -> bytes:
    """One frame. Raises ValueError for a payload over the limit."""
    return header_of(payload) + payload


def scan(data: bytes, *, final: bool) -> Scan:
    """Reads frames up to the first byte that is none.

    1. A whole frame whose checksum holds is a payload.
    2. A frame of which bytes are missing at the end of `data` is waited for, unless `final`.
    3. A frame that is wrong and has others behind it is damage; reading goes on at the next one.
    4. A frame that is wrong at the end is waited for, unless `final`, as a file system may show a
       write in parts. Then the beginning of a frame is torn: a process that is killed while it
       writes leaves it (the kernel stops between pages), and nothing was promised for it. All else
       is damage.
    """
    payloads: list[bytes] = []
    damaged = torn = 0
    at, size = 0, len(data)
    while at < size:
        payload = _frame_at(data, at)
        if payload is not None:
            payloads.append(payload)
            at += HEADER_BYTES + len(payload)
            continue
        following = _next_frame(data, at + 1)
        if following < 0:
            if not final:
                break
            following = size
            if _begins_frame(data, at):
                torn = size - at
                at = size
                break
        damaged += following - at
        at = following
    return Scan(payloads, damaged, at, size - at, torn)


def _frame_at(data: bytes, at: int) -> bytes | None:
    """The payload of a whole and sound frame at `at`, or None."""
    if len(data) - at < HEADER_BYTES:
        return None
    length, crc = HEADER.unpack_from(data, at)
    start = at + HEADER_BYTES
    if not 0 < length <= PAYLOAD_BYTES_MAX or len(data) - start < length:
        return None
    payload = data[start : start + length]
    return payload if zlib.crc32(payload) == crc else None


def _begins_frame(data: bytes, at: int) -> bool:
    """Whether the rest of `data` can be a frame of which the end is missing."""
    rest = len(data) - at
    if rest < HEADER_BYTES:
        return True
    length, _ = HEADER.unpack_from(data, at)
    start = data[at + HEADER_BYTES : at + HEADER_BYTES + len(START)]
    in_bounds = rest - HEADER_BYTES < length <= PAYLOAD_BYTES_MAX
    return in_bounds and START.startswith(start)


def _next_frame(data: bytes, at: int) -> int:
    """Where the next sound frame begins at or after `at`; -1 for nowhere."""
    found = data.find(START, at + HEADER_BYTES)
    while found >= 0:
        if _frame_at(data, found - HEADER_BYTES) is not None:
            return found - HEADER_BYTES
        found = data.find(START, found + 1)
    return -1
