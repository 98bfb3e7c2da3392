"""Signatures that come later: a mark stands for each until the whole batch is signed at once.

A mark is 64 random bytes, as long as a signature: nobody can have put it into a receipt before, so
its one place in the receipt's bytes is that of the signature.
"""

from __future__ import annotations

import os

from gateway.ledger.key_sources import BatchSigner
from gateway.receipts.ed25519 import SIGNATURE_BYTES


class Deferred:
    """The signer of one batch."""

    def __init__(self, signer: BatchSigner) -> None:
        self.public_key = signer.public_key
        self._signer = signer
        self._messages: dict[bytes, bytes] = {}

    def sign(self, message: bytes) -> bytes:
        """The mark of a signature to come."""
        mark = os.urandom(SIGNATURE_BYTES)
        self._messages[mark] = message
        return mark

    def settle(self, marks: list[bytes]) -> list[bytes]:
        """The signatures of these marks. Raises LedgerAwayError, QuarantineError."""
        return self._signer.sign_all([self._messages[mark] for mark in marks]) if marks else []
