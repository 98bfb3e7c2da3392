"""Redis killed with -9 under load, and started again: who waits, who is refused, when it is over.

    python bench/store_outage.py            # needs a redis-server; some 20 seconds for each policy

A gateway with two workers counts one limit in a redis-server that writes an append-only file, so
that a kill loses no count. Clients send without pause but a short one; the server is killed, stays
away for a while, and comes back. For `closed` and for `lease`, prints how long `rate_limit` held
any request while it was away (from the verdicts in the log), how requests ended in each phase, the
time from the server's first answer to the last refusal for its absence, and what was admitted.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

LIMIT = 3_000
DEADLINE_MS = 50
OK, UNAVAILABLE = 200, 503
CLIENTS = 32
PAUSE_S = 0.05
BEFORE_S, AWAY_S, AFTER_S = 3.0, 3.0, 6.0
SHARES_S = 6.0
"""After the start: a share is granted once the registry of workers is three heartbeats old."""
WORKERS = 2
LEASE_FRACTION = 0.1
CONFIG = """
workers: %d
listener: {port: %d}
admin: {port: %d}
stores: {default: {kind: redis, url: 'redis://127.0.0.1:%d', deadline_ms: %d}}
"""
POLICY = """
version: 1
name: outage
chain:
  - rate_limit:
      on_outage: %s
      limits: [{per: global, requests: %d, window: 30d}]
"""
BODY = b'{"model":"demo","messages":[{"role":"user","content":"hi"}]}'
REQUEST = (
    b"POST /demo/v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """One server with its counts on disk."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.port = free_port()
        self._command = [
            *(binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "no"),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Starts it; the time at which it answered."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port)) as c,
            ):
                c.sendall(b"PING\r\n")
                if c.recv(64).startswith(b"+PONG"):
                    return time.monotonic()
            time.sleep(0.002)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass
class Run:
    """One request after the other: when each began and ended, and how."""

    seen: list[tuple[float, float, int]] = field(default_factory=list)
    killed_at: float = 0.0
    back_at: float = 0.0
    clock_offset: float = field(
        default_factory=lambda: time.time() - time.monotonic()  # noqa: TID251  # the log's clock
    )

    def phase(self, began: float, ended: float) -> str:
        """Where a request falls that may span two phases: what it met counts."""
        if ended < self.killed_at:
            return "before"
        return "away" if began < self.back_at else "after"


async def client(port: int, run: Run, stop: asyncio.Event) -> None:
    """Asks on one connection until told to stop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not stop.is_set():
        began = time.monotonic()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        run.seen.append((began, time.monotonic(), int(head.split(b" ", 2)[1])))
        await asyncio.sleep(PAUSE_S)
    writer.close()


async def load(port: int, redis: Redis) -> Run:
    """The whole course of events."""
    run, stop = Run(), asyncio.Event()
    clients = [asyncio.create_task(client(port, run, stop)) for _ in range(CLIENTS)]
    await asyncio.sleep(BEFORE_S)
    run.killed_at = time.monotonic()
    await asyncio.to_thread(redis.kill)
    await asyncio.sleep(AWAY_S)
    run.back_at = await asyncio.to_thread(redis.start)
    await asyncio.sleep(AFTER_S)
    stop.set()
    await asyncio.gather(*clients)
    return run


@contextlib.contextmanager
def gateway(folder: Path, redis: Redis, mode: str) -> Iterator[tuple[int, Path]]:
    """A running gateway; its port and its log."""
    port, admin = free_port(), free_port()
    config, policy, log = folder / "gateway.yaml", folder / "policy.yaml", folder / "log"
    config.write_text(CONFIG % (WORKERS, port, admin, redis.port, DEADLINE_MS), encoding="utf-8")
    policy.write_text(POLICY % (mode, LIMIT), encoding="utf-8")
    command = [
        *(str(Path(sys.executable).with_name("sealgate")), "serve", "--config", str(config)),
        *("--policies", str(policy), "--data-dir", str(folder / "d")),
    ]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            while b'"event":"ready"' not in log.read_bytes():
                time.sleep(0.05)
            time.sleep(SHARES_S)
            yield port, log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def held_us(log: Path, run: Run) -> list[float]:
    """How long `rate_limit` held each request that ended while the server was away."""
    held = []
    for text in log.read_bytes().splitlines():
        line: dict[str, Any] = orjson.loads(text)
        if line["event"] != "exchange":
            continue
        ended = datetime.fromisoformat(line["time"]).timestamp() - run.clock_offset
        if run.killed_at <= ended <= run.back_at:
            first = line["verdicts"][0]
            held.append(float(first["us"]))
    return sorted(held)


def report(mode: str, run: Run, held: list[float]) -> None:
    """What came of one policy."""
    phases = {name: Counter[int]() for name in ("before", "away", "after")}
    for began, ended, status in run.seen:
        phases[run.phase(began, ended)][status] += 1
    refused = [ended for _, ended, status in run.seen if status == UNAVAILABLE]
    recovery = max(0.0, max(refused, default=0.0) - run.back_at)
    admitted = sum(phase[OK] for phase in phases.values())
    away = [ended - began for began, ended, _ in run.seen if run.phase(began, ended) == "away"]
    most = LIMIT * (1 + LEASE_FRACTION) if mode == "lease" else LIMIT
    print(f"\non_outage: {mode}")
    for name, statuses in phases.items():
        print(f"  {name:7}{dict(sorted(statuses.items()))}")
    print(f"  held by rate_limit while away: longest {held[-1] / 1000:.1f} ms,", end=" ")
    print(f"99 of 100 {held[len(held) * 99 // 100] / 1000:.2f} ms (deadline {DEADLINE_MS} ms)")
    print(f"  longest answer while away: {max(away) * 1000:.0f} ms, client and provider included")
    print(f"  last refusal for the outage: {recovery:.2f} s after the server answered again")
    print(f"  admitted: {admitted} of {most:.0f}")


def main() -> None:
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        sys.exit("no redis-server: as root, apt-get install redis-server (7 or newer)")
    for mode in ("closed", "lease"):
        with tempfile.TemporaryDirectory() as name:
            redis = Redis(binary, Path(name))
            redis.start()
            try:
                with gateway(Path(name), redis, mode) as (port, log):
                    run = asyncio.run(load(port, redis))
                report(mode, run, held_us(log, run))
            finally:
                redis.kill()


if __name__ == "__main__":
    main()
