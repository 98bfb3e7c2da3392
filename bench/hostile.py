"""How long a bystander waits while others send hostile bodies through the same worker.

A stalled event loop makes everybody wait, so the stall is measured from outside: a small request
every 5 ms on a route with its own upstream, while one kind of attack at a time runs on another.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import suppress

import orjson
import uvloop
from streams import body, quantile, request

_PROBE_INTERVAL_NS = 5_000_000
_CLIENTS = 2


def deep_json(host: str) -> bytes:
    """400,000 brackets deep."""
    return request(host, b"[" * 400_000 + b"]" * 400_000)


def tiny_chunks(host: str) -> bytes:
    """A body of 200,000 chunks of one byte (RFC 9112 section 7.1)."""
    head = request(host, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    return head + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"


def long_line(host: str) -> bytes:
    """Asks for a stream of one event of 8 MB."""
    return request(host, body("bench-line:8388608", stream=True))


def bomb(host: str) -> bytes:
    """Asks for 256 MiB of zeros, compressed."""
    return request(host, body("bench-bomb:268435456", stream=False))


ATTACKS = {f.__name__: f for f in (deep_json, tiny_chunks, long_line, bomb)}


async def attack(port: int, wire: bytes, counts: list[int]) -> None:
    """Sends `wire` on fresh connections until cancelled; counts the answers."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(wire.replace(b"keep-alive", b"close", 1))
            await asyncio.gather(writer.drain(), _read_all(reader), return_exceptions=True)
            writer.close()
            counts[0] += 1
        await asyncio.sleep(0)


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(262_144):
        pass


async def probe(port: int, path: str, waits_ns: list[int]) -> None:
    """Asks every 5 ms until cancelled; notes how long each answer took.

    The wait counts from when the request was due: one that could not be sent because the one
    before it was still waiting has waited as well.
    """
    wire = request(f"127.0.0.1:{port}", body("probe", stream=False))
    wire = wire.replace(b"/v1/chat/completions", path.encode(), 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due_ns = time.monotonic_ns()
    try:
        while True:
            writer.write(wire)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            now = time.monotonic_ns()
            waits_ns.append(now - due_ns)
            due_ns += _PROBE_INTERVAL_NS
            if due_ns > now:
                await asyncio.sleep((due_ns - now) / 1e9)
    finally:
        writer.close()


async def run(port: int, path: str, kind: str, duration_s: float) -> dict[str, float]:
    """Probes for `duration_s` with the attack `kind` running (`none`: without)."""
    waits_ns: list[int] = []
    counts = [0]
    tasks = [asyncio.create_task(probe(port, path, waits_ns))]
    if kind != "none":
        wire = ATTACKS[kind](f"127.0.0.1:{port}")
        tasks += [asyncio.create_task(attack(port, wire, counts)) for _ in range(_CLIENTS)]
    await asyncio.sleep(duration_s)
    broken = tasks[0].done()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "probes": len(waits_ns),
        "broken": broken,
        "attacks": counts[0],
        "p50_ms": quantile(waits_ns, 0.5) / 1000,
        "p99_ms": quantile(waits_ns, 0.99) / 1000,
        "max_ms": quantile(waits_ns, 1.0) / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/anthropic/v1/messages")
    parser.add_argument("--kind", choices=["none", *ATTACKS], required=True)
    parser.add_argument("--duration-s", type=float, default=3.0)
    given = parser.parse_args()
    found = uvloop.run(run(given.port, given.path, given.kind, given.duration_s))
    sys.stdout.write(orjson.dumps(found).decode() + "\n")


if __name__ == "__main__":
    main()
