"""Where private keys come from that the ledger does not make itself.

| reference | the key |
|---|---|
| `${NAME}` | the seed, in an environment variable |
| `file:/path` | the seed, in a file outside of the ledger's folder |
| `transit:NAME` | a key of Vault's transit engine, which signs and never shows it |

A seed is 32 bytes: 64 hexadecimal digits, or base64 in either alphabet.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from gateway.ledger.store import LedgerError
from gateway.plugin.secret import resolve_secret
from gateway.receipts.ed25519 import SEED_BYTES, Signer, SigningKey

_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?")


class KeySource(Protocol):
    """One place with one key, which may be another one tomorrow."""

    def newest(self) -> Signer:
        """The key that is there now. Raises LedgerError, LedgerAwayError."""

    def signing_as(self, public_key: bytes) -> Signer | None:
        """The key with that public half, or None. Raises LedgerError, LedgerAwayError."""


@runtime_checkable
class BatchSigner(Signer, Protocol):
    """A signer far away: one question for many signatures."""

    def sign_all(self, messages: list[bytes]) -> list[bytes]:
        """One signature each. Raises LedgerAwayError, QuarantineError."""


class SeedSource:
    """A seed in the environment or in a file. `setting` is where the reference stands."""

    def __init__(self, setting: str, reference: str) -> None:
        self._setting = setting
        self._reference = reference

    def newest(self) -> Signer:
        """The key that is there now. Raises LedgerError."""
        try:
            if self._reference.startswith("file:"):
                _check_file(Path(self._reference.removeprefix("file:")))
            return SigningKey(decode_seed(resolve_secret(self._reference)))
        except ValueError as error:
            raise LedgerError(f"{self._setting}: {error}") from None

    def signing_as(self, public_key: bytes) -> Signer | None:
        """The key with that public half, or None. Raises LedgerError."""
        found = self.newest()
        return found if found.public_key == public_key else None


def decode_seed(text: str) -> bytes:
    """The 32 bytes of a seed. Raises ValueError, which never quotes it."""
    text = text.strip()
    if _HEX.fullmatch(text) is not None:
        return bytes.fromhex(text)
    if _BASE64.fullmatch(text) is not None:
        try:
            seed = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_")[:43] + "=")
        except binascii.Error:
            seed = b""
        if len(seed) == SEED_BYTES:
            return seed
    raise ValueError(
        "the key is no seed of Ed25519: 32 bytes as 64 hexadecimal digits or in base64, as "
        "`openssl rand -hex 32` makes one"
    )


def _check_file(path: Path) -> None:
    """Refuses a key that any user can read. A group may: Kubernetes mounts secrets so."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueError(f"the key {path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o007:
        raise ValueError(
            f"the key {path} can be used by every user of this machine: chmod 600 {path}, or "
            "defaultMode: 0440 for a secret of Kubernetes"
        )
