"""The statements of a ledger, in the words that SQLite and PostgreSQL share.

Rows are only ever inserted, so that a role without UPDATE and DELETE can write the log. What goes
(bodies) or changes (who is fenced, what is held) is told by further rows; the database's owner
takes bodies away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.ledger.store import (
    ENTRY_BYTES,
    ERASED,
    EXPIRED,
    Batch,
    FencedError,
    Filter,
    Head,
    Hold,
    LedgerError,
    Opened,
    Record,
    State,
)

SCHEMA_VERSION = 1
TABLES = """
CREATE TABLE epochs (epoch {int} PRIMARY KEY, owner TEXT NOT NULL, at_ms {int} NOT NULL) {strict};
CREATE TABLE batches (
  number {int} PRIMARY KEY, epoch {int} NOT NULL, size {int} NOT NULL, root {bytes} NOT NULL,
  checkpoint {bytes} NOT NULL, positions TEXT NOT NULL, counters TEXT NOT NULL,
  at_ms {int} NOT NULL, minute {int} NOT NULL
) {strict};
CREATE INDEX batches_of_minute ON batches (minute, number);
CREATE TABLE records (
  idx {int} PRIMARY KEY, ref TEXT NOT NULL, kind TEXT NOT NULL, tenant TEXT NOT NULL,
  seq {int} NOT NULL, receipt_id {bytes} NOT NULL, chain_hash {bytes} NOT NULL,
  entry {bytes} NOT NULL, at_ms {int} NOT NULL, severity {int} NOT NULL, status {int} NOT NULL,
  session {bytes} NOT NULL, subject {int} NOT NULL, retention TEXT NOT NULL
) {strict};
CREATE UNIQUE INDEX records_by_ref ON records (ref);
CREATE UNIQUE INDEX records_by_seq ON records (tenant, seq) WHERE seq > 0;
CREATE INDEX records_by_receipt ON records (substr(receipt_id, 1, 8));
CREATE INDEX records_by_subject ON records (subject) WHERE subject > 0;
CREATE INDEX records_by_session ON records (session) WHERE length(session) > 0;
CREATE TABLE bodies (idx {int} PRIMARY KEY, body {bytes} NOT NULL) {strict};
CREATE TABLE gone (
  idx {int} PRIMARY KEY, why {int} NOT NULL, at_ms {int} NOT NULL
) {strict};
CREATE TABLE opened (
  ref TEXT PRIMARY KEY, stream TEXT NOT NULL, subject {int} NOT NULL, body {bytes} NOT NULL
) {strict};
CREATE TABLE holds (
  number {int} PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, subject {int} NOT NULL,
  released {int} NOT NULL, at_ms {int} NOT NULL
) {strict};
"""
RECORD = (
    "records.idx, ref, kind, tenant, seq, receipt_id, chain_hash, entry, records.at_ms, severity,"
    " status, session, subject, retention, coalesce(gone.why, 0)"
)
FROM = "FROM records LEFT JOIN gone ON gone.idx = records.idx"
STATE = "number, epoch, size, root, checkpoint, positions, counters, at_ms"
PAGE_MAX = 10_000
MINUTE_MS = 60_000
SCAN_ROWS = 2_000


class SqlLedger:
    """A `Ledger` on any database of which a subclass knows how to ask."""

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query with `?` for values. Raises LedgerAwayError."""
        raise LookupError(sql, values)

    # -- reading --------------------------------------------------------------------------------

    def state(self) -> State:
        found = self.rows(f"SELECT {STATE} FROM batches ORDER BY number DESC LIMIT 1")
        return _state(found[0]) if found else State()

    def checkpoints(self, after_number: int, limit: int) -> list[State]:
        sql = f"SELECT {STATE} FROM batches WHERE number > ? ORDER BY number LIMIT ?"
        return [_state(row) for row in self.rows(sql, after_number, min(limit, PAGE_MAX))]

    def by_ref(self, ref: str) -> Record | None:
        return self._one("ref = ?", ref)

    def by_receipt_id(self, receipt_id: bytes) -> Record | None:
        # A few bytes of a hash find it as well, in an index of a third of the size.
        where = "substr(receipt_id, 1, 8) = ? AND receipt_id = ?"
        return self._one(where, receipt_id[:8], receipt_id)

    def by_index(self, index: int) -> Record | None:
        return self._one("records.idx = ?", index)

    def by_seq(self, tenant: str, seq: int) -> Record | None:
        return self._one("tenant = ? AND seq = ? AND seq > 0", tenant, seq)

    def page(self, wanted: Filter) -> list[Record]:
        where, values = _conditions(wanted)
        order = "DESC" if wanted.before is not None else "ASC"
        sql = f"SELECT {RECORD} {FROM} WHERE {where} ORDER BY records.idx {order} LIMIT ?"
        return self._records(sql, *values, max(0, min(wanted.limit, PAGE_MAX)))

    def bodies(self, indexes: Iterable[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        wanted = list(indexes)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            for idx, body in self.rows(
                f"SELECT idx, body FROM bodies WHERE idx IN ({marks})", *part
            ):
                found[idx] = bytes(body)
        return found

    def entries(self, start: int, end: int) -> bytes:
        sql = "SELECT entry FROM records WHERE idx >= ? AND idx < ? ORDER BY idx"
        joined = b"".join(bytes(row[0]) for row in self.rows(sql, start, end))
        if len(joined) != (end - start) * ENTRY_BYTES:
            raise LedgerError(f"the ledger lacks entries between {start} and {end}")
        return joined

    def scan(self, start: int, end: int) -> Iterator[Record]:
        while start < end:
            stop = min(start + SCAN_ROWS, end)
            sql = f"SELECT {RECORD} {FROM} WHERE records.idx >= ? AND records.idx < ? ORDER BY 1"
            yield from self._records(sql, start, stop)
            start = stop

    def known(self, refs: Iterable[str]) -> set[str]:
        wanted = list(refs)
        found: set[str] = set()
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT ref FROM records WHERE ref IN ({marks})"
            found.update(row[0] for row in self.rows(sql, *part))
        return found

    def head(self, tenant: str) -> Head | None:
        sql = (
            "SELECT seq, chain_hash FROM records WHERE tenant = ? AND seq > 0"
            " ORDER BY seq DESC LIMIT 1"
        )
        found = self.rows(sql, tenant)
        return Head(found[0][0], bytes(found[0][1])) if found else None

    def open_exchanges(self) -> list[Opened]:
        sql = (
            "SELECT ref, stream, subject, body FROM opened"
            " WHERE NOT EXISTS (SELECT 1 FROM records WHERE records.ref = opened.ref)"
        )
        return [Opened(ref, stream, s, bytes(body)) for ref, stream, s, body in self.rows(sql)]

    def holds(self) -> list[Hold]:
        sql = (
            "SELECT name, tenant, subject, released, at_ms FROM holds AS h WHERE released = 0"
            " AND number = (SELECT max(number) FROM holds WHERE name = h.name) ORDER BY name"
        )
        return [Hold(n, t, s, bool(r), at) for n, t, s, r, at in self.rows(sql)]

    def holds_on(self, subject: int) -> list[str]:
        found = [
            hold.name
            for hold in self.holds()
            if hold.subject == subject or (not hold.subject and self._has(subject, hold.tenant))
        ]
        return sorted(found)

    def entries_of(self, subject: int) -> list[tuple[int, bytes]]:
        sql = "SELECT idx, entry FROM records WHERE subject = ? AND subject > 0 ORDER BY idx"
        return [(idx, bytes(entry)) for idx, entry in self.rows(sql, subject)]

    def others(self) -> list[tuple[str, int, bytes]]:
        return []

    def tidy(self) -> None:
        """Nothing, where a commit tidies up itself."""

    def _has(self, subject: int, tenant: str) -> bool:
        sql = "SELECT 1 FROM records WHERE subject = ? AND subject > 0 AND tenant = ? LIMIT 1"
        return bool(self.rows(sql, subject, tenant))

    def _one(self, where: str, *values: Any) -> Record | None:
        found = self._records(f"SELECT {RECORD} {FROM} WHERE {where}", *values)
        return found[0] if found else None

    def _records(self, sql: str, *values: Any) -> list[Record]:
        return [_record(row) for row in self.rows(sql, *values)]


def check_batch(batch: Batch, epoch: int, state: State) -> None:
    """Refuses what would fork the log. Raises FencedError, LedgerError."""
    if epoch != batch.epoch:
        raise FencedError(f"the log was taken over (epoch {epoch}, this one is {batch.epoch})")
    expected = (state.size, state.number + 1)
    if (batch.first, batch.number) != expected:
        raise FencedError("the log has grown under this sequencer's hands")
    if batch.size != batch.first + len(batch.records):
        raise LedgerError("a batch does not fit its own size")


def record_row(record: Record) -> tuple[Any, ...]:
    """The columns of `records`, in order."""
    return tuple(record[:-1])


def batch_row(batch: Batch) -> tuple[Any, ...]:
    """The columns of `batches`, in order."""
    return (
        batch.number,
        batch.epoch,
        batch.size,
        batch.root,
        batch.checkpoint,
        batch.positions,
        batch.counters,
        batch.at_ms,
        batch.at_ms // MINUTE_MS,
    )


def gone_reason(erased: bool) -> int:
    """The word of the table `gone`."""
    return ERASED if erased else EXPIRED


def _conditions(wanted: Filter) -> tuple[str, Sequence[Any]]:
    terms = ["records.idx > ?"]
    values: list[Any] = [wanted.after]
    rows: tuple[tuple[str, Any], ...] = (
        ("records.idx < ?", wanted.before),
        ("tenant = ?", wanted.tenant),
        ("session = ?", wanted.session),
        ("records.at_ms >= ?", wanted.since_ms),
        ("records.at_ms < ?", wanted.until_ms),
        ("severity >= ?", wanted.severity_min or None),
    )
    for term, value in rows:
        if value is not None:
            terms.append(term)
            values.append(value)
    if wanted.kinds is not None:
        terms.append(f"kind IN ({','.join('?' * len(wanted.kinds))})" if wanted.kinds else "1 = 0")
        values += wanted.kinds
    return " AND ".join(terms), values


def _record(row: tuple[Any, ...]) -> Record:
    return Record(*_plain(row))


def _state(row: tuple[Any, ...]) -> State:
    return State(*_plain(row))


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [bytes(value) if isinstance(value, memoryview) else value for value in row]
