"""Request ids: unique over workers and restarts, and cheap."""

from __future__ import annotations

import secrets
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_PREFIX_CHARACTERS: Final = 16
CLIENT_ID_BYTES_MAX: Final = 128


class RequestIds:
    """Ids of 26 characters of base 32 without i, l, o, u: 16 random per worker, 10 counted.

    The random part has 80 bits, so two workers never meet; the count holds 2**50 requests.
    Must be made after the fork, or two workers share a prefix.
    """

    __slots__ = ("_count", "_head", "_prefix")

    def __init__(self) -> None:
        self._prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_CHARACTERS))
        self._count = 0
        self._head = ""

    def next(self) -> str:
        count = self._count
        self._count = count + 1
        low = count & 1023
        if not low:
            high = count >> 10
            pairs = (_PAIRS[(high >> shift) & 1023] for shift in (30, 20, 10, 0))
            self._head = self._prefix + "".join(pairs)
        return self._head + _PAIRS[low]


def loggable_id(value: bytes | None) -> str:
    """A client's own request id as it may stand in logs, or nothing where it may not."""
    if value is None or not 0 < len(value) <= CLIENT_ID_BYTES_MAX:
        return ""
    text = value.decode("latin-1")
    return text if text.isascii() and text.isprintable() and " " not in text else ""
