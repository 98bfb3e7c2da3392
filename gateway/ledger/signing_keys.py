"""The keys that sign: one for receipts, one for the log's checkpoints, and every public key ever.

<folder>/receipts.key, log.key     32 secret bytes in hex, for this user alone (0600)
<folder>/receipts.next, log.next   a key that takes over when its rotation is in the log
<folder>/public.json               all public keys with the entries of the log they count for
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import orjson

from gateway.ledger.store import LedgerError
from gateway.ledger.tree import write_whole
from gateway.receipts.ed25519 import SEED_BYTES, SigningKey
from gateway.receipts.keys import LOG, RECEIPTS, KeyRing, PublicKey, key_document, key_from_document
from gateway.receipts.receipt import key_id_of

PURPOSES = (RECEIPTS, LOG)
PUBLIC_FILE = "public.json"


class SigningKeys:
    """The keys in one folder. Raises LedgerError where a file cannot be used."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.origin = origin

    def ensure(self, created: str) -> None:
        """Makes the folder and the keys that are missing. `created` is ISO 8601 UTC."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for purpose in PURPOSES:
            path = self._file(purpose)
            if not path.exists():
                if any(key.purpose == purpose for key in self.public_keys()):
                    raise LedgerError(
                        f"the key {path} is gone, though its public key signs this log: restore it"
                    )
                self._write_seed(path, os.urandom(SEED_BYTES))
            self._list(purpose, self.signer(purpose), created, 0)

    def signer(self, purpose: str) -> SigningKey:
        """The key that signs now."""
        return SigningKey(self._read_seed(self._file(purpose)))

    def public_keys(self) -> list[PublicKey]:
        """Every public key that ever signed, oldest first."""
        try:
            documents = orjson.loads((self.folder / PUBLIC_FILE).read_bytes())
            return [key_from_document(document) for document in documents]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise LedgerError(
                f"the list of keys {self.folder / PUBLIC_FILE} cannot be read: {error}"
            ) from None

    def ring(self) -> KeyRing:
        """The public keys, for a verifier."""
        return KeyRing(self.public_keys())

    def prepare_next(self, purpose: str) -> SigningKey:
        """Makes the key that takes over with the next rotation, or gives the one that waits."""
        path = self._file(purpose, "next")
        if not path.exists():
            self._write_seed(path, os.urandom(SEED_BYTES))
        return SigningKey(self._read_seed(path))

    def next_key_id(self, purpose: str) -> str | None:
        """The id of the key that waits to take over, if one does."""
        path = self._file(purpose, "next")
        if not path.exists():
            return None
        return key_id_of(SigningKey(self._read_seed(path)).public_key)

    def take_over(self, purpose: str, created: str, index: int) -> SigningKey:
        """Lets the prepared key sign from entry `index` of the log on."""
        waiting = self._file(purpose, "next")
        if waiting.exists():
            waiting.replace(self._file(purpose))
        signer = self.signer(purpose)
        self._list(purpose, signer, created, index)
        return signer

    def revoke(self, key_id: str, revoked_at: str, index: int) -> PublicKey:
        """Says that what a key signed from entry `index` on does not count."""
        keys = self.public_keys()
        found = [key for key in keys if key.key_id == key_id]
        if not found:
            raise LedgerError(f'there is no key "{key_id}"')
        revoked = replace(found[0], revoked_index=index, revoked_at=revoked_at)
        self._save([revoked if key.key_id == key_id else key for key in keys])
        return revoked

    def _list(self, purpose: str, signer: SigningKey, created: str, index: int) -> None:
        """Adds a key to the list, and ends the time of the one before."""
        keys = self.public_keys()
        if any(key.public_key == signer.public_key for key in keys):
            return
        ended = [
            replace(key, last_index=max(index - 1, 0))
            if key.purpose == purpose and key.last_index is None
            else key
            for key in keys
        ]
        fresh = PublicKey(
            public_key=signer.public_key,
            purpose=RECEIPTS if purpose == RECEIPTS else LOG,
            created=created,
            first_index=index,
            origin=self.origin,
        )
        self._save([*ended, fresh])

    def _save(self, keys: list[PublicKey]) -> None:
        documents = [key_document(key) for key in keys]
        data = orjson.dumps(documents, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            write_whole(self.folder / PUBLIC_FILE, data, durable=True)
        except OSError as error:
            raise LedgerError(
                f"the list of keys in {self.folder} cannot be written: {error.strerror}"
            ) from None

    def _file(self, purpose: str, ending: str = "key") -> Path:
        if purpose not in PURPOSES:
            raise LedgerError(f'a key is for "receipts" or "log", not "{purpose}"')
        return self.folder / f"{purpose}.{ending}"

    def _read_seed(self, path: Path) -> bytes:
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LedgerError(f"the key {path} cannot be read: {error}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise LedgerError(f"the key {path} can be read by others: chmod 600 {path}")
        try:
            seed = bytes.fromhex(text)
        except ValueError:
            seed = b""
        if len(seed) != SEED_BYTES:
            raise LedgerError(f"the key {path} is not 64 hexadecimal digits")
        return seed

    def _write_seed(self, path: Path, seed: bytes) -> None:
        try:
            write_whole(path, seed.hex().encode() + b"\n", durable=True, mode=0o600)
        except OSError as error:
            raise LedgerError(f"the key {path} cannot be made: {error.strerror}") from None
