"""When each key was last used, in a file of its own.

Apart from `identity.db`, because what is written there makes every worker forget what it knows.
Written in batches off the loop; a crash loses the last seconds of it, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

USES_FILE: Final = "identity-uses.db"
FLUSH_INTERVAL_S: Final = 2.0
_WAIT_S: Final = 5.0
_IDS_PER_QUERY: Final = 500

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS uses (id TEXT PRIMARY KEY, at REAL NOT NULL) STRICT"
_HAS_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'uses'"
_UPSERT: Final = (
    "INSERT INTO uses (id, at) VALUES (?, ?)"
    " ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)"
)

_log = logging.getLogger("sealgate.identity")


class UseLog:
    """Collects uses of keys in one process and writes them every other second."""

    def __init__(self, data_dir: Path, wall: Callable[[], float]) -> None:
        self._path = data_dir / USES_FILE
        self._wall = wall
        self._seen: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """Remembers that `key_id` was used now; must be called on a running loop."""
        self._seen[key_id] = self._wall()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self._flush)

    async def close(self) -> None:
        """Writes what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        self._flush()
        if self._writing is not None:
            await self._writing

    def _flush(self) -> None:
        self._timer = None
        seen, self._seen = self._seen, {}
        if seen:
            loop = asyncio.get_running_loop()
            self._writing = loop.create_task(self._write(seen), name="uses of keys")

    async def _write(self, seen: dict[str, float]) -> None:
        try:
            await asyncio.to_thread(write_uses, self._path, seen)
        except (OSError, sqlite3.Error) as error:
            # What a key may do does not depend on it; the next batch tries again.
            fields = {"error": str(error), "keys": len(seen)}
            _log.warning("uses of keys were not written", extra={"fields": fields})


def write_uses(path: Path, seen: dict[str, float]) -> None:
    """Adds the times of `seen` (seconds since 1970, by id) to the file; later times win."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, timeout=_WAIT_S)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(_SCHEMA)
        connection.executemany(_UPSERT, seen.items())


def read_uses(data_dir: Path, ids: Iterable[str]) -> dict[str, float]:
    """When each of `ids` was last used, in seconds since 1970; those never used are left out."""
    path = data_dir / USES_FILE
    wanted = list(ids)
    found: dict[str, float] = {}
    if not path.exists():
        return found
    with closing(sqlite3.connect(path, timeout=_WAIT_S)) as connection:
        if connection.execute(_HAS_TABLE).fetchone() is None:
            return found  # a worker is about to write the first batch
        for start in range(0, len(wanted), _IDS_PER_QUERY):
            part = wanted[start : start + _IDS_PER_QUERY]
            marks = ",".join("?" * len(part))
            query = f"SELECT id, at FROM uses WHERE id IN ({marks})"  # noqa: S608  # question marks only
            found.update(connection.execute(query, part).fetchall())
    return found
