"""The part of a whole answer that its usage is read from, while the answer itself goes through.

Up to 256 KiB the answer is kept and parsed. Of a larger one only the last 64 KiB are kept: every
provider writes the usage behind the content, so that what follows the key of the usage is, with a
brace before it, JSON of its own. It parses only if the key stood at the top, which no text that a
model wrote can pretend.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

WHOLE_BYTES_MAX: Final = 262_144
TAIL_BYTES: Final = 65_536

_KEYS: Final = (b'"usage"', b'"usageMetadata"', b'"prompt_eval_count"', b'"eval_count"')
_TRIES_MAX: Final = 16


class UsageBody:
    """Collects what `read` needs; `size` counts all bytes that came."""

    __slots__ = ("_kept", "size")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the answer."""
        self.size += len(data)
        kept = self._kept
        kept += data
        if self.size > WHOLE_BYTES_MAX and len(kept) > 2 * TAIL_BYTES:
            del kept[:-TAIL_BYTES]

    def read(self) -> Any:
        """The answer parsed, or the members of its end; None where neither can be had."""
        kept = bytes(self._kept)
        if len(kept) < self.size:
            return _members_of(kept[-TAIL_BYTES:])
        try:
            return orjson.loads(kept)
        except orjson.JSONDecodeError:
            return None


def _members_of(tail: bytes) -> Any:
    """The members from the first key of a usage on that stands at the top of the answer."""
    tail = tail.rstrip()
    if tail.endswith(b"]"):  # Gemini's stream without SSE is one array
        tail = tail[:-1]
    for _ in range(_TRIES_MAX):
        start = min((at for key in _KEYS if (at := tail.find(key)) >= 0), default=-1)
        if start < 0:
            return None
        tail = tail[start:]
        try:
            return orjson.loads(b"{" + tail)
        except orjson.JSONDecodeError:
            tail = tail[1:]
    return None
