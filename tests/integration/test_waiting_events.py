"""Events that wait for a held word, in a running gateway whose provider is silent or breaks off."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.hostile.gateway import config
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.wire import Wire
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO
from tests.recorded_streams import sse

POLICY = "version: 1\nname: redacted\nchain:\n  - dlp: {action: redact, classes: [email]}\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    with running_gateway(config=config(upstream.port), policies=POLICY) as gateway:
        yield gateway


def said(text: str) -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun(
    gateway: GatewayProcess, upstream: RawUpstream, first: bytes
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, Wire]:
    """An exchange whose answer has begun with one event."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("POST", "/v1/chat/completions", HELLO)
    wire, _ = upstream.receive()
    wire.send(HEAD + chunk(first))
    return connection, connection.getresponse(), wire


def test_safe_words_go_out_while_the_provider_is_silent(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    connection, answer, wire = begun(gateway, upstream, said("Write to jane"))
    with closing(connection):
        safe = answer.read1()
        wire.send(chunk(said(".roe@acme.org now")) + b"0\r\n\r\n")
        rest = answer.read()

    assert safe == said("Write to ")
    assert rest == said("[EMAIL] now")


def test_safe_words_go_out_before_a_provider_breaks_off(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    connection, answer, wire = begun(gateway, upstream, said("Write to jane"))
    with closing(connection):
        wire.close()
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()

    assert broken.value.partial.startswith(said("Write to "))
    assert b"upstream_truncated" in broken.value.partial
    assert b"jane" not in broken.value.partial
