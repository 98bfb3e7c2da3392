"""The logs of several nodes followed as one: each checkpoint seen, and that it continues the last.

An aggregate is a log of its own, with a checkpoint and tiles. Its entries are documents:

| member | what |
|---|---|
| `v` | 1 |
| `kind` | `step`, `fault` or `restored`: see below |
| `origin` | the node's log |
| `from` | the size in its step before; 0 for the first |
| `checkpoint` | what the node signed, verbatim |
| `proof` | that it continues the step before: the hashes of RFC 6962 section 2.1.2 in base64 |
| `at` | when it was seen, ISO 8601 UTC |

A `step` continues the node's step before, as its proof shows. A `fault` does not: the two signed
checkpoints are the evidence. `restored` does not either, and an operator said that the log goes on
from a backup. What nodes signed stands beside each proof, so nobody has to believe the aggregator.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.receipts.canonical import CanonicalError, canonical, parse
from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import ProofError, consistency_proof
from gateway.receipts.note import Checkpoint, NoteError, UnknownSignerError
from gateway.receipts.proof import parse_hashes
from gateway.receipts.tiles import ENTRIES_LEVEL, TILE_WIDTH, Tile, TileReader, decode_entries
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify_log import Fetch, check_consistency, verify_log

STEP: Final = "step"
FAULT: Final = "fault"
RESTORED: Final = "restored"
_MEMBERS: Final = {
    "at": str,
    "checkpoint": str,
    "from": int,
    "kind": str,
    "origin": str,
    "proof": list,
    "v": int,
}


@dataclass(slots=True)
class Nodes:
    """Where the log of each node stands: its last checkpoint that continued the one before."""

    heads: dict[str, Checkpoint] = field(default_factory=dict)
    faulty: dict[str, str] = field(default_factory=dict)
    """The checkpoint that contradicts the head of a node."""

    def observe(
        self, note: str, fetch: Fetch, ring: KeyRing, report: Report, *, at: str, restored: bool
    ) -> bytes | None:
        """The entry that a node's checkpoint calls for, or None; it is not taken yet.

        Args:
            note: what the node published now.
            fetch: gives the tiles of its log.
            ring: the pinned keys of the nodes' logs.
            report: takes what was found.
            at: the time, ISO 8601 UTC.
            restored: an operator says that this log goes on from a backup.

        """
        checkpoint = _opened(note, ring, report, "checkpoint")
        if checkpoint is None:
            return None
        origin = checkpoint.origin
        head = self.heads.get(origin)
        if head is not None and (head.size, head.root) == (checkpoint.size, checkpoint.root):
            report.passed(Aspect.INTEGRITY, Aspect.COMPLETENESS)
            return None
        proof: list[bytes] = []
        if head is not None and 0 < head.size < checkpoint.size:
            try:
                reader = TileReader(fetch, checkpoint.size)
                proof = consistency_proof(head.size, checkpoint.size, reader)
            except (LookupError, ValueError) as error:
                report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "tiles", str(error), origin)
                return None
        step = _step(head, checkpoint, proof)
        kind = FAULT if step.exit_code else STEP
        if kind == FAULT and restored:
            kind, proof = RESTORED, []
            _tell_restored(report, checkpoint, "")
        else:
            report.include(step, origin)
        if kind == FAULT and self.faulty.get(origin) == note:
            return None
        return _entry(kind, checkpoint, note, head.size if head else 0, proof, at)

    def take(self, entry: bytes, ring: KeyRing, report: Report, where: str) -> dict[str, Any]:
        """Checks an entry of the aggregate, and goes on from it; its members, none where unread."""
        document = _read(entry, report, where)
        if document is None:
            return {}
        checkpoint = _opened(document["checkpoint"], ring, report, where)
        if checkpoint is None:
            return document
        origin, kind = checkpoint.origin, document["kind"]
        head = self.heads.get(origin)
        told = (document["origin"], document["from"])
        if told != (origin, head.size if head else 0):
            message = "the entry does not say which step of which log it follows"
            report.add(Aspect.INTEGRITY, State.TAMPERED, "aggregate", message, where)
            return document
        report.count(f"{kind}s" if kind != RESTORED else RESTORED)
        if kind == RESTORED:
            _tell_restored(report, checkpoint, where)
        else:
            step = _step(head, checkpoint, parse_hashes(document["proof"]))
            report.include(step, f"{where}, {origin}")
            if step.exit_code:
                self.faulty[origin] = document["checkpoint"]
                return document
        self.heads[origin] = checkpoint
        self.faulty.pop(origin, None)
        return document


def verify_aggregate(note: str, fetch: Fetch, ring: KeyRing) -> tuple[Report, Nodes, str]:
    """The verdicts over an aggregate, where the nodes stand, and when the last entry was made.

    Args:
        note: the aggregate's checkpoint.
        fetch: gives its tiles and bundles of entries.
        ring: the pinned keys of the aggregate and of the nodes' logs.

    """
    report, leaves = verify_log(note, fetch, ring)
    report.kind = "aggregate"
    if report.counts.get("entries", 0) != len(leaves):
        message = "entries are missing"
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "entries", message)
    nodes, at = Nodes(), ""
    for index, entry in enumerate(entries_of(len(leaves), fetch)):
        at = nodes.take(entry, ring, report, f"entry {index}").get("at", at)
    report.counts["nodes"] = len(nodes.heads)
    return report, nodes, at


def entries_of(size: int, fetch: Fetch) -> list[bytes]:
    """The entries of a log from its bundles; fewer where one is missing or cut."""
    entries: list[bytes] = []
    while len(entries) < size:
        width = min(TILE_WIDTH, size - len(entries))
        try:
            bundle = decode_entries(fetch(Tile(ENTRIES_LEVEL, len(entries) // TILE_WIDTH, width)))
        except (LookupError, ValueError):
            break
        if len(bundle) < width:
            break
        entries += bundle[:width]
    return entries


def _step(head: Checkpoint | None, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Report:
    """Whether a checkpoint continues the one before."""
    found = Report("step")
    if head is None:
        found.passed(Aspect.INTEGRITY)
    else:
        check_consistency(found, head, checkpoint, lambda: proof)
    return found


def _tell_restored(report: Report, checkpoint: Checkpoint, where: str) -> None:
    message = f"{checkpoint.origin} went on from a backup with {checkpoint.size} entries"
    report.add(Aspect.COMPLETENESS, State.INCOMPLETE, RESTORED, message, where)


def _opened(note: str, ring: KeyRing, report: Report, where: str) -> Checkpoint | None:
    """A checkpoint that a pinned key signed; nothing rests on any other."""
    try:
        checkpoint = ring.open_checkpoint(note)
    except NoteError as error:
        unknown = isinstance(error, UnknownSignerError)
        state = State.UNKNOWN if unknown else State.TAMPERED
        report.add(Aspect.AUTHENTICITY, state, "checkpoint", str(error), where)
        return None
    report.passed(Aspect.AUTHENTICITY)
    return checkpoint


def _entry(  # noqa: PLR0917  # the members in order
    kind: str, checkpoint: Checkpoint, note: str, size_before: int, proof: Sequence[bytes], at: str
) -> bytes:
    return canonical(
        {
            "v": 1,
            "kind": kind,
            "origin": checkpoint.origin,
            "from": size_before,
            "checkpoint": note,
            "proof": [base64.b64encode(item).decode() for item in proof],
            "at": at,
        }
    )


def _read(entry: bytes, report: Report, where: str) -> dict[str, Any] | None:
    wrong = "the members are not those of an entry"
    document: Any = None
    try:
        document = parse(entry)
        parse_hashes(document["proof"])
        if {name: type(value) for name, value in document.items()} == _MEMBERS:
            wrong = ""
            if document["v"] != 1 or document["kind"] not in {STEP, FAULT, RESTORED}:
                wrong = "the entry is of an unknown version or kind"
    except (CanonicalError, ProofError, TypeError, KeyError, AttributeError) as error:
        wrong = str(error) or wrong
    if wrong:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "aggregate", wrong, where)
        return None
    found: dict[str, Any] | None = document
    return found
