"""Clients that are slow, greedy or gone cost little, and only themselves.

The limits of this module's gateway are small, so that every time-out comes soon; tests wait for
the close itself.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.hostile.front import Front
from tests.hostile.gateway import running_front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import MEGABYTE, chunked
from tests.hostile.transparency import ANSWER, open_exchange
from tests.hostile.wire import TruncatedError, Wire
from tests.integration.gateway_process import GatewayProcess

LIMITS = (
    "head_timeout_ms: 400, body_idle_timeout_ms: 400, idle_timeout_ms: 400,"
    " write_timeout_ms: 60000, headers_max: 50, head_bytes_max: 8192,"
    " body_bytes_max: 2000000, connections_per_ip_max: 40"
)
GET = b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\n"
UPGRADE = (
    b"GET /v1/x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def gateway_and_front(raw_upstream: RawUpstream) -> Iterator[tuple[GatewayProcess, Front]]:
    with running_front(raw_upstream.port, limits=LIMITS) as pair:
        yield pair


@pytest.fixture(scope="module")
def raw_front(gateway_and_front: tuple[GatewayProcess, Front]) -> Front:
    return gateway_and_front[1]


def code_of(client: Wire) -> tuple[int, str]:
    """Status and code of a refusal."""
    got = client.read_response(b"POST")
    return got.status, orjson.loads(got.body)["error"]["code"]


def resident_bytes(gateway: GatewayProcess) -> int:
    """Memory of the one worker."""
    status = Path(f"/proc/{gateway.worker_pids()[0]}/statm").read_text(encoding="ascii")
    return int(status.split()[1]) * 4096


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"G", b"GET /v1/x HTTP/1.1\r\n", GET[:-1], POST + b"X: y"])
def test_a_head_that_does_not_end_is_cut(front: Front, upstream: RawUpstream, sent: bytes) -> None:
    clients = [front.connect() for _ in range(10)]
    for client in clients:
        client.send(sent)
    for client in clients:
        assert client.read_response().status == 408
        assert client.wait_closed() == "closed"
    assert upstream.untouched()


def test_a_head_that_drips_in_is_cut_all_the_same(front: Front, upstream: RawUpstream) -> None:
    """The time runs from the first byte: a byte now and then does not extend it."""
    client = front.connect()
    client.send(b"GET /v1/x HTTP/1.1\r\nX: ")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while not client.wait_readable(0.05):
            client.send(b"y")
    assert client.read_response().status == 408
    assert upstream.untouched()


def test_a_connection_on_which_nothing_comes_is_closed(front: Front) -> None:
    assert front.connect().wait_closed() == "closed"


def test_a_kept_connection_without_a_further_request_is_closed(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    assert client.wait_closed() == "closed"


@pytest.mark.parametrize("head", [b"Content-Length: 10\r\n\r\nhalf", CHUNKED + b"4\r\nhalf\r\n"])
def test_a_body_that_stops_is_refused_and_its_upstream_request_ended(
    front: Front, upstream: RawUpstream, head: bytes
) -> None:
    client = front.connect()
    client.send(POST, head)
    wire = upstream.next()
    assert code_of(client) == (408, "request_timeout")
    with pytest.raises(TruncatedError):
        wire.read_request()


def test_a_long_answer_is_no_idle_connection(front: Front, upstream: RawUpstream) -> None:
    """The client has nothing to say while it listens: no time limit of its own runs then."""
    client, wire, _ = open_exchange(front, upstream)
    idle = front.connect()
    assert idle.wait_closed() == "closed"  # longer than any limit of a waiting connection
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"


# -- size --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/x HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 60 + b"\r\n",
        b"GET /v1/x HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"x" * 20_000,
    ],
    ids=["fields", "field", "target", "target without an end"],
)
def test_a_head_over_its_limit_is_a_431(front: Front, upstream: RawUpstream, head: bytes) -> None:
    client = front.connect()
    client.send(head)
    got = client.read_response()
    assert got.status == 431
    assert client.wait_closed() == "closed"
    assert upstream.untouched()


def test_a_field_without_an_end_is_a_431_soon_after_the_limit(
    front: Front, upstream: RawUpstream
) -> None:
    """The parser does not show such a field: the bytes are counted from the second read on."""
    client = front.connect()
    client.send(b"GET /v1/x HTTP/1.1\r\nX: ")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(1000):
            client.send(b"y" * 1000)
    assert client.read_response().status == 431
    assert upstream.untouched()


def test_a_sized_body_over_the_limit_is_a_413_before_it_comes(
    front: Front, upstream: RawUpstream
) -> None:
    client = front.connect()
    client.send(POST, b"Content-Length: 2000001\r\n\r\n")
    assert code_of(client) == (413, "body_too_large")
    assert upstream.untouched()


def _read_chunks(wire: Wire) -> None:
    while wire.read_chunk():
        pass


def test_a_chunked_body_over_the_limit_is_cut(front: Front, upstream: RawUpstream) -> None:
    client = front.connect()
    client.send(POST, CHUNKED)
    wire = upstream.next()
    wire.read_request_head()
    piece = b"%x\r\n%s\r\n" % (len(MEGABYTE), MEGABYTE)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(piece, piece)
    with pytest.raises(TruncatedError):
        _read_chunks(wire)
    assert code_of(client) == (413, "body_too_large")


def test_the_largest_body_passes(front: Front, upstream: RawUpstream) -> None:
    client = front.connect()
    body = b"x" * 2_000_000
    client.send(POST, b"Content-Length: 2000000\r\n\r\n", body)
    wire, seen = upstream.receive()
    assert seen.body == body
    wire.send(ANSWER)
    assert client.read_response().status == 200


def test_a_body_in_one_byte_chunks_passes(front: Front, upstream: RawUpstream) -> None:
    client = front.connect()
    body = bytes(range(256)) * 40
    client.send(POST, CHUNKED, chunked(*[bytes([byte]) for byte in body]))
    wire, seen = upstream.receive()
    assert seen.body == body
    wire.send(ANSWER)
    assert client.read_response().status == 200


def test_framing_without_content_is_refused(front: Front, upstream: RawUpstream) -> None:
    """Chunk extensions are dropped, so they could cost work for ever without any limit."""
    client = front.connect()
    client.send(POST, CHUNKED)
    line = b"1;" + b"x" * 4000 + b"\r\ny\r\n"
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(100):
            client.send(line)
    assert client.read_response(b"POST").status in {400, 431}


# -- connections ---------------------------------------------------------------------------------


def test_connections_of_one_address_are_limited_and_given_back(
    raw_upstream: RawUpstream,
) -> None:
    limits = "connections_per_ip_max: 3"
    with running_front(raw_upstream.port, limits=limits) as (_, front):
        held = [open_exchange(front, raw_upstream) for _ in range(3)]
        assert front.connect().wait_closed() in {"closed", "reset"}
        client, wire, _ = held.pop()
        client.close()
        assert wire.wait_closed() in {"closed", "reset"}  # the gateway knows that it is gone
        client, wire, _ = open_exchange(front, raw_upstream)
        wire.send(ANSWER)
        assert client.read_response().body == b"ok"


def test_connections_in_all_are_limited(raw_upstream: RawUpstream) -> None:
    with running_front(raw_upstream.port, limits="connections_max: 3") as (_, front):
        for _ in range(3):
            open_exchange(front, raw_upstream)
        over = front.connect()
        got = over.read_to_end() if over.wait_readable(10) else b""
        assert got == b"" or got.startswith(b"HTTP/1.1 503 ")


# -- pipelining ----------------------------------------------------------------------------------


def test_pipelined_requests_are_served_one_after_the_other(
    front: Front, upstream: RawUpstream
) -> None:
    client = front.connect()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(20)))
    for number in range(20):
        wire, seen = upstream.receive()
        assert seen.target == b"/%d" % number
        assert upstream.untouched(), "the next request was sent before this one was answered"
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % number)
        assert client.read_response().body == b"%02d" % number


@pytest.mark.parametrize(
    "body", [b"Content-Length: 4\r\n\r\nhalf", CHUNKED + b"4\r\nhalf\r\n0\r\n\r\n"]
)
def test_a_pipelined_request_whose_body_comes_late_is_served(
    front: Front, upstream: RawUpstream, body: bytes
) -> None:
    client = front.connect()
    client.send(GET, POST, body[:-3])
    wire, _ = upstream.receive()
    wire.send(ANSWER)
    assert client.read_response().body == b"ok"
    client.send(body[-3:], GET)
    for expected in (b"half", b""):
        wire, seen = upstream.receive()
        assert seen.body == expected
        wire.send(ANSWER)
        assert client.read_response().body == b"ok"


def test_a_flood_of_pipelined_requests_waits_in_the_kernel(raw_upstream: RawUpstream) -> None:
    with running_front(raw_upstream.port) as (gateway, front):
        client, _, _ = open_exchange(front, raw_upstream)
        before = resident_bytes(gateway)
        sent = send_until_blocked(client, GET * 1000, 64_000_000)
        assert sent < 64_000_000, "the gateway took every request"
        assert resident_bytes(gateway) - before < 16_000_000


# -- back-pressure ---------------------------------------------------------------------------------


def send_until_blocked(wire: Wire, data: bytes, bytes_max: int) -> int:
    """Writes `data` again and again until nobody takes it any more, and gives the bytes taken."""
    sent = 0
    wire.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sent < bytes_max:
            # Half a second without room in the socket: the other side does not read.
            if not select.select([], [wire.sock], [], 0.5)[1]:
                break
            sent += wire.sock.send(data[sent % len(data) :])
    wire.sock.settimeout(10)
    return sent


def test_a_slow_reader_stops_the_upstream_and_loses_nothing(
    gateway_and_front: tuple[GatewayProcess, Front], front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream)
    before = resident_bytes(gateway_and_front[0])
    total = 100_000_000
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
    client.read_response_head()
    sent = send_until_blocked(wire, MEGABYTE, total)
    assert sent < total, "the gateway read on though nobody took the answer"
    assert resident_bytes(gateway_and_front[0]) - before < 4_000_000
    got = client.read_exactly(sent)
    assert got == (MEGABYTE * (sent // len(MEGABYTE) + 1))[:sent]


def test_a_slow_upstream_stops_the_client_and_loses_nothing(
    gateway_and_front: tuple[GatewayProcess, Front], upstream: RawUpstream
) -> None:
    with running_front(upstream.port, limits="body_bytes_max: 200000000") as (gateway, front):
        client = front.connect()
        total = 100_000_000
        before = resident_bytes(gateway)
        client.send(POST, b"Content-Length: %d\r\n\r\n" % total)
        wire = upstream.next()
        wire.read_request_head()
        sent = send_until_blocked(client, MEGABYTE, total)
        assert sent < total, "the gateway read on though nobody took the body"
        assert resident_bytes(gateway) - before < 6_000_000
        assert wire.read_exactly(sent) == (MEGABYTE * (sent // len(MEGABYTE) + 1))[:sent]


# -- clients that go -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset", "end_sending"])
@pytest.mark.parametrize("answered", [b"", b"HTTP/1.1 103 X\r\n\r\n", b"head", b"part"])
def test_a_client_that_goes_ends_the_upstreams_work(
    front: Front, upstream: RawUpstream, how: str, answered: bytes
) -> None:
    """Before the first byte, in silence, in the middle of a stream: at once."""
    client, wire, _ = open_exchange(front, upstream)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + CHUNKED
    wire.send({b"head": head, b"part": head + b"4\r\nhalf\r\n"}.get(answered, answered))
    if answered:
        client.read_response_head()
    getattr(client, how)()
    assert wire.wait_closed() in {"closed", "reset"}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("head", [b"Content-Length: 10\r\n\r\nhalf", CHUNKED + b"4\r\nhalf\r\n"])
def test_a_client_that_goes_in_its_upload_never_completes_the_request(
    front: Front, upstream: RawUpstream, how: str, head: bytes
) -> None:
    client = front.connect()
    client.send(POST, head)
    wire = upstream.next()
    wire.read_until(b"half")
    getattr(client, how)()
    wire.wait_closed()
    assert not bytes(wire.received).endswith(b"0\r\n\r\n")


def wait_for_end(wire: Wire) -> None:
    """Waits until the gateway ends a connection, of which nothing is read."""
    poll = select.poll()
    poll.register(wire.sock.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    assert poll.poll(10_000), "the upstream was never told that the client has gone"


def test_a_client_that_resets_while_nobody_takes_its_upload_is_noticed(
    upstream: RawUpstream,
) -> None:
    """The gateway does not read such a client, so the end has to be looked for.

    (A client that closes in order is not gone yet: its FIN waits behind the bytes it has sent.)
    """
    with running_front(upstream.port, limits="body_bytes_max: 200000000") as (_, front):
        client = front.connect()
        client.send(POST, b"Content-Length: 100000000\r\n\r\n")
        wire = upstream.next()
        wire.read_request_head()
        assert send_until_blocked(client, MEGABYTE, 100_000_000) < 100_000_000
        client.reset()
        wait_for_end(wire)


@pytest.mark.parametrize("how", ["close", "reset", "end_sending"])
@pytest.mark.parametrize("request_bytes", [GET * 3, UPGRADE], ids=["pipelined", "handshake"])
def test_a_client_that_goes_while_it_is_not_read_is_noticed(
    front: Front, upstream: RawUpstream, how: str, request_bytes: bytes
) -> None:
    client, wire, _ = open_exchange(front, upstream, request_bytes)
    getattr(client, how)()
    wait_for_end(wire)
