"""The database of identity: `identity.db` in the data folder, one SQLite file in WAL mode.

The supervisor and the command line write it, each in transactions of their own; workers read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import ConfigError, Problem

DATABASE_FILE = "identity.db"
SCHEMA_VERSION = 2
SQLITE_MIN = (3, 37, 0)
"""The first SQLite with STRICT tables."""
WRITE_WAIT_S = 5.0
"""How long a writer waits for another one; a write takes milliseconds."""
READ_WAIT_S = 0.05
"""How long a worker waits where SQLite recovers a file that a crash left; then it refuses."""

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE tenants (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, disabled INTEGER NOT NULL, created_at REAL NOT NULL,
  created_by TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE keys (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (id), subject TEXT NOT NULL,
  name TEXT NOT NULL, scopes TEXT NOT NULL, roles TEXT NOT NULL, models TEXT NOT NULL,
  limits TEXT NOT NULL, expires_at REAL, revoked_at REAL, created_at REAL NOT NULL,
  created_by TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX keys_of_tenant ON keys (tenant, id);
CREATE TABLE secrets (
  hash BLOB PRIMARY KEY, key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  hint TEXT NOT NULL, created_at REAL NOT NULL, valid_until REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX secrets_of_key ON secrets (key, created_at);
CREATE TABLE roles (
  id TEXT PRIMARY KEY, definition TEXT NOT NULL,
  created_at REAL NOT NULL, created_by TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE bindings (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (id), subject TEXT NOT NULL,
  role TEXT NOT NULL, created_at REAL NOT NULL, created_by TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1, UNIQUE (tenant, subject, role)
) STRICT;
CREATE TABLE revocations (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, before REAL,
  expires_at REAL, reason TEXT NOT NULL, created_at REAL NOT NULL, created_by TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1, UNIQUE (kind, name, tenant)
) STRICT;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, hint TEXT NOT NULL, name TEXT NOT NULL,
  tenant TEXT REFERENCES tenants (id), roles TEXT NOT NULL, expires_at REAL,
  created_at REAL NOT NULL, created_by TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
) STRICT;
"""

_SECOND = """
CREATE TABLE erasures (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  conversation TEXT NOT NULL, field TEXT NOT NULL, ordered_at INTEGER NOT NULL,
  created_at REAL NOT NULL, created_by TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
) STRICT;
"""

MIGRATIONS = (_FIRST, _SECOND)
"""What leads from schema version n to n + 1, by n."""


def open_writer(data_dir: Path) -> sqlite3.Connection:
    """Opens the database to write, makes or migrates it where needed. Raises ConfigError.

    The connection may be used by one thread at a time, whichever.
    """
    path = data_dir / DATABASE_FILE
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        message = f"SQLite {sqlite3.sqlite_version} is too old"
        raise _problem(path, message, "Python needs to be built with SQLite 3.37 or later")
    try:
        # The files that SQLite puts beside it take over its permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, timeout=WRITE_WAIT_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from None
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        # A revocation that was answered with "done" must survive a power failure.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from None
    except ConfigError:
        connection.close()
        raise
    return connection


def open_reader(data_dir: Path) -> sqlite3.Connection | None:
    """Opens the database to read, for one thread; None where there is none or it is not ours yet.

    Raises sqlite3.Error where the file cannot be read.
    """
    path = data_dir / DATABASE_FILE
    if not path.exists():
        return None
    connection = sqlite3.connect(path, timeout=READ_WAIT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        connection.close()
        raise
    if version != SCHEMA_VERSION:
        connection.close()
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"schema version {version} is newer than this gateway")
        return None
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within is kept, or nothing where an exception leaves it."""
    # IMMEDIATE: a reader that becomes a writer half-way would not wait for another one but fail.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = f"the database is of a newer Sealgate (schema version {version})"
            hint = f"this one knows versions up to {SCHEMA_VERSION}: run the newer one"
            raise _problem(path, message, hint)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _unusable(path: Path, error: Exception) -> ConfigError:
    message = f"the database of identity cannot be used: {error}"
    return _problem(path, message, "run this as the user that runs the gateway")


def _problem(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(str(path), 0, 0, message, hint)])
