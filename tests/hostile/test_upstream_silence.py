"""Upstreams that cannot be reached or fall silent: a stable code each, in the client's dialect."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import orjson
import pytest

from tests.hostile.gateway import config, front_of, running_front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.test_upstream_faults import ANTHROPIC, CHUNKED, OK, OPENAI, SSE, rest_of_stream
from tests.hostile.transparency import open_exchange
from tests.hostile.wire import Wire
from tests.integration.gateway_process import running_gateway

TIMEOUTS = "timeouts: {first_byte_ms: 300, idle_ms: 300}"


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


def error_of(client: Wire) -> tuple[int, str]:
    """Status and code of a refusal in the form of OpenAI."""
    got = client.read_response(b"POST")
    return got.status, orjson.loads(got.body)["error"]["code"]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_a_refused_connection_is_a_502() -> None:
    with running_front(closed_port()) as (_, front):
        client = front.connect()
        client.send(OPENAI)
        assert error_of(client) == (502, "upstream_connect_failed")
        client.send(ANTHROPIC.replace(b"Host: a", b"Host: a\r\nanthropic-version: 2023-06-01"))
        got = client.read_response(b"POST")
        assert got.status == 502
        assert orjson.loads(got.body)["type"] == "error"


def test_an_upstream_that_does_not_speak_tls_is_a_502(upstream: RawUpstream) -> None:
    def answer_in_plain_text() -> None:
        with contextlib.suppress(OSError):
            upstream.accept().send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    text = config(upstream.port).replace("http://127", "https://127")
    with running_gateway(config=text, policies="version: 1\nname: bare\nchain: []\n") as gateway:
        answering = threading.Thread(target=answer_in_plain_text)
        answering.start()
        client = front_of(gateway, upstream.port).connect()
        client.send(OPENAI)
        assert error_of(client) == (502, "upstream_tls_failed")
        client.close()
        answering.join()


def test_an_upstream_that_never_answers_is_a_504(upstream: RawUpstream) -> None:
    with running_front(upstream.port, upstream=TIMEOUTS) as (_, front):
        client, wire, _ = open_exchange(front, upstream, OPENAI)
        assert error_of(client) == (504, "upstream_first_byte_timeout")
        assert wire.wait_closed() in {"closed", "reset"}


def test_interim_answers_do_not_extend_the_wait_for_the_final_one(upstream: RawUpstream) -> None:
    with running_front(upstream.port, upstream=TIMEOUTS) as (_, front):
        client, wire, _ = open_exchange(front, upstream, OPENAI)
        left = 1000  # together well below what a head may have
        while not client.wait_readable(0.05) or client.read_response(b"POST").status == 102:
            if left:
                left -= 1
                with contextlib.suppress(OSError):
                    wire.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        assert b"HTTP/1.1 504 " in client.received


def test_a_stream_that_falls_silent_ends_with_an_error_event(upstream: RawUpstream) -> None:
    with running_front(upstream.port, upstream=TIMEOUTS) as (_, front):
        client, wire, _ = open_exchange(front, upstream, OPENAI)
        wire.send(OK, SSE, CHUNKED, b"9\r\ndata: 1\n\n\r\n")
        client.read_response_head()
        assert client.read_chunk() == b"data: 1\n\n"
        data = rest_of_stream(client).partition(b"data: ")[2].partition(b"\n")[0]
        assert orjson.loads(data)["error"]["code"] == "upstream_idle_timeout"
        assert wire.wait_closed() in {"closed", "reset"}
