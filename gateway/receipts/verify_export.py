"""Exports verified: every row by itself, the chains, the signed manifest, and the log behind it.

`check_row` looks at one row and needs nothing else, so that rows are checked by as many processes
as there are; `ExportCheck` takes what it found, in the order of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.receipts.export import csv_head
from gateway.receipts.export_rows import RowError, parse_row
from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import ProofError, leaf_hash, verify_inclusion
from gateway.receipts.note import Checkpoint
from gateway.receipts.verdict import Aspect, Finding, Report, State
from gateway.receipts.verify import check_document, check_manifest, report_on
from gateway.receipts.verify_chain import Chains, Link, note_record
from gateway.receipts.verify_log import read_checkpoint

_TOLD: Final = frozenset({"drop", "erased", "gap", "heartbeat"})
"""Kinds of control records that say something about others."""
_ERASED_MEMBERS: Final = {
    "chain_hash": str,
    "entry": str,
    "id": str,
    "origin": str,
    "seq": int,
    "tenant": str,
}


@dataclass(slots=True)
class RowResult:
    """What one row is; `record` is a control record that says something about other rows."""

    kind: str
    index: int = -1
    entry: bytes = b""
    is_authentic: bool = False
    is_proved: bool = False
    link: Link | None = None
    record: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)

    def __reduce__(self) -> tuple[type[RowResult], tuple[Any, ...]]:
        """Travels between processes by its values: several times as fast as by its state."""
        what = (self.kind, self.index, self.entry, self.is_authentic, self.is_proved)
        return RowResult, (*what, self.link, self.record, self.findings)

    def add(self, aspect: Aspect, state: State, code: str, message: str) -> None:
        """Adds a finding."""
        self.findings.append(Finding(aspect, state, code, message))


def check_row(row: bytes, ring: KeyRing, checkpoint: Checkpoint | None = None) -> RowResult:
    """All that can be said of one row by itself.

    Args:
        row: its JSON.
        ring: the pinned keys.
        checkpoint: that of the manifest, to which the row's proof leads.

    """
    try:
        parsed = parse_row(row)
        erased = None if parsed.erased is None else _erased_link(parsed.index, parsed.erased)
    except RowError as error:
        result = RowResult("unreadable")
        result.add(Aspect.INTEGRITY, State.TAMPERED, "row", str(error))
        return result
    if erased is not None:
        result = RowResult("erased", parsed.index, parsed.entry, link=erased)
    else:
        checked = check_document(parsed.data, ring)
        result = RowResult(
            "records" if checked.is_record else "receipts",
            parsed.index,
            parsed.entry,
            checked.is_authentic,
            link=Link.of(checked),
            findings=checked.findings,
        )
        if checked.is_record and checked.document.get("kind") in _TOLD:
            result.record = checked.document
        if checked.index is not None and checked.index != parsed.index:
            result.add(Aspect.INTEGRITY, State.TAMPERED, "log_index", "another index was signed")
    if parsed.proof is not None and checkpoint is not None:
        _check_inclusion(result, parsed.proof, checkpoint)
    return result


class ExportCheck:
    """Takes the rows of one export in order, and says what they come to.

    Args:
        ring: the pinned keys.
        manifest: the manifest's JSON; None where the export has none.
        leaves: the hashes of all leaves of the log from its tiles, where the log is at hand.
        tenant: the only tenant that there may be; the manifest's without it.

    """

    __slots__ = (
        "_chains",
        "_erased",
        "_erased_by_record",
        "_hash",
        "_index",
        "_is_authentic",
        "_leaves",
        "_manifest",
        "_row",
        "_unproved",
        "checkpoint",
        "report",
    )

    def __init__(
        self,
        ring: KeyRing,
        manifest: bytes | None,
        *,
        leaves: Sequence[bytes] | None = None,
        tenant: str | None = None,
    ) -> None:
        self.report = Report("export")
        self._manifest = self._read_manifest(manifest, ring)
        self._leaves = leaves
        self._index = -1
        self._row = 0
        self._is_authentic = False
        self._unproved = 0
        self._erased: list[tuple[int, bytes, str]] = []
        self._erased_by_record: dict[int, str] = {}
        query = (self._manifest or {}).get("query", {})
        form = (self._manifest or {}).get("format")
        self._hash = hashlib.sha256(csv_head() if form == "csv" else b"")
        is_complete = self._manifest is None or self._manifest.get("complete") is True
        self._chains = Chains(
            self.report, tenant=tenant or query.get("tenant"), is_contiguous=is_complete
        )
        self.checkpoint: Checkpoint | None = None
        """The manifest's, for `check_row`."""
        note = (self._manifest or {}).get("checkpoint")
        if isinstance(note, str):
            self.checkpoint = read_checkpoint(self.report, note, ring, "checkpoint")

    def hash(self, row: bytes) -> None:
        """Takes a row's bytes as the export wrote them, before the row's `take`."""
        self._hash.update(row)

    def take(self, result: RowResult) -> None:
        """Takes the next row."""
        report = self.report
        report.count(result.kind)
        self._row += 1
        where = f"row {self._row}"
        for finding in result.findings:
            report.add(finding.aspect, finding.state, finding.code, finding.message, where)
        if result.is_authentic and not self._is_authentic:
            report.passed(Aspect.AUTHENTICITY)
            self._is_authentic = True
        if result.index <= self._index:
            message = f"entry {result.index} comes after entry {self._index}"
            report.add(Aspect.INTEGRITY, State.TAMPERED, "order", message, where)
        self._index = max(self._index, result.index)
        if result.link is not None:
            self._chains.add(result.link, where)
        if result.kind == "erased":
            self._erased.append((result.index, result.entry, where))
        if result.record is not None:
            self._take_record(result.record, where)
        self._check_log(result, where)

    def end(self) -> Report:
        """The verdicts, after the last row."""
        report = self.report
        if self._row:
            report.passed(Aspect.INTEGRITY)
        self._check_erased()
        if self._unproved:
            report.counts["unproved"] = self._unproved
        if self._manifest is None:
            message = "the export has no manifest: its end may be missing"
            report.add(Aspect.COMPLETENESS, State.UNKNOWN, "no_manifest", message)
        else:
            self._check_manifest(self._manifest)
        return report

    def _take_record(self, record: Mapping[str, Any], where: str) -> None:
        note_record(self.report, record, where)
        if record["kind"] != "erased":
            return
        entries = record["detail"].get("entries")
        for item in entries if isinstance(entries, list) else ():
            if isinstance(item, dict) and type(item.get("index")) is int:
                self._erased_by_record[item["index"]] = str(item.get("entry"))

    def _check_log(self, result: RowResult, where: str) -> None:
        """That the row's entry is what the log holds, by its proof or by the log itself."""
        if self._leaves is not None and result.index >= 0:
            if result.index >= len(self._leaves):
                message = f"the log has no entry {result.index} yet"
                self.report.add(Aspect.COMPLETENESS, State.UNKNOWN, "not_logged", message, where)
            elif self._leaves[result.index] != leaf_hash(result.entry):
                message = "the log holds another entry there"
                self.report.add(Aspect.INTEGRITY, State.TAMPERED, "entry", message, where)
        elif not result.is_proved:
            self._unproved += 1

    def _check_erased(self) -> None:
        """That the signed manifest or a control record vouches for each erased receipt."""
        for index, digest, where in self._erased:
            recorded = self._erased_by_record.get(index)
            if recorded is not None and recorded != digest.hex():
                message = "the record of its erasure names another entry"
                self.report.add(Aspect.INTEGRITY, State.TAMPERED, "erased", message, where)
            elif recorded is None and self._manifest is None:
                message = "nothing signed says that the receipt was erased"
                self.report.add(Aspect.COMPLETENESS, State.UNKNOWN, "erased", message, where)

    def _check_manifest(self, manifest: Mapping[str, Any]) -> None:
        counts = self.report.counts
        rows = self._row
        count = manifest["count"]
        where = "manifest"
        if rows < count:
            message = f"{count - rows} of {count} rows are missing"
            self.report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "rows", message, where)
        elif rows > count:
            message = f"there are {rows} rows, and {count} were signed"
            self.report.add(Aspect.INTEGRITY, State.TAMPERED, "rows", message, where)
        elif self._hash.hexdigest() != manifest["rows_sha256"]:
            message = "the rows are not those that were signed"
            self.report.add(Aspect.INTEGRITY, State.TAMPERED, "rows", message, where)
        elif counts.get("erased", 0) != manifest["erased"]:
            message = "another number of rows was erased than was signed"
            self.report.add(Aspect.INTEGRITY, State.TAMPERED, "erased", message, where)
        self.report.passed(Aspect.INTEGRITY, Aspect.COMPLETENESS)

    def _read_manifest(self, data: bytes | None, ring: KeyRing) -> dict[str, Any] | None:
        if data is None:
            return None
        checked = check_manifest(data, ring)
        report_on(self.report, checked, "manifest")
        is_readable = all(f.code not in {"not_json", "structure"} for f in checked.findings)
        return checked.document if is_readable else None


def _erased_link(index: int, erased: Mapping[str, Any]) -> Link:
    """The link of an erased receipt. Raises RowError."""
    wrong = [name for name, kind in _ERASED_MEMBERS.items() if type(erased.get(name)) is not kind]
    if wrong or erased.keys() - _ERASED_MEMBERS.keys():
        raise RowError(f"the erased row is not as it must be: {', '.join(wrong) or 'members'}")
    return Link(
        erased["origin"], erased["tenant"], index, erased["seq"], None, erased["chain_hash"]
    )


def _check_inclusion(result: RowResult, proof: Sequence[bytes], checkpoint: Checkpoint) -> None:
    try:
        leaf = leaf_hash(result.entry)
        verify_inclusion(result.index, checkpoint.size, leaf, proof, checkpoint.root)
    except ProofError as error:
        result.add(Aspect.INTEGRITY, State.TAMPERED, "inclusion", str(error))
    else:
        result.is_proved = True
