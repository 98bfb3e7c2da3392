"""The transparency checks: drive both ends of one exchange and compare every byte that counts."""

from __future__ import annotations

from tests.hostile.front import Front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import RequestCase
from tests.hostile.response_cases import ResponseCase
from tests.hostile.wire import Fields, Message, Wire

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODYLESS_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
_CONNECTION = {b"connection", b"keep-alive"}


def forwarded_fields(seen: Message, *, added: bytes = b"x-request-id") -> Fields:
    """The upstream's fields without those that concern one connection and without the one added."""
    fields = [pair for pair in seen.fields if pair[0].lower() not in _CONNECTION]
    return [pair for pair in fields if pair[0] != added]


def returned_fields(got: Message) -> Fields:
    """The client's fields without those that concern one connection and without our own."""
    return [
        (name, value)
        for name, value in got.fields
        if name.lower() not in _CONNECTION and not name.lower().startswith(b"x-sealgate-")
    ]


def _unframed(fields: Fields) -> Fields:
    return [pair for pair in fields if pair[0].lower() != b"transfer-encoding"]


def check_request(case: RequestCase, front: Front, upstream: RawUpstream) -> None:
    """Sends the request of `case` and compares what the upstream saw."""
    with front.connect() as client:
        client.send(case.head(front.prefix), case.payload)
        wire, seen = upstream.receive()
        wire.send(BODYLESS_ANSWER if case.method == b"HEAD" else ANSWER)
        got = client.read_response(case.method)
    assert got.status == 200
    assert seen.start == b"%s %s HTTP/1.1" % (case.method, case.target)
    assert (seen.framing, seen.body) == (case.framing, case.body)
    assert seen.trailers == case.trailers
    expected = [
        (name, front.host_seen if name.lower() == b"host" else value) for name, value in case.seen
    ]
    has_id = any(name.lower() == b"x-request-id" for name, _ in case.sent)
    fields = forwarded_fields(seen, added=b"" if has_id else b"x-request-id")
    # Where the framing is said may move (it is the proxy's own word); that it is said may not.
    assert _unframed(fields) == _unframed(expected)
    assert len(seen.values(b"x-request-id")) == 1


def check_response(case: ResponseCase, front: Front, upstream: RawUpstream) -> None:
    """Answers with the response of `case` and compares what the client got."""
    with front.connect() as client:
        client.send(case.method, b" %s/v1/x HTTP/1.1\r\nHost: a\r\n\r\n" % front.prefix)
        wire, _ = upstream.receive()
        wire.send(case.wire())
        if case.closes:
            wire.close()
            upstream.open.remove(wire)
        got = client.read_response(case.method)
    _compare_response(case, got)


def _compare_response(case: ResponseCase, got: Message) -> None:
    # The version is the proxy's own (RFC 9110 section 2.5); status and phrase are the upstream's.
    assert got.start.partition(b" ")[2] == case.status_line.partition(b" ")[2]
    assert got.start.startswith(b"HTTP/1.1 ")
    assert got.body == case.body
    # A body that the upstream ends by closing may be framed as chunked towards the client.
    allowed = {"close", "chunked"} if case.framing == "close" else {case.framing}
    assert got.framing in allowed
    assert got.trailers == case.trailers
    assert _unframed(returned_fields(got)) == _unframed(case.got)


def open_exchange(
    front: Front, upstream: RawUpstream, request: bytes = b""
) -> tuple[Wire, Wire, Message]:
    """A client, the upstream's end and the request between them, not yet answered."""
    client = front.connect()
    client.send(request or b"GET %s/v1/x HTTP/1.1\r\nHost: a\r\n\r\n" % front.prefix)
    wire, seen = upstream.receive()
    return client, wire, seen
