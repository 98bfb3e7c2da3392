"""What is done to evidence, and the verdict that it gets: one table for each kind of evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import leaf_hash
from gateway.receipts.note import Checkpoint, sign_checkpoint
from gateway.receipts.receipt import Place, seal
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify_chain import verify_chain
from gateway.receipts.verify_export import ExportCheck, check_row
from gateway.receipts.verify_log import verify_continues, verify_log
from tests.receipt_samples import (
    LOG_KEY,
    ORIGIN,
    OTHER_KEY,
    RECEIPT_KEY,
    RING,
    WHEN,
    Log,
    a_log,
    draft,
)

INTEGRITY, COMPLETENESS = Aspect.INTEGRITY, Aspect.COMPLETENESS
AUTHENTICITY = Aspect.AUTHENTICITY
VALID, TAMPERED = State.VALID, State.TAMPERED
INCOMPLETE, UNKNOWN = State.INCOMPLETE, State.UNKNOWN

Documents = list[bytes]


def forked(documents: Documents) -> Documents:
    """Two receipts with number 3, both signed, as two sequencers would write."""
    second, third = a_log(3).sealed[1:]
    place = Place(ORIGIN, 2, 3, second.receipt["chain"]["chain_hash"])
    other = seal(draft(99), place, RECEIPT_KEY, WHEN)
    assert third.data == documents[2]
    return [*documents[:3], other.data, *documents[3:]]


def rechained(documents: Documents) -> Documents:
    """The third was replaced by another one, signed, that follows what it should."""
    return [d for i, d in enumerate(forked(documents)) if i != 2]


def with_other_tenant(documents: Documents) -> Documents:
    other = a_log(5, ["rival"]).sealed[2].data
    return [*documents[:2], other, *documents[3:]]


def with_tenant_edited(documents: Documents) -> Documents:
    return [
        d.replace(b'"tenant":"acme"', b'"tenant":"evil"') if i == 2 else d
        for i, d in enumerate(documents)
    ]


@dataclass(frozen=True)
class Case:
    """What is done, and the verdicts; what is not named is valid."""

    name: str
    act: Callable[[Documents], Documents]
    codes: set[str]
    states: dict[Aspect, State] = field(default_factory=dict)
    exit_code: int = 1

    def __str__(self) -> str:
        return self.name


CHAINS = [
    Case("nothing", lambda d: d, set(), {}, 0),
    Case("the first dropped", lambda d: d[1:], {"missing"}, {COMPLETENESS: INCOMPLETE}, 2),
    Case(
        "a middle one dropped", lambda d: d[:2] + d[3:], {"missing"}, {COMPLETENESS: INCOMPLETE}, 2
    ),
    Case("the last dropped", lambda d: d[:-1], {"missing"}, {COMPLETENESS: INCOMPLETE}, 2),
    Case(
        "all dropped",
        lambda d: d[:0],
        {"missing"},
        {COMPLETENESS: INCOMPLETE, INTEGRITY: State.UNCHECKED, AUTHENTICITY: State.UNCHECKED},
        2,
    ),
    Case(
        "two swapped",
        lambda d: [d[0], d[2], d[1], *d[3:]],
        {"missing", "order"},
        {INTEGRITY: TAMPERED, COMPLETENESS: INCOMPLETE},
    ),
    Case(
        "one replayed at once", lambda d: [*d[:3], d[2], *d[3:]], {"replay"}, {INTEGRITY: TAMPERED}
    ),
    Case("one replayed later", lambda d: [*d, d[1]], {"order"}, {INTEGRITY: TAMPERED}),
    Case(
        "another tenant's put in",
        with_other_tenant,
        {"tenant", "missing"},
        {INTEGRITY: TAMPERED, COMPLETENESS: INCOMPLETE},
    ),
    Case(
        "the tenant edited",
        with_tenant_edited,
        {"id", "chain_hash", "signature", "tenant", "missing"},
        {INTEGRITY: TAMPERED, AUTHENTICITY: TAMPERED, COMPLETENESS: INCOMPLETE},
    ),
    Case("the chain forked", forked, {"fork"}, {INTEGRITY: TAMPERED}),
    Case("one replaced by another signed one", rechained, {"fork"}, {INTEGRITY: TAMPERED}),
]


@pytest.mark.parametrize("case", CHAINS, ids=str)
def test_a_chain_gets_its_verdict(case: Case) -> None:
    log = a_log(5)
    heads = {"acme": log.heads["acme"]}
    documents = case.act([sealed.data for sealed in log.sealed])

    check(case, verify_chain(documents, RING, tenant="acme", heads=heads))


def check(case: Case, report: Report) -> None:
    expected = dict.fromkeys((INTEGRITY, AUTHENTICITY, COMPLETENESS), VALID) | case.states
    assert case.codes == {finding.code for finding in report.findings}, str(report)
    assert expected == {aspect: report.states[aspect] for aspect in expected}, str(report)
    assert case.exit_code == report.exit_code


def test_the_end_of_a_chain_is_missed_only_by_who_knows_its_head() -> None:
    """A chain alone cannot show it; the log, an export's manifest or a head from elsewhere can."""
    documents = [sealed.data for sealed in a_log(5).sealed]

    assert verify_chain(documents[:4], RING).exit_code == 0


def test_chains_of_several_tenants_run_side_by_side() -> None:
    log = a_log(9, ["a", "b", "c"])

    assert verify_chain([sealed.data for sealed in log.sealed], RING).exit_code == 0


# Logs: what stands in the folder, and the checkpoint that the verifier saw before.


def grown(log: Log) -> tuple[str, Log, str]:
    before = log.checkpoint()
    for number in range(3):
        log.add(100 + number)
    return before, log, log.checkpoint()


def old_backup(log: Log) -> tuple[str, Log, str]:
    """The database of before came back, and the log goes on from there."""
    seen = grown(a_log(300))[2]
    return seen, log, log.checkpoint()


def other_history(log: Log) -> tuple[str, Log, str]:
    """As long as the one that was seen, and longer; but what was seen is not in it."""
    seen = log.checkpoint()
    other = Log()
    for number in range(310):
        other.add(number + (number == 7))
    return seen, other, other.checkpoint()


def same_size(log: Log) -> tuple[str, Log, str]:
    seen = log.checkpoint()
    other = Log()
    for number in range(300):
        other.add(number + 1)
    return seen, other, other.checkpoint()


def other_signer(log: Log) -> tuple[str, Log, str]:
    return log.checkpoint(), log, log.checkpoint(key=OTHER_KEY)


def other_root(log: Log) -> tuple[str, Log, str]:
    note = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), LOG_KEY)
    return log.checkpoint(), log, note


def damaged(
    path: str, edit: Callable[[bytes], bytes | None]
) -> Callable[[Log], tuple[str, Log, str]]:
    def act(log: Log) -> tuple[str, Log, str]:
        log.publish()
        data = edit(log.tiles[path])
        if data is None:
            del log.tiles[path]
        else:
            log.tiles[path] = data
        return log.checkpoint(), log, log.checkpoint()

    return act


LOGS: list[
    tuple[str, Callable[[Log], tuple[str, Log, str]], set[str], dict[Aspect, State], int]
] = [
    ("it grew", grown, set(), {}, 0),
    ("an older backup restored", old_backup, {"rollback"}, {INTEGRITY: TAMPERED}, 1),
    ("history rewritten", other_history, {"rewritten"}, {INTEGRITY: TAMPERED}, 1),
    ("forked at one size", same_size, {"fork"}, {INTEGRITY: TAMPERED}, 1),
    ("somebody else's checkpoint", other_signer, {"checkpoint"}, {AUTHENTICITY: UNKNOWN}, 2),
    ("another root signed", other_root, {"root", "fork"}, {INTEGRITY: TAMPERED}, 1),
    (
        "an entry changed",
        damaged("tile/entries/000", lambda d: d[:9] + b"!" + d[10:]),
        {"entries"},
        {INTEGRITY: TAMPERED},
        1,
    ),
    (
        "a bundle gone",
        damaged("tile/entries/000", lambda _: None),
        {"entries"},
        {COMPLETENESS: INCOMPLETE, INTEGRITY: VALID},
        2,
    ),
    (
        "a bundle cut",
        damaged("tile/entries/001.p/44", lambda d: d[:-34]),
        {"entries"},
        {COMPLETENESS: INCOMPLETE, INTEGRITY: VALID},
        2,
    ),
    (
        "a tile changed",
        damaged("tile/0/000", lambda d: b"!" + d[1:]),
        {"root", "tiles", "entries"},
        {INTEGRITY: TAMPERED},
        1,
    ),
    (
        "another tile changed",
        damaged("tile/1/000.p/1", lambda d: b"!" + d[1:]),
        {"tiles"},
        {INTEGRITY: TAMPERED},
        1,
    ),
    (
        "leaves gone",
        damaged("tile/0/000", lambda _: None),
        {"tiles"},
        {COMPLETENESS: INCOMPLETE, INTEGRITY: VALID},
        2,
    ),
    (
        "a tile gone",
        damaged("tile/1/000.p/1", lambda _: None),
        {"tiles"},
        {COMPLETENESS: INCOMPLETE},
        2,
    ),
]


@pytest.mark.parametrize(
    ("name", "act", "codes", "states", "exit_code"),
    LOGS,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_log_gets_its_verdict(
    name: str,
    act: Callable[[Log], tuple[str, Log, str]],
    codes: set[str],
    states: dict[Aspect, State],
    exit_code: int,
) -> None:
    known, log, note = act(a_log(300))
    report, _ = verify_log(note, log.fetch, RING, known=known)

    check(Case(name, lambda d: d, codes, states, exit_code), report)


@pytest.mark.parametrize(
    ("act", "code"),
    [(grown, None), (old_backup, "rollback"), (other_history, "rewritten"), (same_size, "fork")],
)
def test_two_checkpoints_tell_a_continued_log_from_a_rewritten_one(
    act: Callable[[Log], tuple[str, Log, str]], code: str | None
) -> None:
    older, log, newer = act(a_log(300))
    report = verify_continues(older, newer, RING, fetch=log.fetch)

    assert [finding.code for finding in report.findings] == ([code] if code else [])
    assert report.exit_code == (1 if code else 0)


# Exports: rows and manifest.

Rows = list[bytes]


def run(
    rows: Sequence[bytes], manifest: bytes | None, ring: KeyRing = RING, **options: Any
) -> Report:
    export = ExportCheck(ring, manifest, **options)
    for row in rows:
        export.hash(row + b"\n")
        export.take(check_row(row, ring, export.checkpoint))
    return export.end()


def with_salt_changed(rows: Rows) -> Rows:
    at = rows[2].rindex(b'"salt":"') + 8
    byte = b"0" if rows[2][at : at + 1] != b"0" else b"1"
    return [*rows[:2], rows[2][:at] + byte + rows[2][at + 1 :], *rows[3:]]


def with_row_edited(rows: Rows) -> Rows:
    return [*rows[:2], rows[2].replace(b'"status":200', b'"status":500'), *rows[3:]]


def with_another(rows: Rows) -> Rows:
    log = a_log(7)
    return [*rows, log.export()[0][6]]


EXPORTS = [
    Case("nothing", lambda r: r, set(), {}, 0),
    Case("the first dropped", lambda r: r[1:], {"rows"}, {COMPLETENESS: INCOMPLETE}, 2),
    Case(
        "a middle one dropped",
        lambda r: r[:2] + r[3:],
        {"missing", "rows"},
        {COMPLETENESS: INCOMPLETE},
        2,
    ),
    Case("the last dropped", lambda r: r[:-1], {"rows"}, {COMPLETENESS: INCOMPLETE}, 2),
    Case(
        "two swapped",
        lambda r: [r[0], r[2], r[1], *r[3:]],
        {"missing", "order", "rows"},
        {INTEGRITY: TAMPERED, COMPLETENESS: INCOMPLETE},
    ),
    Case(
        "one replayed",
        lambda r: [*r[:3], r[2], *r[3:]],
        {"replay", "order", "rows"},
        {INTEGRITY: TAMPERED},
    ),
    Case(
        "one edited",
        with_row_edited,
        {"id", "chain_hash", "signature", "inclusion", "rows"},
        {INTEGRITY: TAMPERED, AUTHENTICITY: TAMPERED},
    ),
    Case("one salt edited", with_salt_changed, {"inclusion", "rows"}, {INTEGRITY: TAMPERED}),
    Case("one added", with_another, {"inclusion", "rows"}, {INTEGRITY: TAMPERED}),
]


@pytest.mark.parametrize("case", EXPORTS, ids=str)
def test_an_export_gets_its_verdict(case: Case) -> None:
    rows, manifest = a_log(6).export()

    check(case, run(case.act(rows), manifest))


def test_an_export_is_checked_against_the_log_itself() -> None:
    log = a_log(6)
    rows, manifest = log.export(proofs=False)
    leaves = [leaf_hash(item) for item in log.entries]
    changed = [*leaves[:3], bytes(32), *leaves[4:]]

    assert run(rows, manifest, leaves=leaves).exit_code == 0
    assert run(rows, manifest, leaves=changed).exit_code == 1
    assert run(rows, manifest, leaves=leaves[:4]).exit_code == 2
    assert run(rows, manifest).counts["unproved"] == 6


@pytest.mark.parametrize(
    "name", [b"count", b"complete", b"rows_sha256", b"query", b"format", b"erased"]
)
def test_a_manifest_that_was_edited_is_detected(name: bytes) -> None:
    rows, manifest = a_log(3).export()
    at = manifest.index(b'"' + name + b'":') + len(name) + 3
    edits = {b"t": b"false", b"3": b"2", b"0": b"1", b'"': b'"0', b"{": b'{"x":1,'}
    start = manifest[at : at + 1]
    rest = manifest[at + 4 :] if start == b"t" else manifest[at + 1 :]

    assert run(rows, manifest[:at] + edits[start] + rest).exit_code == 1


def test_an_export_without_manifest_may_end_anywhere() -> None:
    rows, _ = a_log(6).export()
    report = run(rows, None)

    assert report.states[COMPLETENESS] == UNKNOWN
    assert report.exit_code == 2


def test_an_erased_receipt_reads_erased_and_the_rest_verifies() -> None:
    rows, manifest = a_log(6).export(erased=[2, 5])
    report = run(rows, manifest)

    assert report.exit_code == 0, str(report)
    assert report.counts == {"receipts": 4, "erased": 2}


def test_an_erasure_that_nothing_signed_vouches_for_is_unknown() -> None:
    rows, _ = a_log(6).export(erased=[2])
    report = run(rows, None)

    assert "erased" in {finding.code for finding in report.findings}
    assert report.exit_code == 2


def test_a_record_vouches_for_an_erasure_of_that_entry_only() -> None:
    log = a_log(6)
    log.record("erased", {"count": 1, "entries": [{"index": 2, "entry": log.entries[2].hex()}]})
    rows, _ = log.export(erased=[2])
    other = a_log(6)
    other.record("erased", {"count": 1, "entries": [{"index": 2, "entry": "00" * 32}]})

    assert "erased" not in {finding.code for finding in run(rows, None).findings}
    assert run(other.export(erased=[2])[0], None).exit_code == 1


@pytest.mark.parametrize(
    ("kind", "detail", "exit_code"),
    [
        ("heartbeat", {"opened": 9, "closed": 6, "interrupted": 2, "dropped": 1}, 0),
        ("heartbeat", {"opened": 9, "closed": 6, "interrupted": 2, "dropped": 0}, 2),
        ("gap", {"count": 3, "reason": "disk full", "worker": 1}, 2),
        ("drop", {"count": 3, "reason": "queue full", "worker": 1}, 2),
        ("worker_start", {"worker": 1, "pid": 7}, 0),
        ("policy_loaded", {"digest": "ab", "policies": 2}, 0),
        ("key_rotated", {"purpose": "receipts", "old": "a", "new": "b"}, 0),
        ("restored", {"size": 6, "root": "ab", "backup_at": WHEN}, 0),
        ("audit", {"actor": "root", "action": "receipts.read", "tenant": "acme"}, 0),
    ],
)
def test_what_the_log_says_of_itself_counts(
    kind: str, detail: dict[str, Any], exit_code: int
) -> None:
    log = a_log(6)
    log.record(kind, detail)
    rows, manifest = log.export()
    report = run(rows, manifest)

    assert exit_code == report.exit_code, str(report)
    assert report.counts["records"] == 1


def test_an_export_with_a_filter_has_no_gaps() -> None:
    """What a filter left out is not missing; only the manifest knows, and it is signed."""
    log = a_log(6)
    rows, manifest = log.export()

    assert run([rows[0], rows[3]], manifest).exit_code == 2
