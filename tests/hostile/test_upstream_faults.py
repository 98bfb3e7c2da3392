"""An upstream that lies, breaks off or falls silent harms one exchange, and says so honestly."""

from __future__ import annotations

import contextlib

import orjson
import pytest

from tests.hostile.front import Front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import chunked
from tests.hostile.transparency import ANSWER, open_exchange
from tests.hostile.wire import MalformedError, TruncatedError, Wire

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SSE = b"Content-Type: text/event-stream\r\n"
OPENAI = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
ANTHROPIC = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
STOLEN = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"


def refusal(client: Wire) -> tuple[int, str]:
    """Status and stable code of a refusal in JSON."""
    got = client.read_response(b"POST")
    body = orjson.loads(got.body)
    error = body["error"]
    return got.status, error.get("code") or error.get("type")


def the_next_exchange_is_clean(front: Front, upstream: RawUpstream, *used: Wire) -> None:
    """A fresh client is served, over a connection on which nothing bad happened."""
    client, wire, _ = open_exchange(front, upstream)
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert wire not in used


BAD_HEADS = {
    "nothing like http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a tls alert": b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
    "json": b'{"error": "no"}\n\n',
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n",
    "an http/2 frame": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n",
    "version 2": b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n",
    "version 3.1": b"HTTP/3.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a field without a colon": OK + b"X\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": OK + b"Content-Length : 2\r\n\r\nok",
    "a folded field": OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a nul in a field": OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "a bare cr in a field": OK + b"X: a\rSet-Cookie: x=1\r\nContent-Length: 2\r\n\r\nok",
    "a bare lf in a field": OK + b"X: a\nSet-Cookie: x=1\r\nContent-Length: 2\r\n\r\nok",
    "length and chunks": OK + b"Content-Length: 5\r\n" + CHUNKED + chunked(b"ok"),
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "a signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "a length in hex": OK + b"Content-Length: 0x2\r\n\r\nok",
    "no length in the length": OK + b"Content-Length:\r\n\r\nok",
    "an endless length": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
    "an unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\nok",
    "two codings": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a head of one megabyte": OK + b"X: " + b"v" * 1_000_000 + b"\r\n\r\n",
    "ten thousand fields": OK + b"X: v\r\n" * 10_000 + b"\r\n",
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_an_answer_that_is_not_http_becomes_a_502(
    front: Front, upstream: RawUpstream, name: str
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    wire.send(BAD_HEADS[name])
    assert refusal(client) == (502, "upstream_bad_response")
    client.close()
    the_next_exchange_is_clean(front, upstream, wire)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", OK, OK + b"Content-Length: 5\r\n"])
def test_an_end_before_the_head_is_a_502_with_its_own_code(
    front: Front, upstream: RawUpstream, how: str, sent: bytes
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    wire.send(sent)
    getattr(wire, how)()
    upstream.open.remove(wire)
    assert refusal(client) == (502, "upstream_reset")


def read_whole(client: Wire) -> None:
    """Reads an answer, or what is left of it, to a proper end."""
    if client.received.startswith(b"HTTP/1.1 200") and b"\r\n\r\n" in client.received:
        client.read_until(b"0\r\n\r\n")
    else:
        client.read_response(b"POST")


def read_chunks(client: Wire) -> None:
    """Reads a chunked body to a proper end."""
    while client.read_chunk():
        pass
    client.read_trailers()


BROKEN = {
    "sized": OK + b"Content-Length: 100\r\n\r\nhalf",
    "sized, nothing came": OK + b"Content-Length: 100\r\n\r\n",
    "chunked, between chunks": OK + CHUNKED + b"4\r\nhalf\r\n",
    "chunked, in a chunk": OK + CHUNKED + b"64\r\nhalf",
    "chunked, in a size": OK + CHUNKED + b"4\r\nhalf\r\n1",
    "chunked, before the trailers end": OK + CHUNKED + b"4\r\nhalf\r\n0\r\nX: 1\r\n",
    "events, in an event": OK + SSE + CHUNKED + b"b\r\ndata: half\n\r\n",
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_never_ends_as_a_whole_one(
    front: Front, upstream: RawUpstream, name: str, how: str
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    wire.send(BROKEN[name])
    if b"half" in BROKEN[name]:
        client.read_until(b"half")
    getattr(wire, how)()
    upstream.open.remove(wire)
    with pytest.raises(TruncatedError):
        read_whole(client)
    client.close()
    the_next_exchange_is_clean(front, upstream, wire)


BAD_BODIES = {
    "no chunk size": b"4\r\nhalf\r\nxyz\r\n",
    "a negative chunk size": b"4\r\nhalf\r\n-1\r\n",
    "a huge chunk size": b"4\r\nhalf\r\n" + b"F" * 20 + b"\r\n",
    "a chunk without its end": b"4\r\nhalf!!!!",
    "a bare lf": b"4\r\nhalf\n1\n",
    "a bad trailer": b"4\r\nhalf\r\n0\r\nX\x00: 1\r\n\r\n",
    "endless trailers": b"4\r\nhalf\r\n0\r\n" + b"X: 1\r\n" * 50_000 + b"\r\n",
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_not_chunked_as_it_says_is_cut(
    front: Front, upstream: RawUpstream, name: str
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    wire.send(OK, CHUNKED, BAD_BODIES[name])
    client.read_response_head()
    with pytest.raises((TruncatedError, MalformedError)):
        read_chunks(client)
    the_next_exchange_is_clean(front, upstream, wire)


# -- streams end with their dialect's error ----------------------------------------------------


def rest_of_stream(client: Wire) -> bytes:
    """The chunks up to the end, which must not be a proper one."""
    data = b""
    with contextlib.suppress(TruncatedError):
        while piece := client.read_chunk():
            data += piece
        pytest.fail("the stream was ended as if it were whole")
    return data


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_broken_openai_stream_ends_with_an_error_event(
    front: Front, upstream: RawUpstream, how: str
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    event = b'data: {"a":1}\n\n'
    wire.send(OK, SSE, CHUNKED, b"%x\r\n%s\r\n" % (len(event), event))
    client.read_response_head()
    assert client.read_chunk() == event
    getattr(wire, how)()
    upstream.open.remove(wire)
    rest = rest_of_stream(client)
    data = rest.partition(b"data: ")[2].partition(b"\n")[0]
    assert orjson.loads(data)["error"]["code"] == "upstream_truncated"


def test_a_broken_anthropic_stream_ends_with_an_error_event(
    front: Front, upstream: RawUpstream
) -> None:
    request = ANTHROPIC.replace(b"Host: a\r\n", b"Host: a\r\nanthropic-version: 2023-06-01\r\n")
    client, wire, _ = open_exchange(front, upstream, request)
    event = b"event: ping\ndata: {}\n\n"
    wire.send(OK, SSE, CHUNKED, b"%x\r\n%s\r\n" % (len(event), event))
    client.read_response_head()
    assert client.read_chunk() == event
    wire.close()
    upstream.open.remove(wire)
    assert rest_of_stream(client).startswith(b"event: error\ndata: {")


def test_an_event_of_ours_is_never_put_into_a_half_sent_one(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream, OPENAI)
    wire.send(OK, SSE, CHUNKED, b'9\r\ndata: {"a\r\n')
    client.read_response_head()
    assert client.read_chunk() == b'data: {"a'
    wire.close()
    upstream.open.remove(wire)
    assert rest_of_stream(client) == b""


# -- bytes where none belong -------------------------------------------------------------------


def test_bytes_on_an_idle_connection_are_nobodys_answer(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    wire.send(STOLEN)
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    fresh, _ = upstream.receive()
    fresh.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert fresh is not wire


@pytest.mark.parametrize(
    "first",
    [
        ANSWER,
        OK + CHUNKED + chunked(b"ok"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_a_second_answer_behind_the_first_is_thrown_away(
    front: Front, upstream: RawUpstream, first: bytes
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(first, STOLEN)
    got = client.read_response()
    assert got.body in {b"ok", b""}
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    fresh, _ = upstream.receive()
    fresh.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert fresh is not wire


def test_the_body_of_an_answer_to_head_is_thrown_away(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream, b"HEAD /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    wire.send(OK, b"Content-Length: %d\r\n\r\n" % len(STOLEN), STOLEN)
    assert client.read_response(b"HEAD").status == 200
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    fresh, _ = upstream.receive()
    fresh.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert fresh is not wire


def test_an_interim_answer_cannot_split_the_final_one(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 6\r\n\r\n", ANSWER)
    assert client.read_response().status == 103
    assert client.read_response().body == b"ok"


def test_a_flood_of_interim_answers_is_bounded(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, ANSWER)
    while (got := client.read_response()).status == 102:
        pass
    assert got.status in {200, 502}


# -- the keep-alive race -----------------------------------------------------------------------


def test_a_connection_closed_while_idle_is_not_used_again(
    front: Front, upstream: RawUpstream
) -> None:
    """A POST is never risked on a connection whose FIN is already there."""
    client = front.connect()
    for number in range(300):
        client.send(OPENAI)
        wire, _ = upstream.receive()
        wire.send(ANSWER)
        # The end is on its way before the client can ask again.
        wire.close() if number % 2 else wire.reset()
        upstream.open.remove(wire)
        assert client.read_response().body == b"ok"


def test_a_reset_right_behind_the_answer_does_not_harm_it(
    front: Front, upstream: RawUpstream
) -> None:
    for _ in range(50):
        client, wire, _ = open_exchange(front, upstream, OPENAI)
        wire.send(OK, b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
        wire.close()
        upstream.open.remove(wire)
        assert client.read_response().body == b"ok"
