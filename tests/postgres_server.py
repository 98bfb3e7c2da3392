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
        options = ("-A", "trust", "-U", "admin", "--no-sync", "--wal-segsize=1")
        self._run("initdb", "-D", str(self.data), *options)
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

    def dump(self, schema: str) -> str:
        """A schema as the statements that make it again."""
        return self._run("pg_dump", "-d", self.dsn("admin"), "-n", schema)

    def load(self, dump: str) -> None:
        """Carries out a dump."""
        options = ("-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn("admin"))
        self._run("psql", *options, given=dump)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` as an operator does, `immediate` as a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def revive(self) -> None:
        """Runs again, whatever became of it."""
        with contextlib.suppress(AssertionError):
            self.stop("immediate")
        self.start()

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

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        assert BIN is not None
        done = subprocess.run(
            [*self._prefix, str(BIN / program), *arguments],
            cwd=self.folder,
            input=given,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return (done.stdout or "").strip()


@contextlib.contextmanager
def running_postgres(disk_bytes: int | None = None) -> Iterator[PostgresServer]:
    """A server that runs; it ends with the block. `disk_bytes`: on a disk of that size."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with contextlib.ExitStack() as stack:
            if disk_bytes is not None:
                stack.enter_context(_small_disk(folder, disk_bytes))
            server = PostgresServer(folder)
            try:
                yield server
            finally:
                server.resume()
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk in memory; skips where mounting is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
