"""What a ledger keeps and answers, whichever database it is in.

A record is one entry of the log. Its small facts stay for ever, so that the log and the chains
verify; its body (the receipt and the secret of its commitments) may go: erased with its subject, or
expired with its retention class. The sequencer alone writes; anybody may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gateway.errors import SealgateError

ENTRY_BYTES = 32
PRESENT, ERASED, EXPIRED = 0, 1, 2
"""What became of a body."""


class LedgerError(SealgateError):
    """The ledger cannot do what was asked; the text says why."""


class LedgerAwayError(LedgerError):
    """The database does not answer now; the same may be tried again."""


class FencedError(LedgerError):
    """Another sequencer writes this log; this one must end."""


class Record(NamedTuple):
    """One entry of the log.

    `kind` is `exchange`, `interrupted` or the kind of a control record. `at_ms` is when it
    happened (milliseconds since 1970), `session` a keyed hash or empty, `subject` the number of the
    subject whose key the body is locked with (0: none), `gone` one of PRESENT, ERASED, EXPIRED.
    Control records have no place in a chain: `seq` 0, an empty `chain_hash`, and as `receipt_id`
    the SHA-256 of their bytes.
    """

    log_index: int
    ref: str
    kind: str
    tenant: str
    seq: int
    receipt_id: bytes
    chain_hash: bytes
    entry: bytes
    at_ms: int
    severity: int
    status: int
    session: bytes
    subject: int
    retention: str
    gone: int = PRESENT


class Opened(NamedTuple):
    """An exchange that began and of which no end is known; `body` as that of a record."""

    ref: str
    stream: str
    subject: int
    body: bytes


class Head(NamedTuple):
    """The last link of a tenant's chain."""

    seq: int
    chain_hash: bytes


class Batch(NamedTuple):
    """What is committed at once: entries with their bodies, and the state after them."""

    number: int
    epoch: int
    first: int
    records: list[Record]
    bodies: list[bytes]
    opened: list[Opened]
    size: int
    root: bytes
    checkpoint: bytes
    positions: str
    counters: str
    at_ms: int


class State(NamedTuple):
    """What the last batch left."""

    number: int = 0
    epoch: int = 0
    size: int = 0
    root: bytes = b""
    checkpoint: bytes = b""
    positions: str = "{}"
    counters: str = "{}"
    at_ms: int = 0


class Hold(NamedTuple):
    """A legal hold: nothing of the tenant (and subject, unless 0) is erased or expires."""

    name: str
    tenant: str
    subject: int
    released: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records a reader wants; what is None does not matter.

    Records come in the order of the log, from behind `after`, or backwards from before `before`
    where that is given. `since_ms` is within, `until_ms` is not.
    """

    tenant: str | None = None
    kinds: tuple[str, ...] | None = None
    severity_min: int = 0
    session: bytes | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    after: int = -1
    before: int | None = None
    limit: int = 100


class Reader(Protocol):
    """The read side of a ledger; every method may raise LedgerAwayError."""

    def state(self) -> State:
        """What the last batch left."""

    def by_ref(self, ref: str) -> Record | None:
        """The record of an exchange."""

    def by_receipt_id(self, receipt_id: bytes) -> Record | None:
        """The record with this receipt (its id's 32 bytes)."""

    def by_index(self, index: int) -> Record | None:
        """The entry at this place of the log."""

    def by_seq(self, tenant: str, seq: int) -> Record | None:
        """The entry at this place of a tenant's chain."""

    def page(self, wanted: Filter) -> list[Record]:
        """Records that the filter lets through, at most its limit."""

    def bodies(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """The bodies that are there, by index."""

    def entries(self, start: int, end: int) -> bytes:
        """The entries from `start` up to but without `end`, 32 bytes each."""

    def scan(self, start: int, end: int) -> Iterator[Record]:
        """Every record from `start` up to but without `end`, in order."""

    def checkpoints(self, after_number: int, limit: int) -> list[State]:
        """Kept states, oldest first: the last of each minute, and the newest."""

    def close(self) -> None:
        """Lets go of the database."""


class Ledger(Reader, Protocol):
    """The write side, for the one sequencer."""

    def claim(self, owner: str, at_ms: int) -> int:
        """Takes the log over; a sequencer with an older epoch commits nothing any more."""

    def commit(self, batch: Batch) -> None:
        """Keeps a batch whole or not at all. Raises FencedError, LedgerAwayError, LedgerError."""

    def known(self, refs: Iterable[str]) -> set[str]:
        """Those of `refs` that have a record."""

    def head(self, tenant: str) -> Head | None:
        """The end of a tenant's chain."""

    def open_exchanges(self) -> list[Opened]:
        """Exchanges that began and have no record."""

    def put_hold(self, hold: Hold) -> None:
        """Begins or releases a legal hold."""

    def holds(self) -> list[Hold]:
        """The holds in force."""

    def holds_on(self, subject: int) -> list[str]:
        """The names of the holds that keep records of a subject."""

    def entries_of(self, subject: int) -> list[tuple[int, bytes]]:
        """Index and entry of every record of a subject."""

    def others(self) -> list[tuple[str, int, bytes]]:
        """Origin, size and root of the logs of other nodes in the same database."""

    def erase(self, subject: int, at_ms: int) -> int:
        """Takes the bodies of a subject away for good; returns how many there were."""

    def expire(self, retention: str, before_ms: int, at_ms: int) -> int:
        """Takes bodies of a class away that are older and not held; returns how many."""

    def dump(self, tables: Iterable[str]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """All rows of these tables as of one moment, in parts."""

    def load(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Puts rows of a dump into a table."""

    def tidy(self) -> None:
        """Drops rows that later ones made needless; now and then."""
