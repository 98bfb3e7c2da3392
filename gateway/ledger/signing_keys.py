"""The keys that sign: one for receipts, one for the log's checkpoints, and every public key ever.

<folder>/receipts.key, log.key     32 secret bytes in hex, for this user alone (0600)
<folder>/receipts.next, log.next   a key that takes over when its rotation is in the log
<folder>/public.json               all public keys with the entries of the log they count for

Of a private key that is elsewhere (`key_sources`), only the public half is here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from gateway.ledger.key_sources import KeySource
from gateway.ledger.store import LedgerAwayError, LedgerError
from gateway.ledger.tree import write_whole
from gateway.receipts.ed25519 import SEED_BYTES, Signer, SigningKey
from gateway.receipts.keys import LOG, RECEIPTS, KeyRing, PublicKey, key_document, key_from_document
from gateway.receipts.receipt import key_id_of

PURPOSES = (RECEIPTS, LOG)
PUBLIC_FILE = "public.json"


class SigningKeys:
    """The keys of one log; `sources` has those that are not in its folder, by purpose.

    Raises LedgerError where a key cannot be used, LedgerAwayError where Vault does not answer.
    """

    def __init__(
        self, folder: Path, origin: str, sources: Mapping[str, KeySource] | None = None
    ) -> None:
        self.folder = folder
        self.origin = origin
        self._sources = sources or {}
        self.own = [purpose for purpose in PURPOSES if purpose not in self._sources]
        self.outside = [purpose for purpose in PURPOSES if purpose in self._sources]

    def ensure(self, created: str, purposes: Iterable[str] = PURPOSES) -> None:
        """Makes the folder and the keys that are missing, and lists the first key of each purpose.

        `created` is ISO 8601 UTC.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for purpose in purposes:
            path = self._file(purpose)
            if purpose in self.own and not path.exists():
                if self.current(purpose) is not None:
                    raise LedgerError(
                        f"the key {path} is gone, though its public key signs this log: restore "
                        f"it, or say in ledger.keys.{purpose} where the key is"
                    )
                self._write_seed(path, os.urandom(SEED_BYTES))
            if self.current(purpose) is None:
                self.adopt(purpose, self.newest(purpose), created, 0)

    def signer(self, purpose: str) -> Signer:
        """The key that signs now."""
        source = self._sources.get(purpose)
        if source is None:
            return SigningKey(self._read_seed(self._file(purpose)))
        current = self.current(purpose)
        found = source.signing_as(current.public_key) if current is not None else None
        if found is None:
            raise LedgerAwayError(
                f"the key of ledger.keys.{purpose} is another one than the log's: the sequencer "
                "lets it take over"
            )
        return found

    def newest(self, purpose: str) -> Signer:
        """The key that is at its place now, whether or not it signs yet."""
        source = self._sources.get(purpose)
        return self.signer(purpose) if source is None else source.newest()

    def current(self, purpose: str) -> PublicKey | None:
        """The public half of the key that signs now; None before the first one."""
        for key in reversed(self.public_keys()):
            if key.purpose == purpose and key.last_index is None:
                return key
        return None

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

    def take_over(self, purpose: str, created: str, index: int) -> Signer:
        """Lets the prepared key sign from entry `index` of the log on."""
        waiting = self._file(purpose, "next")
        if waiting.exists():
            waiting.replace(self._file(purpose))
        signer = self.signer(purpose)
        self.adopt(purpose, signer, created, index)
        return signer

    def checked(self, purpose: str, signer: Signer, created: str = "", index: int = 0) -> PublicKey:
        """The public half of a key that is to take over. Raises LedgerError for a used one."""
        for key in self.public_keys():
            if key.public_key != signer.public_key:
                continue
            used = (
                f"it signs for the purpose `{key.purpose}`"
                if key.purpose != purpose
                else f"it signed up to entry {key.last_index} and was replaced"
            )
            raise LedgerError(
                f"the key {key.key_id} cannot sign for the purpose `{purpose}`: {used}; make a "
                f"fresh one and name it in ledger.keys.{purpose}"
            )
        return PublicKey(
            public_key=signer.public_key,
            purpose=RECEIPTS if purpose == RECEIPTS else LOG,
            created=created,
            first_index=index,
            origin=self.origin,
        )

    def adopt(self, purpose: str, signer: Signer, created: str, index: int) -> None:
        """Puts a key into the list from entry `index` on, and ends the time of the one before."""
        current = self.current(purpose)
        if current is not None and current.public_key == signer.public_key:
            return
        fresh = self.checked(purpose, signer, created, index)
        ended = [
            replace(key, last_index=max(index - 1, 0))
            if key.purpose == purpose and key.last_index is None
            else key
            for key in self.public_keys()
        ]
        self._save([*ended, fresh])

    def revoke(self, key_id: str, revoked_at: str, index: int) -> PublicKey:
        """Says that what a key signed from entry `index` on does not count."""
        keys = self.public_keys()
        found = [key for key in keys if key.key_id == key_id]
        if not found:
            raise LedgerError(f'there is no key "{key_id}"')
        revoked = replace(found[0], revoked_index=index, revoked_at=revoked_at)
        self._save([revoked if key.key_id == key_id else key for key in keys])
        return revoked

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
