"""Amazon's binary event stream (application/vnd.amazon.eventstream), encoded and cut into frames.

A frame is: total length, header length, CRC-32 of both, headers, payload, CRC-32 of all before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

from gateway.providers.sse import EVENT_BYTES_MAX, EventTooLargeError

_STRING = 7
"""The header value type for text (the only one that Bedrock sends)."""
_FRAME_BYTES = 16
"""Both lengths and both checksums."""
_PRELUDE = struct.Struct("!III")
_CHECKSUM_BYTES = 4
_EVENT_TYPE = b":event-type"


class NotAFrameError(ValueError):
    """The bytes are no event stream, or some of it was lost: nothing after them can be cut."""


class Frame:
    """One frame: `raw` as received, `data` the payload, `name` its event type."""

    __slots__ = ("data", "name", "raw")

    def __init__(self, raw: bytes, data: bytes, name: bytes) -> None:
        self.raw = raw
        self.data: bytes | None = data
        self.name = name

    def with_data(self, data: bytes) -> bytes:
        """The frame's bytes with another payload: its headers, new lengths and checksums."""
        head = int.from_bytes(self.raw[4:8])
        return _encode(self.raw[_PRELUDE.size : _PRELUDE.size + head], data)

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<Frame {self.name!r} {len(self.raw)} bytes>"


class FrameSplitter:
    """Cuts one stream into frames; the frames' `raw` together are the bytes that went in.

    Args:
        frame_bytes_max: a longer frame raises `EventTooLargeError`.

    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, frame_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._limit = frame_bytes_max

    @property
    def pending(self) -> bytes:
        """What came of a frame that has not ended."""
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes, in order.

        Bytes that are no frame raise `NotAFrameError`, and ones that announce too long a frame
        `EventTooLargeError`, once the frames before them were given: all the rest is `pending`.
        """
        self._buffer += chunk
        frames: list[Frame] = []
        start, size = 0, len(self._buffer)
        while size - start >= _PRELUDE.size:
            total, head, checksum = _PRELUDE.unpack_from(self._buffer, start)
            sound = crc32(self._buffer[start : start + 8]) == checksum
            if not sound or total < _FRAME_BYTES + head or total > self._limit:
                if frames:
                    break
                if sound and total > self._limit:
                    raise EventTooLargeError(f"a frame is longer than {self._limit} bytes")
                raise NotAFrameError("this is no event stream")
            if size - start < total:
                break
            frames.append(_frame(bytes(self._buffer[start : start + total]), head))
            start += total
        del self._buffer[:start]
        return frames

    def finish(self) -> list[Frame]:
        """What is left at the end is no frame; it stays in `pending`."""
        return []


def _frame(raw: bytes, head: int) -> Frame:
    start = _PRELUDE.size
    data = raw[start + head : -_CHECKSUM_BYTES]
    return Frame(raw, data, _text_headers(raw[start : start + head]).get(_EVENT_TYPE, b""))


def _text_headers(encoded: bytes) -> dict[bytes, bytes]:
    """The headers up to the first that is no text."""
    found: dict[bytes, bytes] = {}
    place = 0
    while place < len(encoded):
        name_end = place + 1 + encoded[place]
        name = encoded[place + 1 : name_end]
        if encoded[name_end : name_end + 1] != bytes((_STRING,)):
            break
        size = int.from_bytes(encoded[name_end + 1 : name_end + 3])
        place = name_end + 3 + size
        found[name] = encoded[name_end + 3 : place]
    return found


def encode_frame(headers: Mapping[bytes, bytes], payload: bytes) -> bytes:
    """One frame with text headers, such as `:event-type`, and a payload."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", _STRING, len(value)) + value
        for name, value in headers.items()
    )
    return _encode(encoded, payload)


def _encode(encoded: bytes, payload: bytes) -> bytes:
    prelude = struct.pack("!II", _FRAME_BYTES + len(encoded) + len(payload), len(encoded))
    frame = prelude + struct.pack("!I", crc32(prelude)) + encoded + payload
    return frame + struct.pack("!I", crc32(frame))


def encode_event(kind: str, payload: bytes) -> bytes:
    """One event of Bedrock's streams."""
    return encode_frame(
        {
            b":event-type": kind.encode(),
            b":content-type": b"application/json",
            b":message-type": b"event",
        },
        payload,
    )
