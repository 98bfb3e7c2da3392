"""Amazon's binary event stream, encoded (application/vnd.amazon.eventstream).

A frame is: total length, header length, CRC-32 of both, headers, payload, CRC-32 of all before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

_STRING = 7
"""The header value type for text (the only one that Bedrock sends)."""
_FRAME_BYTES = 16
"""Both lengths and both checksums."""


def encode_frame(headers: Mapping[bytes, bytes], payload: bytes) -> bytes:
    """One frame with text headers, such as `:event-type`, and a payload."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", _STRING, len(value)) + value
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", _FRAME_BYTES + len(encoded) + len(payload), len(encoded))
    frame = prelude + struct.pack("!I", crc32(prelude)) + encoded + payload
    return frame + struct.pack("!I", crc32(frame))
