"""Starts and stops the processes of a run, each on its core."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from accounting import is_sequencer, session_pids
from proxies import Proxy
from site_of_proxy import Site, free_port
from streams import body, request

HERE = Path(__file__).resolve().parent
_START_LIMIT_S = 120.0
_STOP_LIMIT_S = 20.0


class BenchError(Exception):
    """The run cannot go on; its text says why."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The proxy's core and the core of load generator and mock upstream."""

    proxy: int
    load: int


@dataclass(slots=True)
class Running:
    """A proxy that runs; `session` holds all its processes. `proxy` is None for no proxy at all."""

    proxy: Proxy | None
    site: Site
    session: int
    start_ms: float

    @property
    def port(self) -> int:
        return self.site.port

    @property
    def headers(self) -> tuple[str, ...]:
        return self.proxy.headers(self.site) if self.proxy is not None else ()


def pinned(core: int, command: list[str]) -> list[str]:
    """The command, bound to one core with all that it starts."""
    return ["taskset", "-c", str(core), *command]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and whatever is left of its session."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_LIMIT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def upstream(core: int) -> Iterator[int]:
    """Runs the mock upstream; gives its port."""
    port = free_port()
    command = [sys.executable, str(HERE / "upstream.py"), "--port", str(port)]
    process = subprocess.Popen(pinned(core, command), start_new_session=True)
    try:
        wait_for_answer(process, port, ())
        yield port
    finally:
        stop(process)


def answered(port: int, headers: tuple[str, ...]) -> bool:
    """Whether a chat request to the port gets a 200 now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request(f"127.0.0.1:{port}", body("ready", stream=False), headers))
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def wait_for_answer(process: subprocess.Popen[bytes], port: int, headers: tuple[str, ...]) -> None:
    """Returns with the first successful answer; raises where the process ends or takes too long."""
    limit = time.monotonic() + _START_LIMIT_S
    while not answered(port, headers):
        if process.poll() is not None:
            raise BenchError(f"{process.args!r} ended with code {process.returncode}")
        if time.monotonic() > limit:
            raise BenchError(f"{process.args!r} gave no answer within {_START_LIMIT_S:.0f} s")
        time.sleep(0.002)


@contextmanager
def running(
    proxy: Proxy, core: int, upstream_ports: tuple[int, int], folder: Path
) -> Iterator[Running]:
    """Runs a proxy on `core`; its output goes to `folder`/output.log."""
    folder.mkdir()
    site = Site(free_port(), *upstream_ports, folder)
    with proxy.beside(site):
        yield from _running(proxy, core, site)


def _move_sequencer(session: int) -> None:
    """Puts the process that makes receipts of records on the core of the load, where we run.

    It is a process beside the workers, so that what a worker costs is measured without it. On the
    worker's own core each would evict what the other has in the caches.
    """
    for pid in session_pids(session):
        if is_sequencer(pid):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), os.sched_getaffinity(0))


def _running(proxy: Proxy, core: int, site: Site) -> Iterator[Running]:
    assert proxy.program is not None  # noqa: S101  # narrows for mypy
    folder = site.folder
    command = pinned(core, proxy.command(proxy.program, site))
    environment = {**os.environ, **proxy.environment(site)}
    with (folder / "output.log").open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        try:
            wait_for_answer(process, site.port, proxy.headers(site))
        except BenchError as error:
            tail = (folder / "output.log").read_text(errors="replace")[-2000:]
            raise BenchError(f"{proxy.label}: {error}\n{tail}") from error
        started = Running(proxy, site, process.pid, (time.monotonic() - began) * 1000)
        _move_sequencer(process.pid)
        yield started
    finally:
        stop(process)
