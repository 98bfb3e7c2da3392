"""A POST reaches the upstream at most once, whatever the upstream does at whatever moment."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.hostile.front import Front
from tests.hostile.gateway import running_front
from tests.hostile.raw_upstream import listening_socket
from tests.hostile.wire import Message, TruncatedError, Wire

FAULTS_MIN = int(os.environ.get("HOSTILE_FAULTS", "2000"))
CLIENTS = 8
OK = b"HTTP/1.1 200 OK\r\n"


class FaultyUpstream:
    """Counts every delivery of every request, and fails most of them in its own way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # chooses faults, guards nothing
        self._listener = listening_socket()
        self._listener.settimeout(None)
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.deliveries: collections.Counter[bytes] = collections.Counter()
        self.faults = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire = Wire(self._listener.accept()[0])
                threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: Wire) -> None:
        with wire, contextlib.suppress(OSError, TruncatedError):
            while True:
                head = wire.read_request_head()
                with self._lock:
                    # Counted as soon as the head is there: work may have begun.
                    self.deliveries[head.target] += 1
                    fault = self._random.choice(FAULTS)
                    self.faults += fault is not fine
                if not fault(wire, head):
                    break

    def close(self) -> None:
        """Closes the port and ends the thread that listens."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def _answer(wire: Wire) -> None:
    wire.send(OK, b"Content-Length: 2\r\n\r\nok")


def fine(wire: Wire, head: Message) -> bool:
    """Answers, keeps the connection."""
    wire.read_exactly(int(head.values(b"content-length")[0]))
    _answer(wire)
    return True


def close_after_answer(wire: Wire, head: Message) -> bool:
    """The keep-alive race: the end comes while the gateway may already reuse the connection."""
    fine(wire, head)
    return False


def reset_after_answer(wire: Wire, head: Message) -> bool:
    """The same by RST."""
    fine(wire, head)
    wire.reset()
    return False


def close_after_head(_wire: Wire, _head: Message) -> bool:
    """The body is never read."""
    return False


def reset_after_head(wire: Wire, _head: Message) -> bool:
    """The same by RST."""
    wire.reset()
    return False


def close_after_body(wire: Wire, head: Message) -> bool:
    """The whole request is there, and no byte of an answer."""
    wire.read_exactly(int(head.values(b"content-length")[0]))
    return False


def half_a_head(wire: Wire, _head: Message) -> bool:
    """An answer begins."""
    wire.send(b"HTTP/1.1 2")
    return False


def half_a_body(wire: Wire, _head: Message) -> bool:
    """An answer breaks off."""
    wire.send(OK, b"Content-Length: 100\r\n\r\nhalf")
    return False


def garbage(wire: Wire, _head: Message) -> bool:
    """No HTTP at all."""
    wire.send(b"\x00\x01garbage\r\n\r\n")
    return False


def early_answer(wire: Wire, _head: Message) -> bool:
    """An answer before the body was read, and the end."""
    _answer(wire)
    return False


FAULTS = (
    fine,
    close_after_answer,
    reset_after_answer,
    close_after_head,
    reset_after_head,
    close_after_body,
    half_a_head,
    half_a_body,
    garbage,
    early_answer,
)


@pytest.fixture(params=[1, 2, 3])
def faulty(request: pytest.FixtureRequest) -> Iterator[FaultyUpstream]:
    upstream = FaultyUpstream(request.param)
    yield upstream
    upstream.close()


def _post_many(
    front: Front, upstream: FaultyUpstream, client_number: int, errors: list[str]
) -> None:
    number = 0
    client = front.connect()
    while upstream.faults < FAULTS_MIN // 3:
        number += 1
        target = b"/v1/x?client=%d&n=%d" % (client_number, number)
        body = b"x" * (number * 37 % 3000)
        with contextlib.suppress(TruncatedError, OSError):
            client.send(b"POST %s HTTP/1.1\r\nHost: a\r\n" % target)
            client.send(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            got = client.read_response(b"POST")
            if got.status not in {200, 502}:
                errors.append(f"{target!r} got {got.start!r}")
            if b"close" not in got.values(b"connection"):
                continue
        client.close()
        client = front.connect()


def test_no_fault_makes_a_post_arrive_twice(faulty: FaultyUpstream) -> None:
    errors: list[str] = []
    with running_front(faulty.port) as (_, front):
        threads = [
            threading.Thread(target=_post_many, args=(front, faulty, number, errors))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert faulty.faults >= FAULTS_MIN // 3
    assert {target for target, count in faulty.deliveries.items() if count > 1} == set()
