"""An error at any call to the file system or the database: what was accepted is in the log, once.

Each test finds out by itself how many calls there are: it fails the first, the second, and so on,
until one run gets through without a fault.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SealgateError
from gateway.ledger.folder import open_journal
from gateway.ledger.journal import STRICT
from gateway.ledger.opening import open_ledger
from gateway.ledger.overview import check_all
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.store import Filter, LedgerAwayError
from tests.cut_line import cut_line
from tests.ledger_drafts import Node, make_payload, make_ref
from tests.ledger_stores import DSN_VARIABLE, OWNER_VARIABLE, Sqlite, Store, postgres_store
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

FILE_CALLS = ("open", "write", "pwrite", "pread", "fdatasync", "fsync", "rename", "replace")
FILE_CALLS += ("unlink", "mkdir")
LEDGER = f"{os.sep}gateway{os.sep}ledger{os.sep}"


class Faults:
    """Fails the call with number `at`, counted over all kinds of calls by code of the ledger."""

    def __init__(self, at: int, error: Callable[[], Exception]) -> None:
        self.count = 0
        self.struck = ""
        self._at = at
        self._error = error

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self._at:
            self.struck = name
            raise self._error()


def io_error() -> OSError:
    return OSError(5, "Input/output error")


@contextlib.contextmanager
def failing_files(faults: Faults) -> Iterator[None]:
    """The calls of the ledger's own code, directly or through pathlib."""
    with pytest.MonkeyPatch.context() as patch:
        for name in FILE_CALLS:
            real = getattr(os, name)

            def call(*args: Any, _real: Any = real, _name: str = name, **kwargs: Any) -> Any:
                frame = sys._getframe(1)
                if "pathlib" in frame.f_code.co_filename and frame.f_back is not None:
                    frame = frame.f_back
                if LEDGER in frame.f_code.co_filename:
                    faults(_name)
                return _real(*args, **kwargs)

            patch.setattr(os, name, call)
        yield


class FailingConnection:
    """A connection to SQLite of which one statement fails."""

    def __init__(self, connection: sqlite3.Connection, faults: Faults) -> None:
        self._connection = connection
        self._faults = faults

    def execute(self, sql: str, *values: Any) -> Any:
        self._faults(sql)
        return self._connection.execute(sql, *values)

    def executemany(self, sql: str, rows: Any) -> Any:
        self._faults(sql)
        return self._connection.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextlib.contextmanager
def failing_statements(faults: Faults) -> Iterator[None]:
    """The statements of SQLite."""
    make = SqliteLedger.__init__

    def init(self: SqliteLedger, folder: Path, *, read_only: bool = False) -> None:
        make(self, folder, read_only=read_only)
        self._connection = FailingConnection(self._connection, faults)  # type: ignore[assignment]  # it stands in

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteLedger, "__init__", init)
        yield


@contextlib.contextmanager
def failing_line(server: PostgresServer, faults: Faults, *, arrives: bool) -> Iterator[None]:
    """The messages to PostgreSQL: what is asked is lost, or what is answered."""

    def strike(message: bytes) -> None:
        faults(message[5:60].decode("ascii", "replace"))

    with (
        cut_line(server, strike, arrives=arrives) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for variable, role in ((DSN_VARIABLE, "writer"), (OWNER_VARIABLE, "owner")):
            patch.setenv(variable, f"host={folder} user={role} dbname=postgres")
        yield


def scenario(node: Node, accepted: list[str]) -> None:
    """A worker that fills several segments, and a sequencer that is started twice."""
    journal = open_journal(node.settings, "0", STRICT)
    try:
        for number in range(4):
            journal.append(make_payload("opened", ref := make_ref(number)))
            journal.append(make_payload("exchange", ref))
            accepted.append(ref)
            if number % 2:
                with node.sequencer() as running:
                    running.step()
    finally:
        journal.close()


def run(node: Node, faults: Faults, failing: Any) -> None:
    """One run with a fault, then one start without; the promise is checked."""
    accepted: list[str] = []
    with contextlib.suppress(SealgateError, OSError, sqlite3.Error), failing(faults):
        scenario(node, accepted)
    node.settle()

    report = check_all(node.settings)
    assert report.ok, (faults.struck, report.findings)
    ledger = open_ledger(node.settings)
    refs = [r.ref for r in ledger.page(Filter(limit=1000)) if r.kind in {"exchange", "interrupted"}]
    ledger.close()
    assert len(refs) == len(set(refs)), faults.struck
    assert set(accepted) <= set(refs), faults.struck


def strike_each(store: Store, folder: Path, error: Callable[[], Exception], failing: Any) -> None:
    """A fault at the first call, at the second, and so on, until one run gets through."""
    struck = set()
    for at in range(1, 2000):
        node = store.node(folder / str(at), segment_bytes_max=5000)
        faults = Faults(at, error)
        run(node, faults, failing)
        store.empty(node)  # each log in a server asks for the heads of all others
        struck.add(faults.struck)
        if not faults.struck:
            break
    else:
        pytest.fail("the scenario never ended without a fault")
    assert len(struck) > 8


@pytest.mark.timeout(300)
def test_an_error_at_any_call_to_the_file_system_loses_doubles_and_forks_nothing(
    tmp_path: Path, store: Store
) -> None:
    strike_each(store, tmp_path, io_error, failing_files)


@pytest.mark.timeout(300)
def test_an_error_at_any_statement_loses_doubles_and_forks_nothing(tmp_path: Path) -> None:
    strike_each(Sqlite(), tmp_path, _full, failing_statements)


@needs_postgres
@pytest.mark.timeout(600)
@pytest.mark.parametrize("arrives", [False, True])
def test_a_line_that_is_cut_at_any_message_loses_doubles_and_forks_nothing(
    tmp_path: Path, postgres: PostgresServer, arrives: bool
) -> None:
    """Also where the server has carried out what was asked, a commit above all."""

    def failing(faults: Faults) -> contextlib.AbstractContextManager[None]:
        return failing_line(postgres, faults, arrives=arrives)

    with postgres_store(postgres) as store:
        strike_each(store, tmp_path, io_error, failing)


def _full() -> sqlite3.OperationalError:
    return sqlite3.OperationalError("database or disk is full")


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full: writes beyond `size` bytes of a file fail, or are cut short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [20, 3_000, 6_000, 12_345, 40_000, 100_000, 200_000])
def test_a_full_disk_refuses_and_what_was_accepted_is_in_the_log(tmp_path: Path, size: int) -> None:
    """Journal, SQLite, tiles and keys, whichever grows beyond the limit first."""
    node = Node(tmp_path)
    node.settle()
    accepted: list[str] = []
    with contextlib.suppress(SealgateError, OSError), files_of_at_most(size):
        journal = open_journal(node.settings, "0", STRICT)
        try:
            for number in range(100):
                journal.append(make_payload("exchange", ref := make_ref(number)))
                accepted.append(ref)
                if number % 10 == 9:
                    node.settle()
        finally:
            journal.close()
    node.settle()

    report = check_all(node.settings)
    assert report.ok, report.findings
    assert report.kinds.get("exchange", 0) == len(accepted)


@pytest.fixture(scope="module")
def small_postgres() -> Iterator[PostgresServer]:
    with running_postgres(disk_bytes=80 * 1024 * 1024) as server:
        yield server


@contextlib.contextmanager
def disk_with(folder: Path, free_bytes: int) -> Iterator[None]:
    """A file fills the disk up to so many bytes."""
    ballast = folder / "ballast"
    disk = os.statvfs(folder)
    ballast.write_bytes(bytes(disk.f_bavail * disk.f_frsize - free_bytes))
    try:
        yield
    finally:
        ballast.unlink()


@needs_postgres
@pytest.mark.parametrize("free_bytes", [4_096, 65_536, 400_000, 1_500_000])
def test_a_full_disk_of_postgres_refuses_and_what_was_accepted_is_in_the_log(
    tmp_path: Path, small_postgres: PostgresServer, free_bytes: int
) -> None:
    """Tables that cannot grow are an error, a write-ahead log that cannot ends the server."""
    with postgres_store(small_postgres) as store:
        node = store.node(tmp_path, statement_timeout_ms=2_000)
        node.settle()
        refused = 0
        accepted = []
        with disk_with(small_postgres.folder, free_bytes):
            for _ in range(12):
                payloads = [make_payload("exchange", ref=make_ref()) for _ in range(100)]
                node.write(*payloads)
                accepted += payloads
                try:
                    node.settle()
                except LedgerAwayError:
                    refused += 1
        small_postgres.revive()
        node.settle()

        report = check_all(node.settings)
        assert refused
        assert report.ok, report.findings
        assert report.kinds["exchange"] == len(accepted)


def test_a_sequencer_that_was_fenced_commits_nothing(node: Node) -> None:
    """The lock file is per folder; the epoch holds wherever the second one runs."""
    node.write(make_payload())
    with node.sequencer() as running:
        running.step()
        ledger = open_ledger(node.settings, read_only=False)
        ledger.claim("another", 0)
        node.write(make_payload())
        with pytest.raises(SealgateError, match="taken over"):
            running.step()
        size = ledger.state().size
        ledger.close()
    assert size == 3
    node.settle()
    assert check_all(node.settings).ok


def test_a_commit_whose_answer_was_lost_is_not_repeated(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.write(make_payload(), make_payload())
    with node.sequencer() as running:
        commit = running._ledger.commit

        def lost(batch: Any) -> None:
            commit(batch)
            raise LedgerAwayError("the ledger is away")

        monkeypatch.setattr(running._ledger, "commit", lost)
        with pytest.raises(SealgateError, match="away"):
            running.step()
        monkeypatch.setattr(running._ledger, "commit", commit)
        node.write(make_payload())
        running.step()
        assert running.counters.closed == 3

    report = check_all(node.settings)
    assert report.ok, report.findings
    assert report.kinds["exchange"] == 3
