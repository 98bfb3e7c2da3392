"""What the ledger costs: receipts per second of one core, time to inclusion, bytes per receipt.

    python -P bench/ledger.py [--store sqlite|postgres] [--rounds 40]
    PYTHONPATH=$(.ci/compile --path) python -P bench/ledger.py

The rate is receipts divided by the CPU time of the sequencer's process for reading, signing,
committing and publishing a thousand of them; the fastest round counts, since everything else is
the machine's. For PostgreSQL set SEALGATE_BENCH_DSN to a role that may make schemas; the CPU time
of its server is not in the rate.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from gateway.build import KIND
from gateway.ledger.folder import journal_folder, open_journal
from gateway.ledger.journal import Journal
from gateway.ledger.opening import open_ledger
from gateway.ledger.overview import check_all
from tests.ledger_drafts import Node, make_draft, make_payload, make_ref

RECEIPTS = 1_000
SUBJECTS = 500
TENANTS = 20


def node_in(folder: Path, store: str) -> Node:
    if store == "sqlite":
        return Node(folder)
    return Node(folder, store="postgres", dsn="${SEALGATE_BENCH_DSN}")


def payloads(count: int) -> list[bytes]:
    run = make_ref()[:17]  # refs of one process follow each other
    return [
        make_payload(
            ref=f"{run}{n:09d}",
            subject=f"subject-{n % SUBJECTS}",
            draft=make_draft(f"tenant-{n % TENANTS}"),
        )
        for n in range(count)
    ]


def append_us(folder: Path) -> float:
    """CPU time of one append, in microseconds."""
    journal = Journal(folder, "bench")
    payload = make_payload()
    best = float("inf")
    for _ in range(30):
        began = time.process_time()
        for _ in range(1_000):
            journal.append(payload)
        best = min(best, time.process_time() - began)
    journal.close()
    return best * 1_000


def rate(folder: Path, store: str, rounds: int) -> tuple[float, Node, float]:
    """Receipts per second of CPU time of the best round; the filled node; receipts per second."""
    node = node_in(folder, store)
    best = wall = 0.0
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # as the process of the sequencer does
    with node.sequencer() as running:
        for _ in range(rounds):
            node.write(*payloads(RECEIPTS))
            began, began_wall = time.process_time(), time.monotonic()
            while running.waiting_bytes():
                running.step()
            best = max(best, RECEIPTS / (time.process_time() - began))
            wall = max(wall, RECEIPTS / (time.monotonic() - began_wall))
    return best, node, wall


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def sizes(node: Node, receipts: int) -> dict[str, float]:
    """Bytes per receipt: all of the ledger, and the log alone (entries and tiles)."""
    ledger = open_ledger(node.settings)
    try:
        if node.settings.ledger.store == "postgres":
            sql = (
                "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN"
                " pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r'"
            )
            database = int(ledger.rows(sql, ledger.schema)[0][0])  # type: ignore[attr-defined]  # as the store says
        else:
            ledger.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]  # of SqlLedger
            database = disk_bytes(node.folder) - disk_bytes(node.folder / "log")
    finally:
        ledger.close()
    tiles = disk_bytes(node.folder / "log")
    return {
        "all": (database + tiles) / receipts,
        "log": 32 + 3 + tiles / receipts,  # the entry and its header in a row, and the tiles
    }


def inclusion_ms(folder: Path, store: str, per_s: int, seconds: int) -> list[float]:
    """From the append of a record to the publication of a checkpoint that includes it."""
    node = node_in(folder, store)
    with node.sequencer() as running:
        running.step()
    command = "from gateway.ledger.process import main; import sys; sys.exit(main())"
    sequencer = subprocess.Popen(
        [sys.executable, "-P", "-c", f"import sys; sys.path[:] = {sys.path!r}; {command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert sequencer.stdin is not None  # noqa: S101  # it was asked for as a pipe
    sequencer.stdin.write(node.settings.model_dump_json().encode() + b"\n")
    sequencer.stdin.flush()
    journal = open_journal(node.settings, "bench", "batched")
    checkpoint = node.folder / "log" / "checkpoint"
    waiting: list[tuple[float, int]] = []
    taken: list[float] = []
    # The log holds nothing else meanwhile, so the count of records says which ones a size includes.
    size, written = _size(checkpoint), 0
    pause = 1 / 200
    _warm(journal, checkpoint, size)
    size = _size(checkpoint)
    began = time.monotonic()
    while (now := time.monotonic()) - began < seconds or waiting:
        if now - began < seconds:
            due = int((now - began) * per_s) - written
            for _ in range(due):
                journal.append(make_payload(ref=make_ref()))
                written += 1
                waiting.append((time.monotonic(), size + written))
        published = _size(checkpoint)
        seen = time.monotonic()
        while waiting and waiting[0][1] <= published:
            taken.append((seen - waiting.pop(0)[0]) * 1000)
        time.sleep(pause)
    journal.close()
    sequencer.stdin.close()
    sequencer.wait()
    return taken


def _warm(journal: Journal, checkpoint: Path, size: int) -> None:
    """Waits until the sequencer serves; its heartbeat and one record have come by then."""
    journal.append(make_payload())
    while _size(checkpoint) < size + 2:
        time.sleep(0.05)


def _size(checkpoint: Path) -> int:
    return int(checkpoint.read_bytes().split(b"\n")[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--rates", default="50,500,2000", help="records per second for inclusion")
    options: Any = parser.parse_args()
    print(f"build: {KIND}, store: {options.store}, cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory(prefix="sealgate-bench-") as scratch:
        folder = Path(scratch)
        journal = journal_folder(Node(folder / "journal").settings)
        print(f"append of a record: {append_us(journal):.1f} us CPU")
        best, node, wall = rate(folder / "rate", options.store, options.rounds)
        print(f"sequencer: {best:,.0f} receipts/s of CPU time, {wall:,.0f}/s by the clock")
        found = sizes(node, RECEIPTS * options.rounds)
        print(f"storage: {found['all']:,.0f} bytes per receipt, the log alone {found['log']:.1f}")
        began = time.process_time()
        report = check_all(node.settings)
        each_us = (time.process_time() - began) / report.entries * 1e6
        print(f"fsck: {report.entries:,} entries, ok: {report.ok}, {each_us:.0f} us CPU each")
        for number, per_s in enumerate(map(int, options.rates.split(","))):
            taken = inclusion_ms(folder / f"inclusion-{number}", options.store, per_s, 10)
            quantiles = statistics.quantiles(taken, n=100)
            print(
                f"inclusion at {per_s}/s: p50 {quantiles[49]:.0f} ms, p99 {quantiles[98]:.0f} ms, "
                f"worst {max(taken):.0f} ms"
            )


if __name__ == "__main__":
    main()
