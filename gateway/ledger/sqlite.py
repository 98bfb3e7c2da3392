"""The ledger in SQLite: one file in WAL mode, one writer, any number of readers."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.ledger.sql import (
    SCHEMA_VERSION,
    TABLES,
    SqlLedger,
    batch_row,
    check_batch,
    gone_reason,
    record_row,
)
from gateway.ledger.store import Batch, Hold, LedgerAwayError, LedgerError

DATABASE_FILE = "ledger.db"
ROWS_AT_ONCE = 2_000
WRITE_WAIT_S = 5.0
"""How long a write waits for a backup or a check that holds the file."""


class SqliteLedger(SqlLedger):
    """The ledger in one file; several threads may read, one at a time writes.

    Raises LedgerError where the file cannot be used.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / DATABASE_FILE
        self._lock = threading.Lock()
        self._connection = _open(self.path, read_only=read_only)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise LedgerAwayError(f"the ledger {self.path} cannot be read: {error}") from None

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    # -- writing --------------------------------------------------------------------------------

    def claim(self, owner: str, at_ms: int) -> int:
        """Takes the log over; a sequencer with an older epoch commits nothing any more."""
        with self._writing() as connection:
            (epoch,) = connection.execute(
                "SELECT coalesce(max(epoch), 0) + 1 FROM epochs"
            ).fetchone()
            connection.execute("INSERT INTO epochs VALUES (?, ?, ?)", (epoch, owner, at_ms))
        return int(epoch)

    def commit(self, batch: Batch) -> None:
        """Keeps a batch whole or not at all. Raises FencedError, LedgerAwayError, LedgerError."""
        with self._writing() as connection:
            (epoch,) = connection.execute("SELECT coalesce(max(epoch), 0) FROM epochs").fetchone()
            check_batch(batch, epoch, self._state())
            connection.executemany(
                f"INSERT INTO records VALUES ({','.join('?' * 14)})", map(record_row, batch.records)
            )
            connection.executemany(
                "INSERT INTO bodies VALUES (?, ?)",
                [(r.log_index, body) for r, body in zip(batch.records, batch.bodies, strict=True)],
            )
            connection.executemany("INSERT INTO opened VALUES (?, ?, ?, ?)", batch.opened)
            connection.execute(
                f"INSERT INTO batches VALUES ({','.join('?' * 9)})", row := batch_row(batch)
            )
            # The last of each minute is kept, for who asks how the log grew.
            connection.execute(
                "DELETE FROM batches WHERE minute = ? AND number < ?", (row[-1], batch.number)
            )
            if connection.execute("SELECT 1 FROM opened LIMIT 1").fetchone():
                connection.executemany(
                    "DELETE FROM opened WHERE ref = ?", [(record.ref,) for record in batch.records]
                )

    def put_hold(self, hold: Hold) -> None:
        """Begins or releases a legal hold."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO holds SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM holds",
                (hold.name, hold.tenant, hold.subject, int(hold.released), hold.at_ms),
            )

    def erase(self, subject: int, at_ms: int) -> int:
        """Takes the bodies of a subject away for good; returns how many there were."""
        where = "subject = ?"
        with self._writing() as connection:
            # The rows stay, so that what began and never ends is counted.
            connection.execute("UPDATE opened SET body = x'' WHERE subject = ?", (subject,))
        return self._remove(where, (subject,), at_ms, erased=True)

    def expire(self, retention: str, before_ms: int, at_ms: int) -> int:
        """Takes bodies of a class away that are older and not held; returns how many."""
        where = "retention = ? AND records.at_ms < ?"
        values: list[Any] = [retention, before_ms]
        for hold in self.holds():
            where += " AND NOT (tenant = ?" + (" AND subject = ?)" if hold.subject else ")")
            values += [hold.tenant, hold.subject] if hold.subject else [hold.tenant]
        return self._remove(where, tuple(values), at_ms, erased=False)

    def _remove(self, where: str, values: tuple[Any, ...], at_ms: int, *, erased: bool) -> int:
        with self._writing() as connection:
            done = connection.execute(
                "INSERT INTO gone SELECT records.idx, ?, ? FROM records"
                f" JOIN bodies ON bodies.idx = records.idx WHERE {where}",
                (gone_reason(erased), at_ms, *values),
            )
            connection.execute("DELETE FROM bodies WHERE idx IN (SELECT idx FROM gone)")
        # What was deleted is overwritten (secure_delete), but the log of SQLite still has it.
        busy = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if busy and erased:
            raise LedgerAwayError(
                f"a reader keeps {self.path} from letting go of what was deleted; it is tried again"
            )
        return done.rowcount

    def backup(self, target: Path) -> None:
        """Writes a copy of this moment to `target`. Raises LedgerError."""
        with self._lock:
            copy = sqlite3.connect(target)
            try:
                self._connection.backup(copy)
            except sqlite3.Error as error:
                raise LedgerError(f"the backup {target} cannot be written: {error}") from None
            finally:
                copy.close()

    def dump(self, tables: Iterable[str]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """All rows of these tables as of one moment, in parts; nothing else may use it then."""
        self.rows("BEGIN")
        try:
            for table in tables:
                cursor = self._connection.execute(f"SELECT * FROM {table}")
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    yield table, rows
        except sqlite3.Error as error:
            raise LedgerAwayError(f"the ledger {self.path} cannot be read: {error}") from None
        finally:
            self.rows("COMMIT")

    def load(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Puts rows of a dump into a table."""
        with self._writing() as connection:
            marks = ",".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def integrity(self) -> str:
        """What SQLite finds wrong with its own file, or an empty text."""
        found = self.rows("PRAGMA integrity_check")
        return "" if found == [("ok",)] else "; ".join(str(row[0]) for row in found[:5])

    def _state(self) -> Any:
        # Within a transaction the lock is held already.
        found = self._connection.execute(
            "SELECT number, size FROM batches ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return _Place(*found) if found else _Place(0, 0)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.IntegrityError as error:
                raise LedgerError(f"the ledger refuses a batch: {error}") from None
            except sqlite3.Error as error:
                self._roll_back()
                raise LedgerAwayError(
                    f"the ledger {self.path} cannot be written: {error}"
                ) from None

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class _Place:
    """Number and size of the last batch."""

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.size = size


def _open(path: Path, *, read_only: bool) -> sqlite3.Connection:
    try:
        if not read_only:
            # The files that SQLite puts beside it take over its permissions.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            # Not made by a reader: without one there is no ledger yet.
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=WRITE_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error}") from None
    try:
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            return connection
        connection.execute("PRAGMA journal_mode = WAL")
        # A checkpoint that was published must be in the database after a power failure.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA cache_size = -32768")
        # A page that many batches change is written back once; an erasure truncates the file.
        connection.execute("PRAGMA wal_autocheckpoint = 8192")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"the ledger {path} cannot be used: {error}") from None
    except LedgerError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {path} is of a newer Sealgate (schema version {version}): run that one"
        )
    if version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        tables = TABLES.format(int="INTEGER", bytes="BLOB", strict="STRICT")
        for statement in tables.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
