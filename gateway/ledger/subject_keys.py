"""The keys that lock the bodies of subjects: destroying one erases a subject everywhere.

They lie in a file of their own on the node, beside whichever database holds the ledger and never
in it, so that no log of the database, replica or backup of it has them. Their own backup is a
file that an erasure makes worthless for good when it is taken anew.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gateway.ledger.store import LedgerError

FILE = "subject-keys.db"
CACHED_MAX = 4_096
_KEY_BYTES = 32
_SCHEMA = """
CREATE TABLE IF NOT EXISTS subjects (
  number INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, key BLOB, request TEXT
) STRICT
"""
_INDEX = "CREATE UNIQUE INDEX IF NOT EXISTS by_subject ON subjects (subject) WHERE key IS NOT NULL"


class SubjectKeys:
    """The keys of one node; used by one thread at a time. Raises LedgerError."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / FILE
        self._by_subject: dict[str, tuple[int, bytes]] = {}
        try:
            if not read_only:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            if not read_only:
                # Not WAL: what is deleted must be gone from one file, not from two.
                self._connection.execute("PRAGMA journal_mode = DELETE")
                self._connection.execute("PRAGMA secure_delete = ON")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute(_SCHEMA)
                self._connection.execute(_INDEX)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"the keys of subjects {self.path} cannot be used: {error}") from None

    def for_subject(self, subject: str) -> tuple[int, bytes]:
        """Number and key of a subject; both are made, and on the disk, where they are missing."""
        known = self._by_subject.get(subject) or self.find(subject)
        if known is None:
            key = os.urandom(_KEY_BYTES)
            done = self._execute("INSERT INTO subjects (subject, key) VALUES (?, ?)", subject, key)
            known = (int(done.lastrowid or 0), key)
        if len(self._by_subject) >= CACHED_MAX:
            self._by_subject.clear()
        self._by_subject[subject] = known
        return known

    def find(self, subject: str) -> tuple[int, bytes] | None:
        """Number and key of a subject that is known."""
        found = self._execute(
            "SELECT number, key FROM subjects WHERE subject = ? AND key IS NOT NULL", subject
        )
        row = found.fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def key(self, number: int) -> bytes | None:
        """The key with this number; None once it is destroyed."""
        if not number:
            return None
        row = self._execute("SELECT key FROM subjects WHERE number = ?", number).fetchone()
        return bytes(row[0]) if row and row[0] is not None else None

    def number_to_erase(self, subject: str) -> int | None:
        """The number of a subject with a key, or whose erasure has begun."""
        sql = "SELECT number FROM subjects WHERE subject = ? ORDER BY key IS NULL, number"
        row = self._execute(sql, subject).fetchone()
        return int(row[0]) if row else None

    def doom(self, number: int, request: str) -> None:
        """Destroys the key, and remembers for which request until `destroy`."""
        self._by_subject.clear()
        self._execute(
            "UPDATE subjects SET key = NULL, request = ? WHERE number = ?", request, number
        )

    def doomed(self) -> list[tuple[int, str]]:
        """Numbers and requests of the erasures that have begun."""
        found = self._execute("SELECT number, request FROM subjects WHERE key IS NULL")
        return [(int(number), str(request)) for number, request in found.fetchall()]

    def destroy(self, number: int) -> None:
        """Forgets a subject and its key; the bytes on the disk are overwritten."""
        self._by_subject.clear()
        self._execute("DELETE FROM subjects WHERE number = ?", number)

    def backup(self, target: Path) -> None:
        """Writes a copy to `target`. Raises LedgerError."""
        copy = sqlite3.connect(target)
        try:
            self._connection.backup(copy)
        except sqlite3.Error as error:
            raise LedgerError(f"the backup {target} cannot be written: {error}") from None
        finally:
            copy.close()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise LedgerError(f"the keys of subjects {self.path} cannot be used: {error}") from None
