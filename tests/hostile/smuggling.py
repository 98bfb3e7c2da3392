"""The invariant of the corpus: refused and closed, or one request that means the same."""

from __future__ import annotations

import contextlib

from tests.hostile.front import Front
from tests.hostile.raw_upstream import AnsweringUpstream
from tests.hostile.smuggling_vectors import Meaning, Vector
from tests.hostile.wire import Message, TruncatedError, Wire

SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
REFUSED_FROM = 400


def answers(client: Wire) -> list[Message]:
    """Sends a last request behind what was sent, and reads every answer up to the end.

    The answer to the last request proves that all before it was dealt with, in order. A refusal
    ends the connection by itself.
    """
    got: list[Message] = []
    with contextlib.suppress(TruncatedError):
        got.append(client.read_response())
        if got[0].status < REFUSED_FROM:
            client.send(SENTINEL)
        while True:
            got.append(client.read_response())
    return got


def play(front: Front, raw: bytes, *, unfinished: bool = False) -> list[Message]:
    """Sends `raw` on a fresh connection and gives the answers."""
    with front.connect() as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(raw)
            if unfinished:
                client.end_sending()
        return answers(client)


def check_vector(vector: Vector, front: Front, upstream: AnsweringUpstream) -> None:
    """Plays one vector, then asks what an innocent client would be answered."""
    upstream.taken()
    upstream.malformed.clear()
    got = play(front, vector.raw, unfinished=vector.unfinished)
    seen = [_meaning(request) for request in upstream.taken()]
    assert upstream.malformed == [], "the upstream saw bytes that are no request"
    statuses = [answer.status for answer in got]
    if vector.unfinished and not got:
        assert seen == []
    elif statuses and statuses[0] < REFUSED_FROM:
        assert vector.meaning is not None, f"forwarded as {seen}"
        last = Meaning(b"GET", b"/sentinel")
        assert seen in ([vector.meaning, last], [vector.meaning])
        assert [answer.body for answer in got] == [_echo(meaning) for meaning in seen]
    else:
        assert len(statuses) == 1, f"answered {statuses} instead of one refusal"
        assert seen == [], "refused, and forwarded all the same"
    check_innocent(front, upstream)


def check_innocent(front: Front, upstream: AnsweringUpstream) -> None:
    """The next client's request is answered, and by the answer to that request."""
    got = play(front, b"GET /innocent HTTP/1.1\r\nHost: a\r\n\r\n")
    seen = [_meaning(request) for request in upstream.taken()]
    assert seen == [Meaning(b"GET", b"/innocent"), Meaning(b"GET", b"/sentinel")]
    assert [answer.body for answer in got] == [_echo(meaning) for meaning in seen]


def _meaning(request: Message) -> Meaning:
    return Meaning(request.method, request.target, request.body)


def _echo(meaning: Meaning) -> bytes:
    return b"%s %s HTTP/1.1" % (meaning.method, meaning.target)
