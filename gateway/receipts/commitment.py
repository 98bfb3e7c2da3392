"""Salted commitments to bodies: they prove what a body was to who holds it, and tell nobody else.

Per exchange one random secret of 32 bytes; each body has a salt of its own derived from it, so that
handing one salt over opens one body. Who holds salt and body checks with `cat salt body |
sha256sum`. A body without a salt could be found by guessing, where it is short.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

try:
    from gateway.receipts import _commitment

    NATIVE = True
except ImportError:  # not compiled, or the processor has no instructions for SHA-256
    NATIVE = False

SECRET_BYTES: Final = 32
LABELS: Final = (
    "request_received",
    "request_forwarded",
    "response_received",
    "response_returned",
)
"""The four points where a body is seen; `entry` is the salt of the whole receipt in the log."""
ENTRY_LABEL: Final = "entry"
SAME: Final = "same"
"""Stands for a commitment where nothing was changed since the point before."""
NATIVE_BYTES_MAX: Final = 16_384
"""What is longer goes to hashlib, which lets other threads run meanwhile."""
_BLOCK_BYTES: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


def salt(secret: bytes, label: str) -> bytes:
    """The salt of one body: HMAC-SHA256(secret, label) (RFC 2104), 32 bytes.

    By two plain hashes, because OpenSSL looks its HMAC up anew for each: three times the cost.
    """
    if len(secret) > _BLOCK_BYTES:
        return hmac.digest(secret, label.encode(), "sha256")
    if NATIVE:
        return _commitment.salt(secret, label)
    key = secret.ljust(_BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(key.translate(_INNER) + label.encode()).digest()
    return hashlib.sha256(key.translate(_OUTER) + inner).digest()


def commit(salt_bytes: bytes, body: bytes) -> str:
    """SHA-256(salt || body) in hex; the body without its content coding."""
    return hashlib.sha256(salt_bytes + body).hexdigest()


def commit_with(secret: bytes, label: str, body: bytes) -> str:
    """`commit` with the salt of this body; without one where there is no secret."""
    if NATIVE and len(body) <= NATIVE_BYTES_MAX and len(secret) <= _BLOCK_BYTES:
        return _commitment.commit(secret, label, body)
    return commit(salt(secret, label) if secret else b"", body)


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    if NATIVE and len(data) <= NATIVE_BYTES_MAX:
        return _commitment.digest(data)
    return hashlib.sha256(data).hexdigest()


class Commitment:
    """A commitment to a body that comes in pieces; each is hashed as it passes."""

    __slots__ = ("_hash", "update")

    def __init__(self, salt_bytes: bytes = b"") -> None:
        self._hash = hashlib.sha256(salt_bytes)
        self.update = self._hash.update
        """Takes the next piece."""

    def hexdigest(self) -> str:
        """The commitment to all that came so far."""
        return self._hash.hexdigest()


def opens(commitment: str, salt_bytes: bytes, body: bytes) -> bool:
    """Whether salt and body are what was committed to."""
    return hmac.compare_digest(commitment, commit(salt_bytes, body))
