"""Public keys and their history: found by id, valid for a range of log indices, published for ever.

A log of years is verified with the keys of years. So no public key is ever dropped: each says from
which index on it signs, up to which one it did, and whether it was revoked (then what it signed
from `revoked_index` on is not to be trusted, however right the signature).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.receipts.ed25519 import VerifyingKey, check_public_key
from gateway.receipts.multibase import multikey_encode
from gateway.receipts.note import (
    Checkpoint,
    NoteError,
    NoteKey,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_note,
)
from gateway.receipts.receipt import key_id_of

Purpose = Literal["receipts", "log"]
RECEIPTS: Final = "receipts"
LOG: Final = "log"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key and when it counts.

    Args:
        public_key: 32 bytes. Raises InvalidKeyError for one that may not be used.
        purpose: `receipts` (receipts, records, manifests) or `log` (checkpoints); never both.
        created: ISO 8601 UTC; "" where it is not known, as for a key that was pinned by hand.
        first_index: the first entry of the log that it may have signed.
        last_index: the last one; None while it signs.
        revoked_index: from this entry on nothing that it signed counts; None where it is not
        revoked. revoked_at: when that was said.
        origin: the log whose receipts or checkpoints it signs; "" for any.

    """

    public_key: bytes
    purpose: Purpose = "receipts"
    created: str = ""
    first_index: int = 0
    last_index: int | None = None
    revoked_index: int | None = None
    revoked_at: str | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        check_public_key(self.public_key)

    @property
    def key_id(self) -> str:
        """How receipts name it."""
        return key_id_of(self.public_key)

    @property
    def did(self) -> str:
        """The key as a did:key."""
        return f"did:key:{multikey_encode(self.public_key)}"

    def fault_at(self, index: int | None) -> str | None:
        """Why the key does not count for the entry at `index`, or None where it does."""
        if index is None:
            return None if self.revoked_index is None else "the key was revoked"
        if self.revoked_index is not None and index >= self.revoked_index:
            return f"the key was revoked from entry {self.revoked_index} on"
        if index < self.first_index:
            return f"the key signs from entry {self.first_index} on"
        if self.last_index is not None and index > self.last_index:
            return f"the key signed up to entry {self.last_index}"
        return None


class KeyRing:
    """The public keys that a verifier trusts: pinned, never taken from what is verified."""

    __slots__ = ("_by_id", "_verifying", "keys")

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self.keys: tuple[PublicKey, ...] = tuple(keys)
        self._by_id = {key.key_id: key for key in self.keys if key.purpose == RECEIPTS}
        self._verifying: dict[str, VerifyingKey] = {}

    def __bool__(self) -> bool:
        return bool(self.keys)

    def find(self, key_id: str) -> PublicKey | None:
        """The key of receipts with that id."""
        return self._by_id.get(key_id)

    def receipt_keys(self) -> list[PublicKey]:
        """The keys of receipts."""
        return list(self._by_id.values())

    def verifying(self, key: PublicKey) -> VerifyingKey:
        """The key made ready once, for many signatures."""
        ready = self._verifying.get(key.key_id)
        if ready is None:
            ready = self._verifying[key.key_id] = VerifyingKey(key.public_key)
        return ready

    def log_keys(self, origin: str, *, any_origin: bool = False) -> list[NoteKey]:
        """The keys that may sign the checkpoints of a log. Raises NoteError for no name of a log.

        `any_origin`: a log's key signs the tree of a `.sonate` manifest too, under another name.
        """
        return [
            NoteKey(origin, key.public_key)
            for key in self.keys
            if key.purpose == LOG and (any_origin or key.origin in {"", origin})
        ]

    def open_checkpoint(self, note: str | bytes) -> Checkpoint:
        """A checkpoint that a pinned key of its log signed while that key counted.

        Raises UnknownSignerError where no pinned key signed it, NoteError where it is wrong, or
        where the key was revoked or replaced before the log had that size.
        """
        stated = parse_checkpoint(parse_note(note).text)
        checkpoint = open_checkpoint(note, self.log_keys(stated.origin))
        signers = {key.public_key for key in open_note(note, self.log_keys(stated.origin))[1]}
        faults = [
            key.fault_at(max(checkpoint.size - 1, 0))
            for key in self.keys
            if key.purpose == LOG and key.public_key in signers
        ]
        if all(faults):
            raise NoteError(f"the log's key does not count: {faults[0]}")
        return checkpoint


def key_document(key: PublicKey) -> dict[str, Any]:
    """One key as `sonate-keys.json` lists it; absent values are left out."""
    document: dict[str, Any] = {
        "id": key.key_id,
        "publicKey": key.public_key.hex(),
        "algorithm": "Ed25519",
        "purpose": key.purpose,
        "created": key.created,
        "firstIndex": key.first_index,
        "lastIndex": key.last_index,
        "revokedIndex": key.revoked_index,
        "revokedAt": key.revoked_at,
        "origin": key.origin,
    }
    return {name: value for name, value in document.items() if value not in {None, ""}}


def key_from_document(document: Mapping[str, Any]) -> PublicKey:
    """The key of such a document. Raises ValueError, InvalidKeyError among them."""
    try:
        public_key = bytes.fromhex(document["publicKey"])
    except (KeyError, TypeError, ValueError):
        raise ValueError("a key has no `publicKey` in hex") from None
    purpose = document.get("purpose", RECEIPTS)
    if purpose not in {RECEIPTS, LOG}:
        raise ValueError(f"a key's purpose is `receipts` or `log`, not {purpose!r}")
    key = PublicKey(
        public_key,
        purpose,
        _text(document, "created") or "",
        _index(document, "firstIndex") or 0,
        _index(document, "lastIndex"),
        _index(document, "revokedIndex"),
        _text(document, "revokedAt"),
        _text(document, "origin") or "",
    )
    stated = document.get("id", key.key_id)
    # Other issuers name their keys freely; a name in our form has to be that of the key.
    if len(str(stated)) == len(key.key_id) and stated != key.key_id:
        raise ValueError(f"the key's id is {stated}, but the key's own is {key.key_id}")
    return key


def _index(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{name} of a key is an index of the log")
    return value


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} of a key is a text")
    return value
