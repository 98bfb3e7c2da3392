"""Mutated requests: whatever comes, the upstream sees well-formed requests that the bytes contain.

`HOSTILE_FUZZ` sets the number of examples for each of the three seeds (default 300).
"""

from __future__ import annotations

import contextlib
import os
import random

import pytest

from tests.hostile.front import Front
from tests.hostile.raw_upstream import AnsweringUpstream
from tests.hostile.smuggling import SENTINEL, check_innocent
from tests.hostile.smuggling_corpus import corpus
from tests.hostile.smuggling_vectors import SMUGGLED, post
from tests.hostile.wire import (
    MalformedError,
    Message,
    TruncatedError,
    parse_request,
)

EXAMPLES = int(os.environ.get("HOSTILE_FUZZ", "300"))
PLAIN = (
    b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n",
    post(b"Content-Length: 5", body=b"hello"),
    post(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    post(b"Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    post(b"Content-Length: 5", b"Connection: close", body=b"hello"),
    post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
)
TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b":", b",", b";", b"0", b"5", b"\xff"),
    *(b"\r\n\r\n", b"0\r\n\r\n", b"chunked", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Host: b\r\n", SMUGGLED, b"identity"),
    *(b"Connection: close\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"HTTP/1.0"),
)
QUIET_S = 0.1
"""After so long without a word, the gateway waits for more of a request that has no more."""


def mutated(chance: random.Random, bases: list[bytes]) -> bytes:
    """One or two requests with up to three wounds."""
    data = bytearray(chance.choice(bases))
    if chance.random() < 0.3:
        data += chance.choice(bases)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(len(data) + 1)
        upto = min(len(data), at + chance.choice((0, 0, 1, 2, 8)))
        kind = chance.random()
        if kind < 0.5:
            data[at:upto] = chance.choice(TOKENS)
        elif kind < 0.7:
            data[at:upto] = b""
        elif kind < 0.85:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        elif at < len(data):
            data[at] ^= 1 << chance.randrange(8)
    return bytes(data)


def converse(front: Front, raw: bytes) -> list[Message]:
    """Sends `raw` and a last request behind it; gives every answer."""
    client = front.connect()
    got: list[Message] = []
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, TruncatedError):
        client.send(raw)
        client.send(SENTINEL)
        while True:
            if not client.wait_readable(QUIET_S):
                client.end_sending()
            got.append(client.read_response())
    client.close()
    front.clients.clear()
    return got


def readable(raw: bytes) -> tuple[list[Message], bool]:
    """What a strict reader finds in `raw`, and whether it understood all of it."""
    found: list[Message] = []
    with contextlib.suppress(TruncatedError):
        while raw:
            try:
                message, raw = parse_request(raw)
            except MalformedError:
                return found, False
            found.append(message)
    return found, True


def _path(target: bytes) -> bytes:
    """The absolute form (RFC 9112 section 3.2.2) as the gateway forwards it."""
    scheme, mark, rest = target.partition(b"://")
    absolute = mark and scheme.lower() in {b"http", b"https"}
    return b"/" + rest.partition(b"/")[2] if absolute else target


def check_example(front: Front, upstream: AnsweringUpstream, raw: bytes) -> None:
    """What arrived is what a strict reader would have read, in order, and nothing else."""
    upstream.taken()
    upstream.malformed.clear()
    converse(front, raw)
    seen = [(request.method, request.target, request.body) for request in upstream.taken()]
    assert upstream.malformed == []
    strict, understood = readable(raw + SENTINEL)
    expected = [(request.method, _path(request.target), request.body) for request in strict]
    if understood:
        # It may refuse what it does not like (a second Host, CONNECT), but not read on otherwise.
        assert seen == expected[: len(seen)]
    else:
        assert seen[: len(expected)] == expected[: len(seen)]
    check_innocent(front, upstream)


@pytest.mark.timeout(max(60, EXAMPLES))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutated_requests_are_never_read_in_two_ways(
    seed: int, answering_front: Front, answering_upstream: AnsweringUpstream
) -> None:
    chance = random.Random(seed)  # noqa: S311  # chooses wounds, guards nothing
    bases = [*PLAIN * 300, *(vector.raw for vector in corpus() if len(vector.raw) < 2000)]
    for number in range(EXAMPLES):
        raw = mutated(chance, bases)
        try:
            check_example(answering_front, answering_upstream, raw)
        except (AssertionError, OSError, TruncatedError) as error:
            error.add_note(f"seed {seed}, example {number}: {raw!r}")
            raise


def test_the_strict_reader_finds_both_of_two_requests() -> None:
    raw = PLAIN[2] + PLAIN[0]
    found, understood = readable(raw)
    assert [message.body for message in found] == [b"hello", b""]
    assert understood
