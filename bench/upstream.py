"""The mock provider behind every proxy: one process, no framework, far cheaper than any proxy.

It answers POST with a fixed chat completion, or with a stream of events when the body asks for one.
What to stream stands in the body's `user` field, because that passes every proxy unchanged:
`bench:EVENTS:INTERVAL_MS` (interval 0: all events at once), `bench-line:BYTES` (one long SSE line),
`bench-bomb:BYTES` (gzip of so many zeros, sent compressed).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle, repeat
from typing import cast

import uvloop
from texts import prose

_ANSWER = (
    b'{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion",'
    b'"created":1741569952,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"%b",'
    b'"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":'
    b'{"prompt_tokens":419,"completion_tokens":96,"total_tokens":515,"prompt_tokens_details":'
    b'{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,'
    b'"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},'
    b'"service_tier":"default"}'
)
ANSWER_CHARACTERS = 384
ANSWERS = 4096
"""Different answers: more than a gateway remembers of texts."""
# The fields that a provider's answer carries, so that header work is priced as in production.
_COMMON = (
    b"date: Mon, 10 Mar 2025 01:25:52 GMT\r\n"
    b"openai-organization: org-bench\r\nopenai-processing-ms: 412\r\nopenai-version: 2020-10-01\r\n"
    b"x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n"
    b"x-ratelimit-reset-requests: 6ms\r\nx-request-id: req_0123456789abcdef0123456789abcdef\r\n"
)


def unary(seed: int) -> bytes:
    """A whole answer; its text is another one for each `seed`, its size always the same."""
    answer = _ANSWER % prose(seed, ANSWER_CHARACTERS).encode()
    length = b"content-length: %d\r\n" % len(answer)
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        + length
        + _COMMON
        + b"\r\n"
        + answer
    )


UNARY = unary(0)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n" + _COMMON + b"\r\n"
)
BOMB_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
    b"transfer-encoding: chunked\r\n" + _COMMON + b"\r\n"
)
_EVENT = (
    b'data: {"id":"chatcmpl-B9MBs8CjcvOU2","object":"chat.completion.chunk","created":1741569952,'
    b'"model":"gpt-4.1","choices":[{"index":0,"delta":{"content":"%b "},'
    b'"finish_reason":null}]}\n\n'
)
_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_MODE = re.compile(rb"bench(-line|-bomb)?:(\d+)(?::(\d+))?")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WRITE_BYTES = 65_536
LETTERS = bytes.maketrans(b"0123456789", b"ghkmnqvwyz")


def event(number: int) -> bytes:
    """One chunk of about 200 bytes; carries its number and the time of its writing in ns.

    In letters: digits in such rows are what a guard takes for the number of a card.
    """
    data = _EVENT % (b"%08d-%019d" % (number, time.monotonic_ns())).translate(LETTERS)
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """The gzip of `size` zero bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1_048_576)
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join(parts) + packer.flush()


class Ticker:
    """Writes each stream's next event every `interval_ms`, spread evenly over the interval.

    A late tick is not made up for: two events of one stream are never closer than the interval.
    """

    def __init__(self, interval_ms: int) -> None:
        self._slots: list[set[Connection]] = [set() for _ in range(interval_ms)]
        self._turn = 0
        self._placed = 0
        self._running = False

    def add(self, connection: Connection) -> None:
        self._placed += 1
        # A step that is prime to any usual interval scatters streams that start together.
        slot = (self._turn + self._placed * 7919) % len(self._slots)
        self._slots[slot].add(connection)
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_later(0.001, self._tick)

    def _tick(self) -> None:
        slot = self._slots[self._turn]
        self._turn = (self._turn + 1) % len(self._slots)
        for connection in [one for one in slot if not one.send_next()]:
            slot.discard(connection)
        self._running = any(self._slots)
        if self._running:
            asyncio.get_running_loop().call_later(0.001, self._tick)


class Connection(asyncio.Protocol):
    """One connection; requests follow one another, their bodies may come chunked."""

    tickers: dict[int, Ticker] = {}  # noqa: RUF012  # shared by all connections on purpose
    answers: Iterator[bytes] = repeat(UNARY)

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._open = False
        self._pending = b""
        self._sent = 0
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface, and not the base class, of asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)
        self._open = True

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._open = False

    def data_received(self, data: bytes) -> None:
        self._pending = data = self._pending + data if self._pending else data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(data, 0, head)
        if length is not None:
            if len(data) - head - 4 < int(length[1]):
                return
        elif b"\r\ntransfer-encoding" in data[:head].lower() and not data.endswith(b"0\r\n\r\n"):
            return
        self._pending = b""
        self._answer(data)

    def _answer(self, data: bytes) -> None:
        mode = _MODE.search(data)
        if mode is None:
            self._transport.write(next(self.answers))
            return
        amount = int(mode[2])
        if mode[1] == b"-line":
            self._blob(STREAM_HEAD, b"data: " + b"x" * (amount - 8) + b"\n\n")
        elif mode[1] == b"-bomb":
            self._blob(BOMB_HEAD, bomb(amount))
        else:
            self._start_stream(amount, int(mode[3]))

    def _blob(self, head: bytes, body: bytes) -> None:
        self._transport.write(head)
        for start in range(0, len(body), _WRITE_BYTES):
            piece = body[start : start + _WRITE_BYTES]
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self._transport.write(b"0\r\n\r\n")

    def _start_stream(self, events: int, interval_ms: int) -> None:
        self._sent, self._wanted = 0, events
        self._transport.write(STREAM_HEAD)
        if not interval_ms:
            while self.send_next():
                pass
            return
        if self.send_next():
            ticker = self.tickers.get(interval_ms)
            if ticker is None:
                ticker = self.tickers[interval_ms] = Ticker(interval_ms)
            ticker.add(self)

    def send_next(self) -> bool:
        """Writes the next event, or the end of the stream; says whether more is to come."""
        if not self._open:
            return False
        transport = self._transport
        if self._sent >= self._wanted:
            transport.write(_END)
            return False
        transport.write(event(self._sent))
        self._sent += 1
        return True


async def serve(port: int) -> None:
    """Serves on 127.0.0.1:`port` until killed."""
    loop = asyncio.get_running_loop()
    Connection.answers = cycle([unary(seed) for seed in range(ANSWERS)])
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
