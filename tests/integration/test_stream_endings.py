"""How a receipt says that a stream ended whose client leaves before the body has ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.hostile.gateway import config
from tests.hostile.raw_upstream import RawUpstream
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.test_receipts import HEADER, Admin
from tests.integration.test_waiting_events import begun, chunk, said

POLICY = "version: 1\nname: endings\nchain: [%s{receipt: {}}]\n"
STOP = b'event: message_stop\ndata: {"type":"message_stop"%b}\n\n'


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(params=["", "dlp: {}"])
def gateway(upstream: RawUpstream, request: pytest.FixtureRequest) -> Iterator[GatewayProcess]:
    inspecting = request.param and f"{{{request.param}}}, "
    with running_gateway(config=config(upstream.port), policies=POLICY % inspecting) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("last", "outcome", "end"),
    [
        ([b"data: [DONE]\n\n"], "served", "complete"),
        ([b"data: [DONE]\r\n\r\n"], "served", "complete"),
        ([b"data: [DONE]\n", b"\n"], "served", "complete"),
        ([b"data: [DONE]\n\n", b": ping\n\n"], "served", "complete"),
        ([STOP % b""], "served", "complete"),
        ([STOP % b"         "], "served", "complete"),
        ([said("[DONE] ")], "aborted", "client_gone"),
        ([said('"message_stop"} ')], "aborted", "client_gone"),
    ],
)
def test_a_client_that_leaves_behind_the_last_event_got_all(
    gateway: GatewayProcess, upstream: RawUpstream, last: list[bytes], outcome: str, end: str
) -> None:
    connection, answer, wire = begun(gateway, upstream, said("hello there, "))
    with closing(connection), closing(answer):
        ref = answer.headers[HEADER]
        seen = answer.read1()
        for portion in last:
            wire.send(chunk(portion))
        whole = b"".join(last)
        while len(seen) < len(said("hello there, ") + whole):
            seen += answer.read1()

    sealgate = Admin(gateway).sealgate(ref)
    assert seen.endswith(whole)
    assert (sealgate["outcome"], sealgate["stream"]["outcome"]) == (outcome, end)


def test_a_client_that_resets_the_connection_did_not(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    """A kernel resets a connection that is closed with bytes unread."""
    connection, answer, wire = begun(gateway, upstream, said("hello there, "))
    with closing(connection), closing(answer):
        ref = answer.headers[HEADER]
        answer.read1()
        wire.send(chunk(said("x" * 60_000)) + chunk(b"data: [DONE]\n\n"))
        # Until the end has come, but not been read.
        assert connection.sock is not None
        while not connection.sock.recv(100_000, socket.MSG_PEEK).endswith(b"[DONE]\n\n\r\n"):
            pass

    sealgate = Admin(gateway).sealgate(ref)
    assert (sealgate["outcome"], sealgate["stream"]["outcome"]) == ("aborted", "client_gone")
