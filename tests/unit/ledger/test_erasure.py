"""A subject that is erased is gone from every file; what is left verifies and says so."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.asking import ask
from gateway.ledger.backup import backup
from gateway.ledger.bodies import LockedError, unpack
from gateway.ledger.folder import open_journal
from gateway.ledger.opening import open_ledger, open_subject_keys
from gateway.ledger.overview import check_all
from gateway.ledger.sequencer import Sequencer
from gateway.ledger.store import ERASED, EXPIRED, Filter, LedgerAwayError, Record
from tests.ledger_drafts import Node, make_draft, make_payload, make_ref
from tests.ledger_stores import postgres_store, schema_of
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

SUBJECT = "pseudonym-of-somebody-0123456789"
MARK = "mark-in-the-receipt-9876543210"


def payload_of(subject: str, ref: str | None = None, kind: str = "exchange") -> bytes:
    draft = make_draft(principal=subject, request_id=MARK if subject == SUBJECT else "other")
    return make_payload(kind, ref, subject=subject, draft=draft)


def files_with(folder: Path, text: str) -> list[str]:
    """Every file below the folder whose bytes hold the text."""
    return [
        str(Path(path, name))
        for path, _, names in os.walk(folder)
        for name in names
        if text.encode() in Path(path, name).read_bytes()
    ]


def records(node: Node) -> list[Record]:
    ledger = open_ledger(node.settings)
    try:
        return ledger.page(Filter(limit=1000))
    finally:
        ledger.close()


def erase(node: Node, subject: str = SUBJECT) -> dict[str, Any]:
    return ask(node.settings, "erase", {"subject": subject, "reason": "asked", "actor": "tester"})


def test_nothing_of_an_erased_subject_is_left_and_the_rest_verifies(node: Node) -> None:
    node.write(payload_of(SUBJECT), payload_of("somebody-else"), payload_of(SUBJECT))
    node.settle()
    keys = open_subject_keys(node.settings)
    found = keys.find(SUBJECT)
    assert found is not None
    keys.close()
    ledger = open_ledger(node.settings)
    bodies = ledger.bodies(range(10))
    ledger.close()

    told = erase(node)

    assert (told["kind"], told["detail"]["count"]) == ("erased", 2)
    folder = node.folder.parent
    assert files_with(folder, SUBJECT) == []
    assert files_with(folder, MARK) == []
    assert files_with(folder, found[1].decode("latin-1")) == []
    report = check_all(node.settings)
    assert report.ok, report.findings
    assert report.erased == 2
    gone = [r for r in records(node) if r.gone == ERASED]
    assert len(gone) == 2
    for record in gone:
        with pytest.raises(LockedError):
            unpack(bodies[record.log_index], None)


def test_journals_that_are_still_written_are_cleaned_as_well(node: Node) -> None:
    journal = open_journal(node.settings, "0", "batched")
    open_ref = make_ref()
    journal.append(payload_of(SUBJECT))
    journal.append(payload_of(SUBJECT, open_ref, "opened"))
    journal.append(payload_of("somebody-else"))

    assert erase(node)["kind"] == "erased"

    assert files_with(node.folder.parent, SUBJECT) == []
    assert files_with(node.folder.parent, MARK) == []
    journal.append(payload_of("somebody-else"))
    journal.close()
    node.settle()
    report = check_all(node.settings)
    assert report.ok, report.findings
    assert report.kinds["exchange"] == 3
    assert report.kinds["gap"] == 1  # what was open and is erased: it began, and no more is known


def test_later_backups_have_nothing_of_an_erased_subject(node: Node, tmp_path: Path) -> None:
    node.write(payload_of(SUBJECT), payload_of("somebody-else"))
    node.settle()
    erase(node)

    backup(node.settings, tmp_path / "backup", with_keys=True, at_ms=0)

    assert files_with(tmp_path / "backup", SUBJECT) == []


def test_a_subject_may_come_back_after_its_erasure(node: Node) -> None:
    node.write(payload_of(SUBJECT))
    node.settle()
    erase(node)
    node.write(payload_of(SUBJECT))
    node.settle()

    assert [r.gone for r in records(node) if r.kind == "exchange"] == [ERASED, 0]
    assert erase(node)["detail"]["count"] == 1
    assert check_all(node.settings).erased == 2


def test_an_unknown_subject_is_told_and_not_named(node: Node) -> None:
    told = erase(node, "nobody-we-know")

    assert told["detail"]["outcome"] == "not_found"
    assert files_with(node.folder.parent, "nobody-we-know") == []


@pytest.mark.parametrize("of_subject", [True, False])
def test_a_legal_hold_keeps_what_would_be_erased(node: Node, of_subject: bool) -> None:
    node.write(payload_of(SUBJECT))
    node.settle()
    held = {"name": "case-7", "tenant": "acme", "actor": "tester"}
    ask(node.settings, "hold", {**held, "subject": SUBJECT if of_subject else None})

    told = erase(node)
    assert (told["detail"]["outcome"], told["detail"]["holds"]) == ("refused", ["case-7"])
    assert check_all(node.settings).erased == 0

    ask(node.settings, "release", {"name": "case-7", "actor": "tester"})
    assert erase(node)["kind"] == "erased"


def test_classes_expire_unless_they_are_held(node: Node) -> None:
    node.settings = node.settings.model_copy(
        update={"ledger": node.settings.ledger.model_copy(update={"retention_days": {"short": 30}})}
    )
    drafts = [make_draft(tenant) for tenant in ("acme", "acme", "held")]
    classes = ("short", "default", "short")
    node.write(*(make_payload(draft=d, retention=c) for d, c in zip(drafts, classes, strict=True)))
    ask(node.settings, "hold", {"name": "case-8", "tenant": "held", "actor": "tester"})
    node.clock.wall += 365 * 86_400_000
    node.settle()

    gone = {(r.tenant, r.retention): r.gone for r in records(node) if r.kind == "exchange"}
    assert gone == {("acme", "short"): EXPIRED, ("acme", "default"): 0, ("held", "short"): 0}
    report = check_all(node.settings)
    assert report.ok, report.findings
    assert (report.expired, report.erased) == (1, 0)


def test_an_erasure_waits_for_readers_that_keep_old_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps what a reader still sees in its log; until that is gone, nothing is erased."""
    monkeypatch.setattr("gateway.ledger.sqlite.WRITE_WAIT_S", 0.01)
    node = Node(tmp_path)
    node.write(payload_of(SUBJECT))
    node.settle()
    reader = sqlite3.connect(node.folder / "ledger.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM records").fetchone()

    with pytest.raises(LedgerAwayError, match="a reader keeps"):
        erase(node)
    assert "erased" not in {record.kind for record in records(node)}
    reader.close()
    node.settle()

    assert "erased" in {record.kind for record in records(node)}
    assert files_with(node.folder.parent, SUBJECT) == []
    assert check_all(node.settings).ok


def test_an_erasure_that_was_cut_is_carried_on(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the key was blanked, and after the record was committed: both ends of the danger."""
    node.write(payload_of(SUBJECT))
    node.settle()
    for method in ("_commit", "_adopt"):
        with monkeypatch.context() as broken:
            broken.setattr(Sequencer, method, _crash)
            with pytest.raises(KeyboardInterrupt):
                erase(node)
    node.settle()
    node.settle()

    assert files_with(node.folder.parent, SUBJECT) == []
    report = check_all(node.settings)
    assert report.ok, report.findings
    assert (report.erased, report.kinds["erased"]) == (1, 1)


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of its own: what others wrote must not be found in its files."""
    with running_postgres() as server:
        yield server


WIPE = (
    "ALTER SYSTEM SET wal_recycle = off",
    "SELECT pg_reload_conf()",
    "VACUUM FULL {schema}.bodies",
    "VACUUM FULL {schema}.opened",
    "CHECKPOINT",
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
    "ALTER SYSTEM RESET wal_recycle",
    "SELECT pg_reload_conf()",
)
"""As docs/how-to/back-up-the-ledger.md tells operators to."""


@needs_postgres
def test_postgres_keeps_noise_at_most_and_an_operator_takes_that_away(
    tmp_path: Path, server: PostgresServer
) -> None:
    """Nothing of a subject is ever readable in the server's files, nor in its write-ahead log."""
    with postgres_store(server) as store:
        node = store.node(tmp_path)
        for _ in range(3):
            node.write(*(payload_of(SUBJECT) for _ in range(20)), payload_of("somebody-else"))
            node.write(payload_of(SUBJECT, kind="opened"), worker="1")
            node.settle()
        server.sql("CHECKPOINT")
        with contextlib.closing(open_ledger(node.settings)) as ledger:
            bodies = ledger.bodies(r.log_index for r in ledger.page(Filter()) if r.subject == 1)
        with contextlib.closing(open_subject_keys(node.settings)) as keys:
            _, key = keys.find(SUBJECT) or (0, b"")
        noise = [body[at : at + 24] for body in bodies.values() for at in (40, 300, 600)]
        assert len(noise) > 100
        assert all(parts_in(server.data, [part]) for part in noise[:6]), (
            "what is looked for is there"
        )

        erase(node)

        readable = [SUBJECT.encode(), MARK.encode(), key]
        assert parts_in(server.folder, readable) == set()
        assert parts_in(tmp_path, [*readable, *noise]) == set()
        for statement in WIPE:
            server.sql(statement.format(schema=schema_of(node)))
        assert parts_in(server.folder, noise) == set()
        assert check_all(node.settings).ok


def parts_in(folder: Path, parts: list[bytes]) -> set[bytes]:
    """Those of `parts` that a file below the folder holds."""
    found: set[bytes] = set()
    for path, _, names in os.walk(folder):
        for name in names:
            file = Path(path, name)
            if file.is_file():
                data = file.read_bytes()
                found |= {part for part in parts if part in data}
    return found
