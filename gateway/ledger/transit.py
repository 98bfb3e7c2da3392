"""Signs with a key in the transit engine of HashiCorp Vault (or OpenBao): it never leaves it.

    GET  /v1/MOUNT/keys/KEY   public keys by version, `latest_version`
    POST /v1/MOUNT/sign/KEY   {"batch_input": [{"input": base64}, ...], "key_version": 3}
    then                      {"data": {"batch_results": [{"signature": "vault:v3:base64"}, ...]}}

Each signature is verified here before it is used: whoever answers in Vault's place cannot make the
log sign what no verifier will take. A version is always named, so that a rotation in Vault changes
the key only where the log says so.

This blocks; it is for the sequencer's own process, for threads and for commands.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from gateway.ledger.recovery import QuarantineError
from gateway.ledger.store import LedgerAwayError, LedgerError
from gateway.ledger.vault_session import VaultSession
from gateway.receipts.ed25519 import PUBLIC_KEY_BYTES, Signer, VerifyingKey
from gateway.receipts.score import Alarm

INPUTS_MAX: Final = 2_000
INPUT_BYTES_MAX: Final = 8_388_608
"""Limits of one request; Vault takes 32 MiB (`max_request_size`). A larger batch is several."""


class TransitSource:
    """One key of the engine. `setting` is where its name stands."""

    def __init__(self, session: VaultSession, mount: str, name: str, setting: str) -> None:
        self._session = session
        self._sign_path = f"{mount}/sign/{name}"
        self._keys_path = f"{mount}/keys/{name}"
        self._what = f"{setting}: Vault's key {mount}/{name}"

    def newest(self) -> Signer:
        """The latest version. Raises LedgerError, LedgerAwayError."""
        latest, keys = self._versions()
        if latest not in keys:
            raise LedgerError(f"{self._what} does not show the public half of version {latest}")
        return self._signer(latest, keys[latest])

    def signing_as(self, public_key: bytes) -> Signer | None:
        """The version with that public half, or None. Raises LedgerError, LedgerAwayError."""
        for version, found in self._versions()[1].items():
            if found == public_key:
                return self._signer(version, found)
        return None

    def _signer(self, version: int, public_key: bytes) -> TransitSigner:
        return TransitSigner(self._session, self._sign_path, self._what, version, public_key)

    def _versions(self) -> tuple[int, dict[int, bytes]]:
        """The latest version, and every public key."""
        data = self._session.get(self._keys_path)
        if data.get("type") != "ed25519" or data.get("derived"):
            raise LedgerError(
                f"{self._what} is of the type {str(data.get('type'))[:40]}"
                f"{', derived' if data.get('derived') else ''}: make one with "
                "`vault write -f MOUNT/keys/NAME type=ed25519`"
            )
        try:
            keys = {int(v): _public_key(each["public_key"]) for v, each in data["keys"].items()}
            return int(data["latest_version"]), keys
        except (KeyError, TypeError, ValueError, AttributeError):
            raise LedgerAwayError(f"{self._what}: the answer is not one of Vault") from None


class TransitSigner:
    """One version of a key: the `Signer` of receipts or of the log."""

    def __init__(
        self, session: VaultSession, path: str, what: str, version: int, public_key: bytes
    ) -> None:
        self.public_key = public_key
        self._session = session
        self._path = path
        self._what = f"{what}, version {version}"
        self._version = version
        self._verifying = VerifyingKey(public_key)

    def sign(self, message: bytes) -> bytes:
        """The signature's 64 bytes. Raises LedgerAwayError, QuarantineError."""
        return self.sign_all([message])[0]

    def sign_all(self, messages: list[bytes]) -> list[bytes]:
        """One signature each, with one request. Raises LedgerAwayError, QuarantineError."""
        signatures: list[bytes] = []
        for part in _parts(messages):
            signatures += self._ask(part)
        for message, signature in zip(messages, signatures, strict=True):
            if not self._verifying.verify(message, signature):
                raise QuarantineError(
                    f"{self._what} gave a signature that is wrong: nothing is signed until its "
                    "cause is known; then: sealgate ledger acknowledge",
                    alarm=Alarm.SIGNATURE_FAILURE,
                    may_acknowledge=True,
                )
        return signatures

    def _ask(self, messages: list[bytes]) -> list[bytes]:
        asked = {
            "batch_input": [{"input": base64.b64encode(each).decode()} for each in messages],
            "key_version": self._version,
        }
        data = self._session.post(self._path, asked)
        results = data.get("batch_results")
        if not isinstance(results, list) or len(results) != len(messages):
            raise LedgerAwayError(f"{self._what}: the answer is not one of Vault")
        return [self._signature(each) for each in results]

    def _signature(self, result: Any) -> bytes:
        said = result.get("signature") if isinstance(result, dict) else None
        if not isinstance(said, str):
            error = result.get("error") if isinstance(result, dict) else None
            raise LedgerAwayError(f"{self._what} does not sign: {str(error)[:200]}")
        prefix = f"vault:v{self._version}:"
        try:
            # One of another version is wrong by what it says of itself, whatever it is.
            return base64.b64decode(said.removeprefix(prefix), validate=True)
        except (ValueError, binascii.Error):
            return b""


def _parts(messages: Sequence[bytes]) -> list[list[bytes]]:
    """The messages, in requests within the limits."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for message in messages:
        if parts[-1] and (len(parts[-1]) == INPUTS_MAX or size + len(message) > INPUT_BYTES_MAX):
            parts.append([])
            size = 0
        parts[-1].append(message)
        size += len(message)
    return parts


def _public_key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError("no public key of Ed25519")
    return key
