"""The ledger in PostgreSQL: a schema for each log, so that nodes share a database and fork nothing.

The sequencer's role inserts and selects. The owner (`maintenance_dsn`) makes the tables, takes
bodies away, and thins out what only the newest row of counts. Every call ends by its deadline, also
where the server accepts and never answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql as pg

from gateway.ledger.sql import (
    TABLES,
    SqlLedger,
    batch_row,
    check_batch,
    gone_reason,
    record_row,
)
from gateway.ledger.store import Batch, Hold, LedgerAwayError, LedgerError, State
from gateway.ledger_settings import LedgerSettings
from gateway.plugin.secret import resolve_secret

REGISTRY = "sealgate_logs"
CONNECT_TIMEOUT_S = 3
ROWS_AT_ONCE = 2_000
_GRACE_S = 2.0
"""What a statement may take beyond its own time-out, which the server keeps, before we hang up."""
_UNBOUNDED_S = 86_400.0
"""For a dump, which takes as long as it takes."""
_MAKING = 0x5EA1_9A7E
"""The advisory lock under which schemas are made."""


def open_postgres(settings: LedgerSettings, origin: str) -> PostgresLedger:
    """The ledger of one log; its tables are made where they are missing.

    Raises LedgerError, LedgerAwayError.
    """
    try:
        dsn = resolve_secret(settings.dsn or "")
        owner = resolve_secret(settings.maintenance_dsn) if settings.maintenance_dsn else None
    except ValueError as error:
        raise LedgerError(f"ledger.dsn: {error}") from None
    return PostgresLedger(dsn, origin, owner, timeout_ms=settings.statement_timeout_ms)


class PostgresLedger(SqlLedger):
    """One log's schema. `owner` is the connection that may change and delete, or None."""

    def __init__(self, dsn: str, origin: str, owner: str | None, *, timeout_ms: int) -> None:
        self.origin = origin
        self.schema = f"sealgate_{hashlib.sha256(origin.encode()).hexdigest()[:16]}"
        self._link = _Link(dsn, self.schema, timeout_ms)
        self._owner = _Link(owner, self.schema, timeout_ms) if owner else None
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._link.rows(sql, values)

    def close(self) -> None:
        """Ends the connections."""
        self._link.close()
        if self._owner is not None:
            self._owner.close()

    def others(self) -> list[tuple[str, int, bytes]]:
        found = []
        listed = self.rows(f"SELECT origin, schema FROM public.{REGISTRY} ORDER BY origin")
        for origin, schema in listed:
            if origin != self.origin and schema.removeprefix("sealgate_").isalnum():
                with contextlib.suppress(LedgerError):
                    sql = f"SELECT size, root FROM {schema}.batches ORDER BY number DESC LIMIT 1"
                    found += [(origin, size, bytes(root)) for size, root in self.rows(sql)]
        return found

    # -- writing --------------------------------------------------------------------------------

    def claim(self, owner: str, at_ms: int) -> int:
        """Takes the log over; a sequencer with an older epoch commits nothing any more."""
        with self._writing() as cursor:
            cursor.execute(
                "INSERT INTO epochs SELECT coalesce(max(epoch), 0) + 1, %s, %s FROM epochs"
                " RETURNING epoch",
                (owner, at_ms),
            )
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def commit(self, batch: Batch) -> None:
        """Keeps a batch whole or not at all. Raises FencedError, LedgerAwayError, LedgerError."""
        with self._writing() as cursor:
            cursor.execute("SELECT coalesce(max(epoch), 0) FROM epochs")
            (epoch,) = cursor.fetchone() or (0,)
            cursor.execute("SELECT number, size FROM batches ORDER BY number DESC LIMIT 1")
            number, size = cursor.fetchone() or (0, 0)
            check_batch(batch, epoch, State(number=number, size=size))
            _copy(cursor, "records", map(record_row, batch.records))
            pairs = zip(batch.records, batch.bodies, strict=True)
            _copy(cursor, "bodies", ((record.log_index, body) for record, body in pairs))
            _copy(cursor, "opened", batch.opened)
            cursor.execute(f"INSERT INTO batches VALUES ({','.join(['%s'] * 9)})", batch_row(batch))

    def put_hold(self, hold: Hold) -> None:
        """Begins or releases a legal hold."""
        with self._writing() as cursor:
            cursor.execute(
                "INSERT INTO holds SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s"
                " FROM holds",
                (hold.name, hold.tenant, hold.subject, int(hold.released), hold.at_ms),
            )

    def erase(self, subject: int, at_ms: int) -> int:
        """Takes the bodies of a subject away; without the owner they stay, as noise."""
        count = self._mark_gone("subject = %s", (subject,), at_ms, erased=True)
        if self._owner is not None:
            self._owner.run("UPDATE opened SET body = '' WHERE subject = %s", (subject,))
            self._delete_bodies()
        return count

    def expire(self, retention: str, before_ms: int, at_ms: int) -> int:
        """Takes bodies of a class away that are older and not held; returns how many."""
        if self._owner is None:
            raise LedgerError("receipts expire in PostgreSQL with `maintenance_dsn` only")
        where, values = "retention = %s AND records.at_ms < %s", [retention, before_ms]
        for hold in self.holds():
            where += " AND NOT (tenant = %s" + (" AND subject = %s)" if hold.subject else ")")
            values += [hold.tenant, hold.subject] if hold.subject else [hold.tenant]
        count = self._mark_gone(where, tuple(values), at_ms, erased=False)
        self._delete_bodies()
        return count

    def tidy(self) -> None:
        """Thins out what only the newest row of counts."""
        if self._owner is None:
            return
        newest = "(SELECT max(number) FROM batches AS other WHERE other.minute = batches.minute)"
        self._owner.run(f"DELETE FROM batches WHERE number < {newest}", ())
        closed = "EXISTS (SELECT 1 FROM records WHERE records.ref = opened.ref)"
        self._owner.run(f"DELETE FROM opened WHERE {closed}", ())

    def dump(self, tables: Iterable[str]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """All rows of these tables as of one moment, in parts."""
        with self._link.transaction(bounded=False) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
            for table in tables:
                with cursor.connection.cursor(name=f"dump_{table}") as named:
                    named.execute(f"SELECT * FROM {table}".encode())
                    while rows := named.fetchmany(ROWS_AT_ONCE):
                        yield table, rows

    def load(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Puts rows of a dump into a table."""
        with self._writing() as cursor:
            _copy(cursor, table, rows)

    def _mark_gone(self, where: str, values: tuple[Any, ...], at_ms: int, *, erased: bool) -> int:
        with self._writing() as cursor:
            cursor.execute(
                "INSERT INTO gone SELECT records.idx, %s, %s FROM records"
                f" JOIN bodies ON bodies.idx = records.idx WHERE {where}"
                " AND NOT EXISTS (SELECT 1 FROM gone WHERE gone.idx = records.idx)",
                (gone_reason(erased), at_ms, *values),
            )
            return cursor.rowcount

    def _delete_bodies(self) -> None:
        if self._owner is not None:
            self._owner.run("DELETE FROM bodies WHERE idx IN (SELECT idx FROM gone)", ())
            self._owner.run("VACUUM bodies", ())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[psycopg.Cursor[Any]]:
        with self._link.transaction() as cursor:
            # One writer of this log at a time, also where two nodes were given the same name.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.schema,))
            yield cursor

    def _make(self) -> None:
        if self.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", self.schema):
            return
        role = str(self.rows("SELECT current_user")[0][0])
        (self._owner or self._link).make_schema(role, self.origin)


class _Link:
    """One connection that comes back by itself, with a deadline on everything."""

    def __init__(self, dsn: str, schema: str, timeout_ms: int) -> None:
        self._dsn = dsn
        self._schema = schema
        self._timeout_ms = timeout_ms
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None

    def rows(self, sql: str, values: Iterable[Any]) -> list[tuple[Any, ...]]:
        with self._talking() as connection:
            return connection.execute(sql.replace("?", "%s").encode(), tuple(values)).fetchall()

    def run(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._talking() as connection:
            connection.execute(sql.encode(), values)

    @contextlib.contextmanager
    def transaction(self, *, bounded: bool = True) -> Iterator[psycopg.Cursor[Any]]:
        with (
            self._talking(bounded=bounded) as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            yield cursor

    def make_schema(self, role: str, origin: str) -> None:
        """Makes the tables of a log and lets the sequencer's role read and insert."""
        tables = TABLES.format(int="BIGINT", bytes="BYTEA", strict="")
        schema, reader = pg.Identifier(self._schema), pg.Identifier(role)
        with self.transaction() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS public.{REGISTRY}"
                " (origin TEXT PRIMARY KEY, schema TEXT NOT NULL)"
            )
            cursor.execute(pg.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            for statement in tables.split(";\n"):
                if statement.strip():
                    cursor.execute(statement.encode())
            cursor.execute(
                f"INSERT INTO public.{REGISTRY} VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (origin, self._schema),
            )
            for grant in (
                pg.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, reader),
                pg.SQL("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {} TO {}").format(
                    schema, reader
                ),
                pg.SQL(f"GRANT SELECT ON public.{REGISTRY} TO {{}}").format(reader),
            ):
                cursor.execute(grant)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(psycopg.Error):
                    self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _talking(self, *, bounded: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """The connection for one use. Raises LedgerAwayError, LedgerError."""
        timeout_s = self._timeout_ms / 1000 + _GRACE_S if bounded else _UNBOUNDED_S
        with self._lock:
            try:
                connection = self._connected()
                with _hang_up_after(connection, timeout_s):
                    yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self.close()
                # Its text may name the user and the host, and never the password.
                raise LedgerAwayError(f"PostgreSQL is away: {_first_line(error)}") from None
            except psycopg.Error as error:
                raise LedgerError(f"PostgreSQL refuses: {_first_line(error)}") from None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="sealgate",
                options=f"-c search_path={self._schema},public"
                f" -c statement_timeout={self._timeout_ms} -c lock_timeout={self._timeout_ms}",
            )
        return self._connection


@contextlib.contextmanager
def _hang_up_after(connection: psycopg.Connection[Any], timeout_s: float) -> Iterator[None]:
    """Ends the conversation with a server that accepted it and says nothing."""

    def hang_up() -> None:
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(connection.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _copy(cursor: psycopg.Cursor[Any], table: str, rows: Iterable[Iterable[Any]]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(tuple(row))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
