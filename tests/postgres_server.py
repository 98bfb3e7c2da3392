"""A real PostgreSQL on a Unix socket, with the two roles that a ledger knows.

    with running_postgres() as server:
        server.dsn("writer")      # may select and insert; `owner` makes tables and deletes
        server.stop(); server.start()

Mark what uses it with `needs_postgres`: without its binaries it is skipped.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_ON_PATH = shutil.which("initdb")
BIN = _FOUND[-1].parent if _FOUND else Path(_ON_PATH).parent if _ON_PATH else None
USER = "postgres"
"""Who runs the server where the tests run as root, which it refuses."""

needs_postgres = pytest.mark.skipif(
    BIN is None, reason="no PostgreSQL: as root, apt-get install postgresql"
)


class PostgresServer:
    """One server with its data in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        assert BIN is not None
        self.folder = folder
        self.data = folder / "data"
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            self._prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
            entry = pwd.getpwnam(USER)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "admin", "--no-sync")
        self.start()
        for role in ("owner", "writer"):
            self.sql(f"CREATE ROLE {role} LOGIN")
        self.sql("GRANT CREATE ON DATABASE postgres TO owner")
        self.sql("GRANT CREATE ON SCHEMA public TO owner")

    def dsn(self, role: str) -> str:
        return f"host={self.folder} user={role} dbname=postgres"

    def sql(self, statement: str) -> str:
        """What one statement of the administrator prints."""
        return self._run("psql", "-qAt", "-d", self.dsn("admin"), "-c", statement)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` as an operator does, `immediate` as a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def pause(self) -> None:
        """Every process stands still: connections stay and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, signum: int) -> None:
        main = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _run(self, program: str, *arguments: str) -> str:
        assert BIN is not None
        done = subprocess.run(
            [*self._prefix, str(BIN / program), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return (done.stdout or "").strip()


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server that runs; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.resume()
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
