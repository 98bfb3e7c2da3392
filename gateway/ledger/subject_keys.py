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
_INDEX = "CREATE INDEX IF NOT EXISTS by_subject ON subjects (subject)"


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
            "SELECT number, key FROM subjects WHERE subject = ? AND request IS NULL", subject
        )
        row = found.fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def key(self, number: int) -> bytes | None:
        """The key with this number; None once it is destroyed."""
        if not number:
            return None
        row = self._execute("SELECT key FROM subjects WHERE number = ?", number).fetchone()
        return bytes(row[0]) if row and row[0] is not None else None

    def ask_erasure(self, subject: str, request: str) -> bool:
        """Remembers that a subject is to be erased; what comes later of it gets another key.

        False where nothing is known of the subject.
        """
        self._by_subject.clear()
        done = self._execute(
            "UPDATE subjects SET request = ? WHERE subject = ? AND request IS NULL",
            request,
            subject,
        )
        return done.rowcount > 0

    def asked_erasures(self) -> dict[str, list[int]]:
        """The numbers that are to be erased, by request."""
        found: dict[str, list[int]] = {}
        sql = "SELECT request, number FROM subjects WHERE request IS NOT NULL ORDER BY number"
        for request, number in self._execute(sql).fetchall():
            found.setdefault(request, []).append(number)
        return found

    def withdraw_erasure(self, request: str) -> None:
        """Goes on as before a request that was refused."""
        self._by_subject.clear()
        self._execute("UPDATE subjects SET request = NULL WHERE request = ?", request)

    def blank(self, number: int) -> None:
        """Destroys the key, and leaves the subject's name until `destroy`."""
        self._execute("UPDATE subjects SET key = NULL WHERE number = ?", number)

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
