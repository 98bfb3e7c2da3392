"""A batch in the making: drafts become signed receipts with their places in log and chains.

Nothing here is in force until the batch is committed; a batch that is not leaves no trace.

A key in this process signs each receipt as it comes. One far away signs the whole batch at once,
when it is finished: chains and places do not depend on signatures, only the log's entries do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from gateway.ledger.bodies import SECRET_BYTES, pack
from gateway.ledger.deferred import Deferred
from gateway.ledger.key_sources import BatchSigner
from gateway.ledger.store import Batch, Head, Ledger, Opened, Record
from gateway.ledger.subject_keys import SubjectKeys
from gateway.ledger.tree import LogTree
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.ed25519 import Signer
from gateway.receipts.merkle import entry
from gateway.receipts.note import Checkpoint, sign_note
from gateway.receipts.receipt import GENESIS, Place, Sealed, key_id_of, seal
from gateway.receipts.record import seal_record

SESSION_BYTES = 16
SEVERITY_LOSS = 2
"""Severity of records that tell of something lost: red, as alerts count."""
SEVERITY_MAX = 3
STATUS_MAX = 999
TEXT_MAX = 1_024
CONTROL_RETENTION = "control"
_SEVERITIES = {"gap": SEVERITY_LOSS, "drop": SEVERITY_LOSS, "restored": SEVERITY_MAX}
ALARMING = "alarm"
"""The member of an `audit` record that names what it raises; such a record is critical."""


class Counters(NamedTuple):
    """Exchanges since the log began; `opened` is the sum of the others and of those that run."""

    opened: int = 0
    closed: int = 0
    interrupted: int = 0
    dropped: int = 0
    gaps: int = 0


class Identity(NamedTuple):
    """Who writes the log: its name, and the node.

    `index_key` hashes sessions, so that they can be looked up and not be read.
    """

    origin: str
    node: str
    index_key: bytes


class Signers(NamedTuple):
    """The keys in force."""

    receipts: Signer
    log: Signer


class Draft(NamedTuple):
    """What a worker wrote of one exchange."""

    ref: str
    receipt: dict[str, Any]
    private: Mapping[str, Any]

    @property
    def sealgate(self) -> dict[str, Any]:
        """Our part of the metadata."""
        found: dict[str, Any] = self.receipt["metadata"]["sealgate"]
        return found


class _Unsigned(NamedTuple):
    """A sealed record whose signature is a mark; `key` locks its body."""

    mark: bytes
    data: bytes
    secret: bytes
    key: bytes | None


def iso_ms(ms: int) -> str:
    """Milliseconds since 1970 as receipts write a time."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def sign_checkpoint(origin: str, signer: Signer, tree: LogTree) -> bytes:
    """The head of the log as a note signed by the log's key."""
    checkpoint = Checkpoint(origin, tree.size, tree.root())
    return sign_note(checkpoint.text, origin, signer).encode()


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of a time in ISO 8601. Raises ValueError, TypeError."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def session_hash(index_key: bytes, tenant: str, session: str) -> bytes:
    """How the ledger knows a session; empty for none."""
    if not session:
        return b""
    text = f"{tenant}\0{session}".encode()
    return hashlib.blake2b(text, key=index_key, digest_size=SESSION_BYTES).digest()


class BatchMaker:
    """Gathers one batch on top of what is committed."""

    def __init__(
        self,
        ledger: Ledger,
        subjects: SubjectKeys,
        identity: Identity,
        signers: Signers,
        *,
        tree: LogTree,
        heads: Mapping[str, Head],
        counters: Counters,
        number: int,
        epoch: int,
        wall_ms: Callable[[], int],
    ) -> None:
        self.tree = tree.copy()
        self.first = tree.size
        self.heads: dict[str, Head] = {}
        self.opened: dict[str, Opened] = {}
        self.refs: set[str] = set()
        self.counters = counters
        self.records: list[Record] = []
        self.at_ms = wall_ms()
        self._bodies: list[bytes] = []
        self._unsigned: list[_Unsigned] = []
        self._ledger = ledger
        self._subjects = subjects
        self._deferred = (
            Deferred(signers.receipts) if isinstance(signers.receipts, BatchSigner) else None
        )
        self._signer = self._deferred or signers.receipts
        self._log_signer = signers.log
        self._identity = identity
        self._known_heads = heads
        self._number = number
        self._epoch = epoch
        self._key_id = key_id_of(signers.receipts.public_key)
        self._signed_at = iso_ms(self.at_ms)

    @property
    def next_index(self) -> int:
        """The place of the next entry."""
        return self.first + len(self.records)

    def count(
        self,
        *,
        opened: int = 0,
        closed: int = 0,
        interrupted: int = 0,
        dropped: int = 0,
        gaps: int = 0,
    ) -> None:
        """Adds to the counters."""
        was = self.counters
        self.counters = Counters(
            was.opened + opened,
            was.closed + closed,
            was.interrupted + interrupted,
            was.dropped + dropped,
            was.gaps + gaps,
        )

    def add_receipt(self, draft: Draft, kind: str) -> None:
        """Seals a draft. Raises ValueError, KeyError, TypeError for one that is none."""
        sealgate = draft.sealgate
        tenant = _text(sealgate["tenant"])
        secret = _secret(draft)
        # Whatever may be wrong with a draft shows before anything is added.
        at_ms = milliseconds(draft.receipt["timestamp"])
        severity = _number(sealgate.get("severity"), SEVERITY_MAX)
        status = _number(sealgate.get("status"), STATUS_MAX)
        session = session_hash(self._identity.index_key, tenant, draft.receipt["session_id"])
        head = self._head(tenant)
        previous = head.chain_hash.hex() if head.seq else GENESIS
        place = Place(self._identity.origin, self.next_index, head.seq + 1, previous)
        sealed = seal(draft.receipt, place, self._signer, self._signed_at, self._key_id)
        subject, key = self._subject(draft)
        chain_hash = bytes.fromhex(sealed.receipt["chain"]["chain_hash"])
        record = Record(
            log_index=place.index,
            ref=_text(draft.ref),
            kind=kind,
            tenant=tenant,
            seq=place.seq,
            receipt_id=bytes.fromhex(sealed.receipt["id"]),
            chain_hash=chain_hash,
            entry=b"",
            at_ms=at_ms,
            severity=severity,
            status=status,
            session=session,
            subject=subject,
            retention=_text(draft.private.get("retention") or "default"),
        )
        self._add(record, sealed, secret, key)
        self.heads[tenant] = Head(place.seq, chain_hash)

    def add_control(
        self,
        kind: str,
        detail: Mapping[str, Any],
        *,
        ref: str = "",
        timestamp: str | None = None,
        tenant: str = "",
    ) -> None:
        """Signs a control record. Raises ValueError for one that is none."""
        index = self.next_index
        ref, tenant = _text(ref), _text(tenant)
        at_ms = self.at_ms if timestamp is None else milliseconds(timestamp)
        sealed = seal_record(
            kind,
            detail,
            origin=self._identity.origin,
            index=index,
            node=self._identity.node,
            epoch=self._epoch,
            signer=self._signer,
            signed_at=self._signed_at,
            timestamp=timestamp,
        )
        secret = os.urandom(SECRET_BYTES)
        record = Record(
            log_index=index,
            ref=ref or f"{kind}-{self._epoch}-{index}",
            kind=kind,
            tenant=tenant,
            seq=0,
            receipt_id=b"",
            chain_hash=b"",
            entry=b"",
            at_ms=at_ms,
            severity=_severity(kind, detail),
            status=0,
            session=b"",
            subject=0,
            retention=CONTROL_RETENTION,
        )
        self._add(record, sealed, secret, None)

    def open(self, draft: Draft, stream: str) -> None:
        """Remembers an exchange that began, until its end comes. Raises ValueError, KeyError."""
        _text(draft.sealgate["tenant"])
        secret = _secret(draft)
        subject, key = self._subject(draft)
        body = pack(secret, _encoded(draft), key)
        self.opened[draft.ref] = Opened(_text(draft.ref), stream, subject, body)

    def finish(self, positions: str, counters: str) -> Batch:
        """The batch, with its checkpoint signed by the log's key.

        Raises LedgerAwayError, QuarantineError where a key far away does not sign.
        """
        self._sign_waiting()
        return Batch(
            number=self._number,
            epoch=self._epoch,
            first=self.first,
            records=self.records,
            bodies=self._bodies,
            opened=[each for each in self.opened.values() if each.ref not in self.refs],
            size=self.tree.size,
            root=self.tree.root(),
            checkpoint=sign_checkpoint(self._identity.origin, self._log_signer, self.tree),
            positions=positions,
            counters=counters,
            at_ms=self.at_ms,
        )

    def _add(self, record: Record, sealed: Sealed, secret: bytes, key: bytes | None) -> None:
        self.refs.add(record.ref)
        if self._deferred is None:
            self.records.append(self._placed(record, sealed.data, secret, key))
        else:
            self.records.append(record)
            mark = bytes.fromhex(sealed.receipt["signature"]["value"])
            self._unsigned.append(_Unsigned(mark, sealed.data, secret, key))

    def _placed(self, record: Record, data: bytes, secret: bytes, key: bytes | None) -> Record:
        """The record with its entry, made from its signed bytes; in the order of the log."""
        digest = entry(salt(secret, ENTRY_LABEL), data)
        self._bodies.append(pack(secret, data, key))
        self.tree.append(digest)
        return record._replace(
            entry=digest, receipt_id=record.receipt_id or hashlib.sha256(data).digest()
        )

    def _sign_waiting(self) -> None:
        if self._deferred is None:
            return
        signatures = self._deferred.settle([each.mark for each in self._unsigned])
        for at, (each, signature) in enumerate(zip(self._unsigned, signatures, strict=True)):
            data = each.data.replace(each.mark.hex().encode(), signature.hex().encode())
            self.records[at] = self._placed(self.records[at], data, each.secret, each.key)
        self._unsigned.clear()

    def _subject(self, draft: Draft) -> tuple[int, bytes | None]:
        subject = draft.private.get("subject")
        return self._subjects.for_subject(_text(subject)) if subject else (0, None)

    def _head(self, tenant: str) -> Head:
        head = self.heads.get(tenant) or self._known_heads.get(tenant) or self._ledger.head(tenant)
        return head or Head(0, b"")


def _severity(kind: str, detail: Mapping[str, Any]) -> int:
    """How loud a control record is: a loss is red, a rollback and what raises an alarm critical."""
    if kind == "audit" and detail.get(ALARMING):
        return SEVERITY_MAX
    return _SEVERITIES.get(kind, 0)


def _encoded(draft: Draft) -> bytes:
    """A draft as it waits for its end."""
    return orjson.dumps({"draft": draft.receipt, "private": dict(draft.private)})


def _secret(draft: Draft) -> bytes:
    secret = bytes.fromhex(draft.private["k"])
    if len(secret) != SECRET_BYTES:
        raise ValueError("the secret of the commitments has 32 bytes")
    return secret


def _number(value: Any, largest: int) -> int:
    """A small number, 0 where it is absent; what no column holds must not reach the database."""
    number = int(value or 0)
    if not 0 <= number <= largest:
        raise ValueError(f"a number up to {largest} is wanted here")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is wanted here")
    if "\0" in value or len(value) > TEXT_MAX:
        raise ValueError("a short text without NUL is wanted here")
    return value
