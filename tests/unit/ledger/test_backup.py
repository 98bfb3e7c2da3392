"""A backup can be trusted or is refused, a drill says what it is worth, a restore signs nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.ledger.asking import ask
from gateway.ledger.backup import BackupError, backup, drill, restore
from gateway.ledger.folder import open_journal
from gateway.ledger.opening import SequencerRunsError, open_ledger
from gateway.ledger.overview import acknowledge_restore, check_all, overview
from gateway.ledger.recovery import QuarantineError
from gateway.ledger.store import Filter
from tests.ledger_drafts import Node, make_draft, make_payload
from tests.ledger_stores import postgres_store
from tests.postgres_server import PostgresServer, needs_postgres


def grow(node: Node, count: int, subject: str | None = None) -> None:
    node.write(*(make_payload(subject=subject) for _ in range(count)))
    node.settle()


def kinds_after(node: Node, index: int) -> list[str]:
    ledger = open_ledger(node.settings)
    try:
        found = ledger.page(Filter(after=index, limit=1000))
    finally:
        ledger.close()
    return [record.kind for record in found if record.kind not in {"heartbeat", "worker_start"}]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one"


def test_a_backup_taken_while_the_sequencer_runs_passes_its_drill(
    node: Node, target: Path, tmp_path: Path
) -> None:
    journal = open_journal(node.settings, "0", "batched")
    with node.sequencer() as running:
        for _ in range(300):
            journal.append(make_payload(subject="someone"))
        running.step()
        manifest = backup(node.settings, target, with_keys=False, at_ms=0)
        journal.append(make_payload())
        running.step()
    journal.append(make_payload())
    (tmp_path / "scratch").mkdir()

    done = drill(node.settings, target, tmp_path / "scratch")

    assert done.ok, done.report.findings
    assert done.report.verified == manifest["size"] == 302
    assert done.journal_records == 2
    assert not (target / "keys").exists()
    journal.close()


def test_what_was_changed_in_a_backup_is_told(node: Node, target: Path, tmp_path: Path) -> None:
    grow(node, 5)
    backup(node.settings, target, with_keys=True, at_ms=0)
    (tmp_path / "scratch").mkdir()
    with (target / "ledger.db").open("r+b") as file:
        file.seek(100)
        file.write(b"x")

    with pytest.raises(BackupError, match=r"not what was written: ledger\.db"):
        drill(node.settings, target, tmp_path / "scratch")
    with pytest.raises(BackupError, match="not what was written"):
        restore(node.settings, target, at_ms=1)


def test_a_drill_finds_a_ledger_that_was_wrong_when_it_was_copied(
    tmp_path: Path, target: Path
) -> None:
    node = Node(tmp_path)
    grow(node, 5)
    connection = sqlite3.connect(node.folder / "ledger.db")
    connection.execute("UPDATE records SET chain_hash = zeroblob(32) WHERE idx = 2")
    connection.commit()
    connection.close()
    backup(node.settings, target, with_keys=True, at_ms=0)
    (tmp_path / "scratch").mkdir()

    done = drill(node.settings, target, tmp_path / "scratch")

    assert not done.ok
    assert any("its chain hash is wrong" in finding for finding in done.report.findings)
    assert not check_all(node.settings).ok


def test_a_restored_log_signs_nothing_until_it_is_acknowledged(
    tmp_path: Path, target: Path
) -> None:
    node = Node(tmp_path)
    grow(node, 5)
    manifest = backup(node.settings, target, with_keys=True, at_ms=0)
    grow(node, 3)
    node.write(make_payload())

    restore(node.settings, target, at_ms=7)

    assert (node.folder / "before-restore-7" / "ledger.db").exists()
    assert "rolled back" in overview(node.settings)["verdict"]
    with pytest.raises(QuarantineError, match="rolled back"):
        node.settle()
    acknowledge_restore(node.settings, manifest["size"], "tester")
    node.settle()
    assert kinds_after(node, manifest["size"] - 1) == ["restored", "exchange"]
    assert check_all(node.settings).ok


def test_a_lost_node_is_restored_whole_on_another(tmp_path: Path, target: Path) -> None:
    node = Node(tmp_path / "first")
    grow(node, 5, "someone")
    manifest = backup(node.settings, target, with_keys=True, at_ms=0)
    other = Node(tmp_path / "second")

    restore(other.settings, target, at_ms=7)

    with pytest.raises(QuarantineError, match="no checkpoint outside of it"):
        other.settle()
    acknowledge_restore(other.settings, manifest["size"], "tester")
    grow(other, 2, "someone")
    report = check_all(other.settings)
    assert report.ok, report.findings
    assert report.kinds["exchange"] == 7


def test_an_erased_subject_does_not_come_back_with_an_older_backup(
    tmp_path: Path, target: Path
) -> None:
    node = Node(tmp_path)
    node.write(make_payload(subject="someone", draft=make_draft(principal="someone")))
    node.settle()
    manifest = backup(node.settings, target, with_keys=True, at_ms=0)
    ask(node.settings, "erase", {"subject": "someone", "actor": "tester"})

    restore(node.settings, target, at_ms=7)
    acknowledge_restore(node.settings, manifest["size"], "tester")

    assert b"someone" not in (node.folder / "subject-keys.db").read_bytes()
    findings = check_all(node.settings).findings
    assert [f for f in findings if "the key of its subject is gone" in f]


def test_a_running_sequencer_is_not_restored_over(node: Node, target: Path) -> None:
    grow(node, 1)
    backup(node.settings, target, with_keys=True, at_ms=0)

    with node.sequencer(), pytest.raises(SequencerRunsError):
        restore(node.settings, target, at_ms=7)


def test_a_folder_that_is_there_is_not_written_over(node: Node, target: Path) -> None:
    grow(node, 1)
    target.mkdir(parents=True)

    with pytest.raises(BackupError, match="name a new folder"):
        backup(node.settings, target, with_keys=False, at_ms=0)


@needs_postgres
def test_a_backup_goes_from_one_database_into_the_other(
    tmp_path: Path, target: Path, postgres: PostgresServer
) -> None:
    node = Node(tmp_path / "first")
    grow(node, 50, "someone")
    manifest = backup(node.settings, target, with_keys=True, at_ms=0)
    with postgres_store(postgres) as store:
        moved = store.node(tmp_path / "second")

        restore(moved.settings, target, at_ms=7)
        acknowledge_restore(moved.settings, manifest["size"], "tester")
        grow(moved, 5)

        assert check_all(moved.settings).ok
        with pytest.raises(BackupError, match="is not empty"):
            restore(moved.settings, target, at_ms=8)
    shutil.rmtree(moved.folder.parent)
