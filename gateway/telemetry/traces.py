"""W3C trace context (W3C Recommendation, level 1): read for the log, passed on as it came.

An intermediary that records no span of its own leaves `traceparent` and `tracestate` alone: the id
of a span that nobody exports would break the caller's trace (docs/decisions/0003).
"""

from __future__ import annotations

_HEX = frozenset(b"0123456789abcdef")
_LENGTH = 55
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16


def trace_id(traceparent: bytes | None) -> str:
    """The trace id, 32 hex digits; empty where the field is absent or breaks section 3.2.2.

    Versions above 00 are read by their first 55 characters, as section 3.2.4 asks.
    """
    value = traceparent
    if value is None or len(value) < _LENGTH:
        return ""
    version, trace, span, flags = value[:2], value[3:35], value[36:52], value[53:55]
    dashes = value[2:3] + value[35:36] + value[52:53]
    if dashes != b"---" or not _HEX.issuperset(version + trace + span + flags):
        return ""
    if version == b"ff" or trace == _NO_TRACE or span == _NO_SPAN:
        return ""
    if len(value) > _LENGTH and (version == b"00" or value[55:56] != b"-"):
        return ""
    return trace.decode()
