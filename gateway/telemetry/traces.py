"""W3C trace context: continue the caller's trace, or start one (W3C Recommendation, level 1).

Only `traceparent` is read and rewritten; `tracestate` passes through as it came, which section 3.3
allows to a system that adds no entry of its own.
"""

from __future__ import annotations

import random
from typing import NamedTuple

_HEX = frozenset(b"0123456789abcdef")
_LENGTH = 55
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16


class TraceContext(NamedTuple):
    """The trace that an exchange belongs to.

    `trace_id` is 32 and `span_id` 16 lower-case hex digits; `sampled` is what the caller asked for.
    """

    trace_id: str
    span_id: str
    sampled: bool

    def traceparent(self) -> bytes:
        """The header value for the next hop; always version 00 (section 3.2.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}".encode()


def parse_traceparent(value: bytes | None) -> TraceContext | None:
    """The caller's context, or None where the header is absent or breaks section 3.2.2 anywhere.

    Versions above 00 are read by their first 55 characters, as section 3.2.4 asks.
    """
    if value is None or len(value) < _LENGTH:
        return None
    version, trace, span, flags = value[:2], value[3:35], value[36:52], value[53:55]
    dashes = value[2:3] + value[35:36] + value[52:53]
    if dashes != b"---" or not _HEX.issuperset(version + trace + span + flags):
        return None
    if version == b"ff" or trace == _NO_TRACE or span == _NO_SPAN:
        return None
    if len(value) > _LENGTH and (version == b"00" or value[55:56] != b"-"):
        return None
    return TraceContext(trace.decode(), span.decode(), sampled=bool(int(flags, 16) & 1))


def next_hop(value: bytes | None) -> TraceContext:
    """The context to send on: the caller's trace with a span of our own, or a new trace.

    A trace that we start is not marked as sampled: nobody asked for it to be recorded.
    """
    caller = parse_traceparent(value)
    if caller is None:
        return TraceContext(_random_hex(128), _random_hex(64), sampled=False)
    return TraceContext(caller.trace_id, _random_hex(64), caller.sampled)


def _random_hex(bits: int) -> str:
    # Not a secret, and `random` is seeded anew in every forked worker. All zeros is not valid.
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"
