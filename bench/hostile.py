"""How long a bystander waits while others send hostile bodies through the same worker.

A stalled event loop makes everybody wait, so the stall is measured from outside: a small request
every 5 ms on a route with its own upstream, while one kind of attack at a time runs on another.
Bystanders and attackers run in processes of their own.
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
_GIVE_UP_S = 20.0


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


async def attack(port: int, kind: str) -> None:
    """Sends one kind of hostile request after another until the process is ended.

    One at a time: several would add up their stalls, and it is the single one that is bounded.
    """
    wire = ATTACKS[kind](f"127.0.0.1:{port}")
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(wire.replace(b"keep-alive", b"close", 1))
            await asyncio.gather(writer.drain(), _read_all(reader), return_exceptions=True)
            writer.close()
        await asyncio.sleep(0)


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(262_144):
        pass


Wires = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Bystander:
    """Asks every 5 ms, whatever became of the requests before; `waits_ns` holds each wait."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._free: list[Wires] = []
        wire = request(f"127.0.0.1:{port}", body("probe", stream=False))
        self._wire = wire.replace(b"/v1/chat/completions", path.encode(), 1)
        self.waits_ns: list[int] = []

    async def run(self, duration_s: float) -> None:
        """Starts a request at each due time and waits for all of them; an unanswered one raises."""
        began = time.monotonic_ns()
        async with asyncio.TaskGroup() as group:
            for due_ns in range(began, began + int(duration_s * 1e9), _PROBE_INTERVAL_NS):
                ahead_ns = due_ns - time.monotonic_ns()
                await asyncio.sleep(max(0, ahead_ns) / 1e9)
                group.create_task(self._ask())
        for _, writer in self._free:
            writer.close()

    async def _ask(self) -> None:
        began = time.monotonic_ns()
        wires = self._free.pop() if self._free else None
        reader, writer = wires or await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._wire)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _GIVE_UP_S)
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(head.partition(b"\r\n")[0].decode())
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.waits_ns.append(time.monotonic_ns() - began)
        self._free.append((reader, writer))


async def watch(port: int, path: str, duration_s: float) -> dict[str, float]:
    """What a bystander sees meanwhile; `broken` if it was not served at all."""
    bystander, broken = Bystander(port, path), False
    try:
        await bystander.run(duration_s)
    except* (OSError, EOFError, TimeoutError):
        broken = True
    waits_ns = bystander.waits_ns
    return {
        "probes": len(waits_ns),
        "broken": broken,
        "p50_ms": quantile(waits_ns, 0.5) / 1000,
        "p99_ms": quantile(waits_ns, 0.99) / 1000,
        "max_ms": quantile(waits_ns, 1.0) / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--attack", choices=list(ATTACKS), help="attack instead of watching")
    parser.add_argument("--path", default="/anthropic/v1/messages", help="what bystanders ask")
    parser.add_argument("--duration-s", type=float, default=2.0)
    given = parser.parse_args()
    if given.attack is not None:
        uvloop.run(attack(given.port, given.attack))
    found = uvloop.run(watch(given.port, given.path, given.duration_s))
    sys.stdout.write(orjson.dumps(found).decode() + "\n")


if __name__ == "__main__":
    main()
