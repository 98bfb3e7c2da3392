"""A load generator for event streams: checks every event, measures first bytes and delays.

Prints one JSON object: events and streams seen, faults (missing, repeated or reordered events),
reads per event (below 1: events came coalesced), delay of events in µs from the upstream's write to
our read, and time to the first event in µs from our write.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import selectors
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import httptools
import orjson
import uvloop
from texts import prose

_EVENT = re.compile(rb'"content":"([ghkmnqvwyz]{8})-([ghkmnqvwyz]{19}) "')
_DIGITS = bytes.maketrans(b"ghkmnqvwyz", b"0123456789")
CLIENT_KEY = "sk-bench-0123456789abcdef0123456789abcdef"
_SDK_HEADERS = (
    "accept: application/json\r\naccept-encoding: gzip, deflate\r\n"
    f"authorization: Bearer {CLIENT_KEY}\r\n"
    "connection: keep-alive\r\ncontent-type: application/json\r\n"
    "user-agent: OpenAI/Python 3.54.0\r\n"
    "x-stainless-arch: x64\r\nx-stainless-async: false\r\nx-stainless-lang: python\r\n"
    "x-stainless-os: Linux\r\nx-stainless-package-version: 3.54.0\r\n"
    "x-stainless-read-timeout: 600\r\nx-stainless-retry-count: 0\r\n"
    "x-stainless-runtime: CPython\r\nx-stainless-runtime-version: 3.11.7\r\n"
)
BODY_BYTES = 1700


def body(user: str, *, stream: bool, seed: int = 0) -> bytes:
    """A chat request of 1.7 kB; `user` tells the mock upstream what to answer.

    Its text is another one for each `seed`.
    """
    start = (
        f'{{"model":"gpt-4.1","user":"{user}","temperature":0.7,"max_tokens":512,'
        f'"stream":{"true" if stream else "false"},"messages":[{{"role":"system","content":'
        '"You are a helpful assistant."},{"role":"user","content":"'
    )
    stop = '"}]}'
    return (start + prose(seed, BODY_BYTES - len(start) - len(stop)) + stop).encode()


def request(host: str, payload: bytes, extra: tuple[str, ...] = ()) -> bytes:
    """A whole request as an SDK writes it; `extra` are further header lines."""
    lines = "".join(f"{line}\r\n" for line in extra)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\n{_SDK_HEADERS}{lines}"
        f"content-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


@dataclass(slots=True)
class Findings:
    """What all connections saw together."""

    events: int = 0
    streams: int = 0
    faults: int = 0
    reads: int = 0
    delays_ns: list[int] = field(default_factory=list)
    first_ns: list[int] = field(default_factory=list)


class Stream(asyncio.Protocol):
    """One connection that reads streams one after another."""

    def __init__(self, wire: bytes, expected: int, findings: Findings) -> None:
        self._wire = wire
        self._expected = expected
        self._findings = findings
        self._transport: asyncio.Transport
        self._ended: asyncio.Future[None] | None = None
        self._buffer = b""
        self._next = 0
        self._asked_ns = 0
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface, and not the base class, of asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)

    async def read_one(self) -> None:
        """Sends the request and returns when its stream has ended."""
        self._ended = asyncio.get_running_loop().create_future()
        self._buffer, self._next = b"", 0
        self._parser = httptools.HttpResponseParser(self)
        self._asked_ns = time.monotonic_ns()
        self._transport.write(self._wire)
        await self._ended
        self._findings.streams += 1

    def data_received(self, data: bytes) -> None:
        self._findings.reads += 1
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Called by the parser: takes the whole events out."""
        now = time.monotonic_ns()
        *events, self._buffer = (self._buffer + data).split(b"\n\n")
        for event in events:
            match = _EVENT.search(event)
            if match is None:
                # The end mark, or an event that the proxy put in: what is missing shows by number.
                continue
            self._findings.faults += int(match[1].translate(_DIGITS)) != self._next
            if not self._next:
                self._findings.first_ns.append(now - self._asked_ns)
            self._next += 1
            self._findings.events += 1
            self._findings.delays_ns.append(now - int(match[2].translate(_DIGITS)))

    def on_message_complete(self) -> None:
        """Called by the parser: the stream has ended."""
        complete = self._next == self._expected and self._parser.get_status_code() == 200
        self._findings.faults += not complete
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._ended is not None and not self._ended.done():
            self._findings.faults += 1
            self._ended.set_exception(ConnectionError("the stream was cut"))


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` at once on as many connections, each read `repeat` times."""

    port: int
    streams: int
    events: int
    interval_ms: int
    repeat: int
    extra: tuple[str, ...] = ()


async def run(load: Load) -> Findings:
    """Puts the load on; a stream that is cut counts as a fault and ends its connection."""
    payload = body(f"bench:{load.events}:{load.interval_ms}", stream=True)
    wire = request(f"127.0.0.1:{load.port}", payload, load.extra)
    findings = Findings()

    async def one() -> None:
        _, protocol = await asyncio.get_running_loop().create_connection(
            lambda: Stream(wire, load.events, findings), "127.0.0.1", load.port
        )
        for _ in range(load.repeat):
            await protocol.read_one()

    outcomes = await asyncio.gather(*(one() for _ in range(load.streams)), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ConnectionError):
            raise outcome
    return findings


def quantile(values: list[int], share: float) -> float:
    """The value at `share` (0..1) of the sorted `values` in ns, as µs; 0.0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 if ordered else 0.0


def summary(findings: Findings) -> dict[str, float]:
    """What is printed."""
    return {
        "events": findings.events,
        "streams": findings.streams,
        "faults": findings.faults,
        "reads_per_event": findings.reads / max(1, findings.events),
        "delay_p50_us": quantile(findings.delays_ns, 0.5),
        "delay_p99_us": quantile(findings.delays_ns, 0.99),
        "delay_max_us": quantile(findings.delays_ns, 1.0),
        "first_p50_us": quantile(findings.first_ns, 0.5),
        "first_p99_us": quantile(findings.first_ns, 0.99),
    }


class Looks(selectors.EpollSelector):
    """Looks at its sockets every so often, and waits for none of them.

    Who writes to a client that waits on the same machine pays for waking it: much where the machine
    is a virtual one, and the less the further the client is behind. A gateway's are elsewhere.
    """

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self._every_s = every_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready after a pause; without one where the loop has something to do."""
        if timeout is None or timeout > 0:
            time.sleep(self._every_s)
        return super().select(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--interval-ms", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--look-ms", type=int, default=0, help="0: whenever something comes")
    given = parser.parse_args()
    load = Load(
        given.port,
        given.streams,
        given.events,
        given.interval_ms,
        given.repeat,
        tuple(given.header),
    )
    if given.look_ms:
        loop = asyncio.SelectorEventLoop(Looks(given.look_ms / 1000))
        found = loop.run_until_complete(run(load))
        loop.close()
    else:
        found = uvloop.run(run(load))
    sys.stdout.write(orjson.dumps(summary(found)).decode() + "\n")


if __name__ == "__main__":
    main()
