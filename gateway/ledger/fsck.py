"""Checks a whole ledger: the tree, the files, every chain, every body that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.ledger.bodies import LockedError, unpack
from gateway.ledger.recovery import QuarantineError, rebuild, recover
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.store import ERASED, PRESENT, Head, Reader, Record, State
from gateway.ledger.subject_keys import SubjectKeys
from gateway.ledger.tree import LogFiles, LogTree
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import entry
from gateway.receipts.note import NoteKey
from gateway.receipts.receipt import GENESIS, Forms, signed_bytes
from gateway.receipts.tiles import TILE_WIDTH, Tile, tiles_for

FINDINGS_MAX = 100
"""Findings that are listed; further ones are counted."""
_AT_ONCE = 1_000


@dataclass
class Report:
    """What a check found; `findings` empty where all is well."""

    entries: int = 0
    root: str = ""
    verified: int = 0
    erased: int = 0
    expired: int = 0
    tenants: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    findings_more: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(self, finding: str) -> None:
        """Lists one fault."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.findings_more += 1


def check(
    ledger: Reader, subjects: SubjectKeys, ring: KeyRing, origin: str, folder: Path | None
) -> Report:
    """Checks everything that can be recomputed. Raises LedgerAwayError.

    `folder` has the kept checkpoint and the tiles; None leaves them out.
    """
    report = Report()
    state = ledger.state()
    report.entries, report.root = state.size, state.root.hex()
    if isinstance(ledger, SqliteLedger) and (damage := ledger.integrity()):
        report.add(f"SQLite: {damage}")
    if folder is None:
        _check_root(ledger, state, report)
    else:
        _check_files(ledger, state, LogFiles(folder), ring.log_keys(origin), report)
    checker = _Checker(subjects, ring, report)
    for start in range(0, state.size, _AT_ONCE):
        part = list(ledger.scan(start, min(start + _AT_ONCE, state.size)))
        bodies = ledger.bodies(record.log_index for record in part)
        for record in part:
            checker.check(record, bodies.get(record.log_index))
    report.tenants = len(checker.heads)
    report.kinds = dict(sorted(checker.kinds.items()))
    _check_counts(state, checker.kinds, report)
    return report


def _check_root(ledger: Reader, state: State, report: Report) -> None:
    tree, _ = rebuild(ledger, state.size, 0)
    if state.size and tree.root() != state.root:
        report.add("the root is not that of the entries")


def _check_files(
    ledger: Reader, state: State, files: LogFiles, log_keys: list[NoteKey], report: Report
) -> None:
    """Root, checkpoints and tiles."""
    try:
        recover(ledger, files, log_keys, repair=False)
    except QuarantineError as error:
        report.add(str(error))
        return
    for tile, expected in _tiles(ledger, state.size):
        try:
            if files.read_tile(tile) != expected:
                report.add(f"{tile.path} is not what its entries say")
        except LookupError:
            # A log that grew meanwhile has a wider one in its place.
            if tile.width == TILE_WIDTH or ledger.state().size == state.size:
                report.add(f"{tile.path} is missing")


def _tiles(ledger: Reader, size: int) -> Iterator[tuple[Tile, bytes]]:
    """Every tile that a log of this size has published."""
    tree = LogTree()
    for start in range(0, size, TILE_WIDTH):
        data = ledger.entries(start, min(start + TILE_WIDTH, size))
        for at in range(0, len(data), 32):
            tree.append(data[at : at + 32])
        for (level, index), tile in tree.finished.items():
            yield Tile(level, index), tile
        tree.finished.clear()
    for last in tiles_for(size):
        if last.width < TILE_WIDTH:
            yield last, tree.tile(last)


def _check_counts(state: State, kinds: Counter[str], report: Report) -> None:
    counters = orjson.loads(state.counters)
    for kind, counted in (("exchange", "closed"), ("interrupted", "interrupted")):
        if counters and kinds[kind] > counters[counted]:
            report.add(
                f"{kinds[kind]} records of kind {kind}, but {counters[counted]} were counted"
            )


class _Checker:
    """Record after record, in the order of the log."""

    def __init__(self, subjects: SubjectKeys, ring: KeyRing, report: Report) -> None:
        self.heads: dict[str, Head] = {}
        self.kinds: Counter[str] = Counter()
        self._subjects = subjects
        self._ring = ring
        self._report = report
        self._next = 0

    def check(self, record: Record, body: bytes | None) -> None:
        """One record, and its body where there is one."""
        self.kinds[record.kind] += 1
        if record.log_index != self._next:
            self._report.add(f"entry {self._next} is missing")
        self._next = record.log_index + 1
        previous = self._follow_chain(record) if record.seq else ""
        if record.gone != PRESENT:
            if record.gone == ERASED:
                self._report.erased += 1
            else:
                self._report.expired += 1
            return
        fault = self._fault(record, body, previous)
        if fault:
            self._report.add(f"entry {record.log_index} ({record.kind}, {record.ref}): {fault}")
        else:
            self._report.verified += 1

    def _follow_chain(self, record: Record) -> str:
        """The chain hash before the record."""
        head = self.heads.get(record.tenant, Head(0, b""))
        if record.seq != head.seq + 1:
            self._report.add(f"chain of {record.tenant}: {head.seq} is followed by {record.seq}")
        self.heads[record.tenant] = Head(record.seq, record.chain_hash)
        return head.chain_hash.hex() if head.seq else GENESIS

    def _fault(self, record: Record, body: bytes | None, previous: str) -> str:
        """What is wrong with a record, or an empty text."""
        if body is None:
            return "its body is missing"
        try:
            opened = unpack(body, self._subjects.key(record.subject))
            document = orjson.loads(opened.receipt)
        except (LockedError, ValueError) as error:
            return str(error)
        if entry(salt(opened.secret, ENTRY_LABEL), opened.receipt) != record.entry:
            return "it is not what the log committed to"
        if record.seq and (fault := _chain_fault(record, document, previous)):
            return fault
        return self._signature_fault(record, document)

    def _signature_fault(self, record: Record, document: dict[str, Any]) -> str:
        named = document["signature"]["key_version"]
        key = self._ring.find(named)
        if key is None:
            return f"it is signed by {named}, a key that is not known"
        if (fault := key.fault_at(record.log_index)) is not None:
            return fault
        signature = bytes.fromhex(document["signature"]["value"])
        if not self._ring.verifying(key).verify(signed_bytes(document), signature):
            return "its signature is wrong"
        return ""


def _chain_fault(record: Record, receipt: dict[str, Any], previous: str) -> str:
    forms = Forms(receipt, receipt["chain"])
    if not forms.id == receipt["id"] == record.receipt_id.hex():
        return "its id is wrong"
    if not forms.chain_hash == receipt["chain"]["chain_hash"] == record.chain_hash.hex():
        return "its chain hash is wrong"
    if receipt["chain"]["previous_hash"] != previous:
        return "it does not follow the receipt before it"
    return ""
