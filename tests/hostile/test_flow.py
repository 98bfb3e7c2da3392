"""What the gateway does in time: every piece goes on at once, in both directions.

No test measures time: each side waits for the bytes of the other before it goes on, so a piece
that is held back is a hang, and a hang is a failure.
"""

from __future__ import annotations

import pytest

from tests.hostile.front import Front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import BINARY, chunked
from tests.hostile.transparency import ANSWER, open_exchange
from tests.hostile.wire import TruncatedError, Wire

PIECES = [b'data: {"n":%d}\n\n' % n for n in range(50)]
POST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /v1/x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def finish(client: Wire, wire: Wire) -> int:
    """Answers and reads the answer."""
    wire.send(ANSWER)
    status = client.read_response().status
    client.close()
    return status


def test_each_chunk_of_an_answer_arrives_before_the_next_is_sent(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(OK, b"Content-Type: text/event-stream\r\n", CHUNKED)
    assert client.read_response_head().status == 200
    for piece in PIECES:
        wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        assert client.read_chunk() == piece
    wire.send(b"0\r\n\r\n")
    assert client.read_chunk() == b""


def test_each_piece_of_a_sized_answer_arrives_before_the_next_is_sent(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(OK, b"Content-Length: %d\r\n\r\n" % sum(map(len, PIECES)))
    client.read_response_head()
    for piece in PIECES:
        wire.send(piece)
        assert client.read_exactly(len(piece)) == piece


def test_each_piece_of_an_answer_ended_by_close_arrives_before_the_next_is_sent(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(OK, b"\r\n")
    client.read_response_head()
    for piece in PIECES:
        wire.send(piece)
        assert client.read_chunk() == piece
    wire.close()
    assert client.read_chunk() == b""


def test_the_halves_of_an_event_are_not_held_together(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(OK, b"Content-Type: text/event-stream\r\n", CHUNKED)
    client.read_response_head()
    for byte in (b"d", b"a", b"t", b"a", b":", b" ", b"\n", b"\n"):
        wire.send(b"1\r\n", byte, b"\r\n")
        assert client.read_chunk() == byte


def test_the_head_of_an_answer_goes_out_before_its_body(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(OK, b"Content-Type: text/event-stream\r\n", CHUNKED)
    assert client.read_response_head().values(b"content-type") == [b"text/event-stream"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_each_piece_of_a_request_arrives_before_the_next_is_sent(
    front: Front, upstream: RawUpstream, framing: str
) -> None:
    with front.connect() as client:
        length = b"Content-Length: %d\r\n\r\n" % sum(map(len, PIECES))
        client.send(POST, length if framing == "length" else CHUNKED)
        wire = upstream.next()
        wire.read_request_head()
        for piece in PIECES:
            if framing == "length":
                client.send(piece)
                assert wire.read_exactly(len(piece)) == piece
            else:
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                assert wire.read_chunk() == piece
        if framing == "chunked":
            client.send(b"0\r\n\r\n")
            assert wire.read_chunk() == b""
            wire.read_trailers()
        assert finish(client, wire) == 200


def test_a_request_in_one_byte_segments_is_the_same_request(
    front: Front, upstream: RawUpstream
) -> None:
    with front.connect() as client:
        body = chunked(b"hello", b"world", trailers=b"X-Sum: 1\r\n")
        for byte in POST + CHUNKED + body:
            client.send(bytes([byte]))
        wire, seen = upstream.receive()
        assert (seen.target, seen.body) == (b"/v1/x", b"helloworld")
        assert seen.trailers == [(b"X-Sum", b"1")]
        assert finish(client, wire) == 200


def test_an_answer_in_one_byte_segments_is_the_same_answer(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    body = chunked(b"hello", b"world", trailers=b"X-Sum: 1\r\n")
    for byte in OK + b"X-A: 1\r\n" + CHUNKED + body:
        wire.send(bytes([byte]))
    got = client.read_response()
    assert (got.body, got.trailers) == (b"helloworld", [(b"X-Sum", b"1")])


def test_two_exchanges_follow_each_other_on_one_connection_each_side(
    front: Front, upstream: RawUpstream
) -> None:
    accepted = upstream.accepted
    client, wire, _ = open_exchange(front, upstream)
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    client.send(GET, b"\r\n")
    second, _ = upstream.receive()
    second.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert second is wire
    assert upstream.accepted == accepted + 1


def test_a_client_that_asks_to_close_is_closed_after_the_answer(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream, GET + b"Connection: close\r\n\r\n")
    wire.send(ANSWER)
    got = client.read_response()
    assert got.values(b"connection") == [b"close"]
    assert client.wait_closed() == "closed"


# -- 100 Continue and other interim answers --------------------------------------------------


def test_a_waiting_client_is_told_to_continue_and_its_body_arrives_whole(
    front: Front, upstream: RawUpstream
) -> None:
    with front.connect() as client:
        client.send(POST, b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.read_response().status == 100
        client.send(b"hello")
        wire, seen = upstream.receive()
        assert seen.body == b"hello"
        assert seen.values(b"expect") == []
        assert finish(client, wire) == 200


def test_a_body_that_came_along_is_not_asked_for(front: Front, upstream: RawUpstream) -> None:
    with front.connect() as client:
        client.send(POST, b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        wire, seen = upstream.receive()
        assert seen.body == b"hello"
        wire.send(ANSWER)
        assert client.read_response().status in {100, 200}


@pytest.mark.parametrize("length", [b"999999999999", b"33554433"])
def test_a_body_over_the_limit_is_refused_before_its_upload(
    front: Front, upstream: RawUpstream, length: bytes
) -> None:
    with front.connect() as client:
        client.send(POST, b"Expect: 100-continue\r\nContent-Length: ", length, b"\r\n\r\n")
        got = client.read_response()
        assert got.status == 413
        assert client.wait_closed() == "closed"
        assert upstream.untouched()


def test_early_hints_pass(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n\r\n")
    hints = client.read_response()
    assert (hints.status, hints.reason) == (103, b"Early Hints")
    assert hints.fields == [(b"Link", b"</a>; rel=preload"), (b"link", b"</b>")]
    assert finish(client, wire) == 200


def test_several_interim_answers_pass_in_order(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    for status in (102, 103, 110):
        wire.send(b"HTTP/1.1 %d \r\n\r\n" % status)
        assert client.read_response().status == status
    assert finish(client, wire) == 200


def test_a_continue_that_nobody_waits_for_does_not_confuse_the_answer(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(b"HTTP/1.1 100 Continue\r\n\r\n", ANSWER)
    first = client.read_response()
    got = client.read_response() if first.status == 100 else first
    assert got.body == b"ok"


# -- HTTP/1.0 clients ------------------------------------------------------------------------


def test_an_old_client_gets_no_chunks(front: Front, upstream: RawUpstream) -> None:
    request = b"GET /v1/x HTTP/1.0\r\nHost: a\r\n\r\n"
    client, wire, _ = open_exchange(front, upstream, request)
    wire.send(OK, CHUNKED, chunked(b"one", b"two"))
    got = client.read_response()
    assert (got.framing, got.body) == ("close", b"onetwo")


def test_an_old_client_without_a_host_is_served(front: Front, upstream: RawUpstream) -> None:
    client, wire, seen = open_exchange(front, upstream, b"GET /v1/x HTTP/1.0\r\n\r\n")
    assert seen.values(b"host") == [front.host_seen]
    assert finish(client, wire) == 200


def test_an_old_client_with_a_sized_body_is_served(front: Front, upstream: RawUpstream) -> None:
    request = b"POST /v1/x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    client, wire, seen = open_exchange(front, upstream, request)
    assert seen.body == b"hello"
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert client.wait_closed() == "closed"


def test_an_old_client_gets_no_interim_answer(front: Front, upstream: RawUpstream) -> None:
    request = b"GET /v1/x HTTP/1.0\r\nHost: a\r\n\r\n"
    client, wire, _ = open_exchange(front, upstream, request)
    wire.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert finish(client, wire) == 200


def test_an_old_client_whose_stream_breaks_sees_a_reset(
    front: Front, upstream: RawUpstream
) -> None:
    """The end of the connection ends such a body: only a reset says that it is not whole."""
    request = b"GET /v1/x HTTP/1.0\r\nHost: a\r\n\r\n"
    client, wire, _ = open_exchange(front, upstream, request)
    wire.send(OK, CHUNKED, b"3\r\none\r\n")
    client.read_response_head()
    assert client.read_exactly(3) == b"one"
    wire.close()
    with pytest.raises(TruncatedError, match="reset"):
        client.read_to_end()


# -- early answers ---------------------------------------------------------------------------


def test_an_answer_before_the_end_of_the_upload_arrives_at_once(
    front: Front, upstream: RawUpstream
) -> None:
    with front.connect() as client:
        client.send(POST, b"Content-Length: 1000000\r\n\r\n", b"x" * 1000)
        wire = upstream.next()
        wire.read_request_head()
        wire.send(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow")
        got = client.read_response()
        assert (got.status, got.body) == (429, b"slow")


def test_what_is_left_of_an_upload_is_never_the_next_request(
    front: Front, upstream: RawUpstream
) -> None:
    """CVE-2025-4366: the undrained body of an early answer became a request of its own."""
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    with front.connect() as client:
        client.send(POST, b"Content-Length: %d\r\n\r\n" % (len(hidden) + 4), b"half")
        wire = upstream.next()
        wire.read_request_head()
        assert wire.read_exactly(4) == b"half"
        wire.send(ANSWER)
        assert client.read_response().body == b"ok"
        client.send(hidden, GET, b"\r\n")
        fresh, seen = upstream.receive()
        assert fresh is not wire
        assert seen.target == b"/v1/x"
        assert finish(client, fresh) == 200


def test_binary_survives_every_split(front: Front, upstream: RawUpstream) -> None:
    client, wire, _ = open_exchange(front, upstream)
    sizes = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]
    wire.send(OK, CHUNKED, chunked(*[BINARY[:size] for size in sizes]))
    assert client.read_response().body == b"".join(BINARY[:size] for size in sizes)
