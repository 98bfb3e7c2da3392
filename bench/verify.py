"""How long a million receipts take to verify offline: sealed, exported, and verified from the file.

    python bench/verify.py                        # a million, by one process per core
    python bench/verify.py --count 100000 --jobs 1

The receipts have the members that the `receipt` plugin writes after a chain of six plugins. Wall
time is what counts; the CPU time of all processes is printed beside it, since a busy machine
stretches the first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gateway.receipts.commitment import ENTRY_LABEL, commit, salt
from gateway.receipts.ed25519 import SigningKey
from gateway.receipts.export import ExportTally, receipt_row
from gateway.receipts.files import LogFolder
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.merkle import CompactRange, entry, leaf_hash
from gateway.receipts.note import Checkpoint, sign_checkpoint
from gateway.receipts.receipt import GENESIS, Place, key_id_of, seal
from gateway.receipts.run_export import verify_export_file
from gateway.receipts.score import FACT_NAMES, score
from gateway.receipts.tiles import ENTRIES_LEVEL, TILE_WIDTH, Tile, encode_entries
from gateway.receipts.verify_log import verify_log

ORIGIN = "bench.example/log"
TENANTS = [f"tenant-{number}" for number in range(10)]
WHEN = "2026-11-29T06:00:00.000Z"
PLUGINS = ("ip_allowlist", "rate_limit", "injection", "dlp", "trust_score", "receipt")
TRUST = score(dict.fromkeys(FACT_NAMES[:12], True)).document()


def draft(number: int, secret: bytes) -> dict[str, Any]:
    """What a worker writes of one exchange."""
    body = b"%d" % number
    return {
        "timestamp": WHEN,
        "session_id": f"session-{number // 8}",
        "agent_did": "did:sonate:agent-1",
        "human_did": f"did:sonate:human-{number % 997}",
        "mode": "constitutional",
        "interaction": {
            "model": "gpt-4o-2024-08-06",
            "provider": "openai",
            "prompt_hash": hashlib.sha256(body).hexdigest(),
            "response_hash": hashlib.sha256(body + b"a").hexdigest(),
        },
        "telemetry": {"overall_trust_score": TRUST["result"], "trust_status": TRUST["verdict"]},
        "metadata": {
            "sealgate": {
                "v": 1,
                "ref": f"{number:026d}",
                "tenant": TENANTS[number % len(TENANTS)],
                "request_id": f"{number:026d}",
                "route": "openai",
                "dialect": "openai_chat",
                "policy": {"name": "production", "version": "1", "digest": "ab" * 32},
                "gateway": {"version": "0.1.0", "build": "compiled"},
                "principal": "c3" * 16,
                "model": {"asked": "gpt-4o", "served": "gpt-4o-2024-08-06"},
                "digests": {
                    "request_received": commit(salt(secret, "request_received"), body),
                    "request_forwarded": "same",
                    "response_received": commit(salt(secret, "response_received"), body),
                    "response_returned": "same",
                },
                "bytes": {"in": 1700, "out": 1100},
                "stream": {"events": 0, "outcome": "complete"},
                "outcome": "served",
                "reason": None,
                "status": 200,
                "verdicts": [
                    {"plugin": name, "mode": "enforce", "outcome": "allow", "reason": None, "us": 3}
                    for name in PLUGINS
                ],
                "coverage": {"request": "full", "response": "full", "tools": "none"},
                "redactions": {},
                "usage": {"input": 400, "output": 150, "cached": 0, "reasoning": 0},
                "attempts": [{"target": "openai", "status": 200, "reason": None}],
                "times_ms": {"received": 1, "forwarded": 2, "first_byte": 300, "last_byte": 301},
                "trust": TRUST,
            }
        },
    }


def rows(count: int, key: SigningKey) -> Iterator[tuple[bytes, dict[str, Any], bytes]]:
    """Each row of the export, its receipt, and its entry in the log."""
    heads = dict.fromkeys(TENANTS, (0, GENESIS))
    key_id = key_id_of(key.public_key)
    for index in range(count):
        secret = hashlib.sha256(b"%d" % index).digest()
        tenant = TENANTS[index % len(TENANTS)]
        seq, previous = heads[tenant]
        place = Place(ORIGIN, index, seq + 1, previous)
        sealed = seal(draft(index, secret), place, key, WHEN, key_id)
        heads[tenant] = (seq + 1, sealed.receipt["chain"]["chain_hash"])
        salted = salt(secret, ENTRY_LABEL)
        yield receipt_row(index, salted, sealed.data), sealed.receipt, entry(salted, sealed.data)


def write(folder: Path, count: int, key: SigningKey, log_key: SigningKey) -> Path:
    """The export and the log's folder."""
    path = folder / "export.ndjson"
    tally = ExportTally("ndjson")
    tree = CompactRange()
    levels: dict[int, list[bytes]] = {}
    entries: list[bytes] = []
    with path.open("wb") as file:
        for index, (row, receipt, item) in enumerate(rows(count, key)):
            file.write(tally.add(row, index, receipt))
            entries.append(item)
            for level, _, digest in tree.append(leaf_hash(item)):
                if level % 8 == 0:
                    levels.setdefault(level // 8, []).append(digest)
        checkpoint = sign_checkpoint(Checkpoint(ORIGIN, tree.size, tree.root()), log_key)
        manifest = tally.manifest(key, WHEN, query={}, complete=True, checkpoint=checkpoint)
        file.write(ExportTally.end("ndjson", manifest))
    (folder / "log").mkdir(exist_ok=True)
    (folder / "log" / "checkpoint").write_text(checkpoint, encoding="utf-8")
    for level, hashes in levels.items():
        write_tiles(folder / "log", level, hashes)
    write_tiles(folder / "log", ENTRIES_LEVEL, entries)
    return path


def write_tiles(folder: Path, level: int, items: list[bytes]) -> None:
    for start in range(0, len(items), TILE_WIDTH):
        part = items[start : start + TILE_WIDTH]
        path = folder / Tile(level, start // TILE_WIDTH, len(part)).path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_entries(part) if level == ENTRIES_LEVEL else b"".join(part))


def cpu_s() -> float:
    """CPU time of this process and of those that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, help="keeps what is made, and uses it again")
    given = options.parse_args()
    key, log_key = (SigningKey(hashlib.sha256(name).digest()) for name in (b"receipts", b"log"))
    ring = KeyRing([PublicKey(key.public_key), PublicKey(log_key.public_key, "log")])
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "export.ndjson"
        if not path.exists():
            started, cpu = time.perf_counter(), cpu_s()
            path = write(folder, given.count, key, log_key)
            report("sealed and exported", given.count, started, cpu)
        print(f"{path.stat().st_size / given.count:.0f} bytes a row")
        verify(path, folder / "log", ring, given.count, given.jobs)


def verify(path: Path, log: Path, ring: KeyRing, count: int, jobs: int) -> None:
    started, cpu = time.perf_counter(), cpu_s()
    files = LogFolder(log)
    log_report, leaves = verify_log(files.checkpoint(), files.fetch, ring)
    report("the log itself", count, started, cpu)
    export_report = verify_export_file(path, ring, leaves=leaves, jobs=jobs)
    report(f"log and export, {jobs} processes", count, started, cpu)
    print(orjson.dumps([log_report.document(), export_report.document()]).decode())
    if log_report.exit_code or export_report.exit_code:
        raise SystemExit("what was just made does not verify")


def report(what: str, count: int, started: float, cpu: float) -> None:
    wall, used = time.perf_counter() - started, cpu_s() - cpu
    rate = f"{count / wall:,.0f}/s, {used / count * 1e6:.0f} us CPU each"
    print(f"{what}: {count:,} in {wall:.1f} s ({used:.1f} s CPU): {rate}")


if __name__ == "__main__":
    main()
