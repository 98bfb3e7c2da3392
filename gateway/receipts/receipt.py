"""The native receipt, SONATE v2.2.0: how a draft becomes one, and the hashes that anybody
recomputes.

A receipt is sealed in this order:

1. `id` = SHA-256 of the canonical receipt without `id` and `signature`, with an empty `chain_hash`.
2. `chain.chain_hash` = SHA-256 of the same with `id`, followed by `previous_hash` as text.
3. `signature.value` = Ed25519 over the canonical receipt with both, without `signature`.

A signature cannot cover its own block, so what that block says (`key_version`, `timestamp_signed`)
and what the published verifiers do not look at (`chain_length`) stands in `metadata.sealgate` as
well, under the signature: `key_id`, `signed_at`, `seq`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gateway.receipts.canonical import canonical_parsed, check, unchecked
from gateway.receipts.ed25519 import Signer

VERSION: Final = "2.2.0"
GENESIS: Final = "GENESIS"
"""`chain.previous_hash` of the first receipt of a tenant."""
ALGORITHM: Final = "Ed25519"
MODES: Final = ("constitutional", "directive")
DID_PREFIX: Final = "did:sonate:"
EMPTY_TEXT_HASH: Final = hashlib.sha256(b"").hexdigest()
"""The hash of an absent text."""

REQUIRED: Final = frozenset(
    {"agent_did", "human_did", "interaction", "metadata", "mode", "session_id", "timestamp"}
)
OPTIONAL: Final = frozenset({"policy_state", "policy_version", "telemetry"})
"""Members of a draft; `id`, `version`, `chain` and `signature` come with the seal."""

KEYS_REMEMBERED: Final = 256
_KEY_ID_CHARACTERS: Final = 16
_DRAFT_MEMBERS: Final = REQUIRED | OPTIONAL
_SEALED: Final = frozenset({"chain", "id", "signature"})
_CUTS: Final = ("chain", "id", "signature")
"""Where the members that others depend on stand among the rest, in the order of names."""
_CHAIN: Final = b'"chain":'
_CHAIN_START: Final = _CHAIN + b'{"chain_hash":"'


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sequencer puts a receipt.

    `origin` and `index` are the log's name and the entry's number in it, from 0; `seq` counts the
    tenant's receipts from 1, and `previous_hash` is the chain hash of the tenant's receipt before.
    """

    origin: str
    index: int
    seq: int
    previous_hash: str = GENESIS


class Sealed(NamedTuple):
    """A receipt, and its canonical bytes: what is stored, and what the log's entry commits to."""

    receipt: dict[str, Any]
    data: bytes


@lru_cache(KEYS_REMEMBERED)
def key_id_of(public_key: bytes) -> str:
    """The name of a key of receipts: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_CHARACTERS]


def did(name: str) -> str:
    """A DID as it is; any other name with our prefix."""
    return name if name.startswith("did:") else DID_PREFIX + name


def text_hash(text: str | None) -> str:
    """SHA-256 of a text's UTF-8 bytes in hex, without quotes; an absent text is no bytes."""
    return hashlib.sha256((text or "").encode()).hexdigest()


def seal(
    draft: Mapping[str, Any],
    place: Place,
    signer: Signer,
    signed_at: str,
    key_id: str | None = None,
) -> Sealed:
    """A draft made a receipt: placed, hashed, chained and signed.

    Args:
        draft: everything but `id`, `chain` and `signature`; `version` is added. `metadata.sealgate`
            is there, without what `place` and the signature say. It is not changed. It came out of
            JSON, so that no null was a NaN.
        place: the receipt's place in the log and in its tenant's chain.
        signer: who signs.
        signed_at: ISO 8601 UTC with milliseconds.
        key_id: `key_id_of(signer.public_key)`, for a caller who keeps it.

    Raises CanonicalError for a draft outside of the canonical subset, ValueError for one with other
    members than `REQUIRED` and `OPTIONAL`.

    """
    if not draft.keys() <= _DRAFT_MEMBERS or not draft.keys() >= REQUIRED:
        wrong = sorted(draft.keys() ^ REQUIRED - OPTIONAL)
        raise ValueError(f"a draft lacks or has too much: {', '.join(wrong)}")
    key_id = key_id or key_id_of(signer.public_key)
    receipt = _placed(draft, place, signed_at, key_id)
    chain = {"chain_hash": "", "chain_length": place.seq, "previous_hash": place.previous_hash}
    forms = Forms(receipt, chain, unchecked)
    message = forms.signed(forms.chain_hash)
    check(message, receipt)
    receipt["id"] = forms.id
    receipt["chain"] = {**chain, "chain_hash": forms.chain_hash}
    signature = signature_block(signer, message, key_id, signed_at)
    receipt["signature"] = signature
    return Sealed(receipt, forms.whole(forms.chain_hash, signature))


class Forms:
    """The canonical forms of one receipt, which share most of their bytes: each is written once.

    Members sort as agent_did < chain < human_did < id < interaction ... < signature < telemetry ...
    and inside of `chain`, `chain_hash` comes first.

    Args:
        receipt: the receipt. Its `id`, `chain` and `signature`, if it has them, are not looked at.
        chain: what stands at `chain`. Its `chain_hash` is not looked at.
        write: the canonical writer; `jcs` for a document outside of our subset.

    Raises CanonicalError.

    """

    __slots__ = ("_after", "_before", "_rest", "_tail", "_write", "chain_hash", "id")

    def __init__(
        self,
        receipt: Mapping[str, Any],
        chain: Mapping[str, Any],
        write: Callable[[Any], bytes] = canonical_parsed,
    ) -> None:
        parts: tuple[dict[str, Any], ...] = ({}, {}, {}, {})
        for name, value in receipt.items():
            if name not in _SEALED:
                parts[bisect_left(_CUTS, name)][name] = value
        self._write = write
        head, human, self._rest, self._tail = [write(part)[1:-1] if part else b"" for part in parts]
        # What stands before the chain hash, and between it and `id`.
        self._before = b"{%b%b" % (head + b"," if head else b"", _CHAIN_START)
        after_hash = write({**chain, "chain_hash": ""})[len(_CHAIN_START) - len(_CHAIN) :]
        self._after = b"%b,%b" % (after_hash, human + b"," if human else b"")
        open_chain = self._before_id("")
        rest = b",".join(filter(None, (self._rest, self._tail))) + b"}"
        self.id = hashlib.sha256(open_chain + rest).hexdigest()
        """The `id` that the receipt must have."""
        previous = str(chain.get("previous_hash")).encode()
        named = b'%b"id":"%b",%b%b' % (open_chain, self.id.encode(), rest, previous)
        self.chain_hash = hashlib.sha256(named).hexdigest()
        """The `chain.chain_hash` that it must have, given that id."""

    def signed(self, chain_hash: str) -> bytes:
        """What the signature is over."""
        return self._joined(chain_hash, b"")

    def whole(self, chain_hash: str, signature: Mapping[str, Any]) -> bytes:
        """The whole receipt."""
        return self._joined(chain_hash, b'"signature":' + self._write(signature))

    def _before_id(self, chain_hash: str) -> bytes:
        return self._before + chain_hash.encode() + self._after

    def _joined(self, chain_hash: str, signature: bytes) -> bytes:
        own_id = b'"id":"%b"' % self.id.encode()
        members = filter(None, (own_id, self._rest, signature, self._tail))
        return self._before_id(chain_hash) + b",".join(members) + b"}"


def signature_block(signer: Signer, message: bytes, key_id: str, signed_at: str) -> dict[str, str]:
    """The member `signature` over the canonical bytes of a document without it."""
    return {
        "algorithm": ALGORITHM,
        "key_version": key_id,
        "public_key": signer.public_key.hex(),
        "timestamp_signed": signed_at,
        "value": signer.sign(message).hex(),
    }


def signed_bytes(receipt: Mapping[str, Any]) -> bytes:
    """What the signature of a receipt is over. Raises CanonicalError."""
    return canonical_parsed({k: v for k, v in receipt.items() if k != "signature"})


def _placed(draft: Mapping[str, Any], place: Place, signed_at: str, key_id: str) -> dict[str, Any]:
    metadata = draft["metadata"]
    sealgate = {
        **metadata["sealgate"],
        "key_id": key_id,
        "log": {"origin": place.origin, "index": place.index},
        "seq": place.seq,
        "signed_at": signed_at,
    }
    return {**draft, "version": VERSION, "metadata": {**metadata, "sealgate": sealgate}}
