"""No secret of an exchange reaches a log, a metric or an admin page, whatever becomes of it.

A canary stands in every place where clients and providers put credentials or prompts. The request
id and the path before `?` are logged by design, and hold none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import orjson
import pytest

from tests.hostile.front import Front
from tests.hostile.gateway import BARE_POLICY, front_of
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.wire import MalformedError, TruncatedError, Wire
from tests.integration.gateway_process import GatewayProcess, running_gateway

MARK = "CANARY"
FIELDS = (
    "Authorization: Bearer sk-{}",
    "Authorization: Basic {}",
    "Authorization: AWS4-HMAC-SHA256 Credential={}/x, Signature={}",
    "x-api-key: {}",
    "api-key: {}",
    "x-goog-api-key: {}",
    "X-Amz-Security-Token: {}",
    "Proxy-Authorization: Basic {}",
    "Cookie: session={}",
    "X-Forwarded-For: {}",
    "Forwarded: for={}",
    "Referer: https://example.com/?token={}",
    "User-Agent: {}",
    "X-Auth-Token: {}",
    "OpenAI-Organization: {}",
    "anthropic-beta: {}",
    "Sec-WebSocket-Protocol: openai-insecure-api-key.{}",
    "Sec-WebSocket-Key: {}",
    "traceparent: {}",
    "tracestate: key={}",
    "baggage: user={}",
    "Connection: {}",
    "Expect: {}",
    "Content-Type: text/{}",
    "Content-Encoding: {}",
    "Transfer-Encoding: {}",
    "X-{}: name",
    "{}",
    "Bad : {}",
    "Host: {}",
)
QUERIES = ("key={}", "access_token={}", "api_key={}&alt=sse", "X-Amz-Signature={}", "{}", "a#{}")
BODIES = (
    '{{"messages":[{{"role":"user","content":"{}"}}]}}',
    '{{"model":"m","api_key":"{}"}}',
    '{{"broken": "{}',
    "{}",
    "--b\r\nContent-Disposition: form-data; name=f; filename={}\r\n\r\nx\r\n--b--",
)
FIRST_LINES = ("{} / HTTP/1.1", "GET http://user:{}@a/ HTTP/1.1", "GET /x HTTP/{}", "{}")


def requests(serial: Iterator[int]) -> Iterator[bytes]:
    """One request for each place, each with a canary of its own."""
    post = b"POST /v1/chat/completions%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s"
    for template in FIELDS:
        yield post % (b"", fill(template, serial) + b"\r\n", 2, b"{}")
    for template in QUERIES:
        yield post % (b"?" + fill(template, serial), b"", 2, b"{}")
    for template in BODIES:
        body = fill(template, serial)
        yield post % (b"", b"", len(body), body)
    for template in FIRST_LINES:
        yield fill(template, serial) + b"\r\nHost: a\r\n\r\n"
    chunks = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;%s\r\n{}\r\n"
    yield chunks % fill("x={}", serial) + b"0\r\nX-Sum: " + fill("{}", serial) + b"\r\n\r\n"


def fill(template: str, serial: Iterator[int]) -> bytes:
    """The template with a fresh canary."""
    canary = f"{MARK}{next(serial)}"
    return template.format(canary, canary).encode()


def serve(wire: Wire) -> None:
    wire.send(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: CANARY-cookie\r\nX-Key: CANARY-header\r\n"
        b"Content-Length: 11\r\n\r\nCANARY-body"
    )


def refuse(wire: Wire) -> None:
    wire.send(
        b"HTTP/1.1 401 CANARY-phrase\r\nWWW-Authenticate: CANARY\r\nContent-Length: 6\r\n\r\nCANARY"
    )


def garble(wire: Wire) -> None:
    wire.send(b"CANARY-garbage is no HTTP\r\n\r\n")


def bad_field(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nCANARY-field\r\n\r\n")


def reset(wire: Wire) -> None:
    wire.reset()


def break_off(wire: Wire) -> None:
    wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nCANARY\r\n"
    )
    wire.close()


def break_between_events(wire: Wire) -> None:
    wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\ne\r\ndata: CANARY\n\n\r\n"
    )
    wire.close()


def bad_chunk(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCANARY\r\n")


OUTCOMES = (serve, refuse, garble, bad_field, reset, break_off, break_between_events, bad_chunk)


def play(front: Front, upstream: RawUpstream, raw: bytes, outcome: Callable[[Wire], None]) -> None:
    """One exchange: the upstream answers as `outcome` says, if the request gets there."""
    with front.connect() as client:
        client.send(raw)
        while not client.readable():
            if upstream.untouched():
                client.wait_readable(0.002)
                continue
            with contextlib.suppress(TruncatedError, MalformedError):
                wire, _ = upstream.receive()
                outcome(wire)
            break
        with contextlib.suppress(TruncatedError, MalformedError):
            got = client.read_response(b"POST")
            if got.values(b"content-type") == [b"application/json"] and got.status != 401:
                assert MARK.encode() not in got.body, "a refusal repeats what was sent"
        upstream.forget()
        front.clients.clear()


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


def all_that_is_written(gateway: GatewayProcess) -> str:
    """Log, standard error, metrics and admin pages."""
    pages = [gateway.admin(path)[1] for path in ("/metrics", "/readyz", "/health/dependencies")]
    gateway.stop()
    logs = b"\n".join(orjson.dumps(line) for line in gateway.logs)
    return (logs + b"\n".join(pages)).decode() + gateway.errors


def test_no_canary_is_ever_written_down(upstream: RawUpstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    serial = iter(range(100_000))
    with running_gateway(
        config="log: {level: debug}\n", policies=BARE_POLICY, upstreams={"openai": url}
    ) as gateway:
        front = front_of(gateway, upstream.port)
        for outcome in OUTCOMES:
            for raw in requests(serial):
                play(front, upstream, raw, outcome)
        written = all_that_is_written(gateway)
    assert next(serial) >= 46 * len(OUTCOMES)
    assert len(gateway.exchanges) >= 46 * len(OUTCOMES) - len(OUTCOMES)
    found = written.find(MARK)
    assert found < 0, written[max(0, found - 300) : found + 100]
