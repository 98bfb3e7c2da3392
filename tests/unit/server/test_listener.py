"""The listener, with real sockets and a handler that answers by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import socket

import pytest

from gateway.networks import NetworkSet
from gateway.server.listener import raise_descriptor_limit
from gateway.settings import LimitSettings
from tests.unit.server.front import ASK, FrontMaker

PROXY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 1, 2, 3, 4, 19, 136, 0, 80])


async def test_serves_and_counts_connections(fronts: FrontMaker) -> None:
    front = fronts()

    assert (await front.ask()).endswith(b"127.0.0.1")
    assert front.metrics.connections_accepted == 1


async def test_a_burst_is_taken_in_one_turn_of_the_loop(fronts: FrontMaker) -> None:
    """A turn is long where texts are inspected; each of the others would wait for one more."""
    front = fronts()
    waiting = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0)

    assert front.metrics.connections_accepted == len(waiting)
    for each in waiting:
        each.close()


async def test_a_connection_over_the_limit_is_closed_at_once(fronts: FrontMaker) -> None:
    front = fronts(LimitSettings(connections_max=2))
    held = [await front.connect() for _ in range(2)]
    for _, writer in held:
        writer.write(ASK)
    for reader, _ in held:
        await reader.readuntil(b"127.0.0.1")

    assert await front.ask() == b""
    assert front.service.refused_connections == 1

    held[0][1].close()
    while not await front.ask():
        pass  # until the listener has seen that one place is free
    held[1][1].close()


async def test_one_address_cannot_take_every_connection(fronts: FrontMaker) -> None:
    front = fronts(LimitSettings(connections_per_ip_max=1))
    reader, writer = await front.connect()
    writer.write(ASK)
    await reader.readuntil(b"127.0.0.1")

    assert await front.ask() == b""
    writer.close()


async def test_accepting_pauses_near_the_limit_of_open_files_and_goes_on(
    fronts: FrontMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paused connection waits in the kernel; it is not refused."""
    monkeypatch.setattr("gateway.server.listener.PAUSE_S", 0.001)
    front = fronts(descriptors_max=0)

    answers = await asyncio.gather(*(front.ask() for _ in range(5)))

    assert all(answer.endswith(b"127.0.0.1") for answer in answers)
    assert front.metrics.accept_pauses >= 1


async def test_of_a_burst_no_more_is_taken_than_there_are_open_files_for(
    fronts: FrontMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.listener.PAUSE_S", 60)
    front = fronts(descriptors_max=0)
    waiting = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)

    assert (front.metrics.connections_accepted, front.metrics.accept_pauses) == (1, 1)
    for each in waiting:
        each.close()


async def test_running_out_of_open_files_is_survived(
    fronts: FrontMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.listener.PAUSE_S", 0.001)
    front = fronts()
    client = socket.socket()
    client.setblocking(False)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", front.port))
        while not front.metrics.accept_pauses:  # noqa: ASYNC110  # it comes with a turn of the loop
            await asyncio.sleep(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    reader, writer = await asyncio.open_connection(sock=client)
    writer.write(ASK)

    assert await reader.readuntil(b"127.0.0.1")
    writer.close()


def test_the_limit_of_open_files_is_raised_as_far_as_it_may() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert raise_descriptor_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


LOOPBACK = NetworkSet(["127.0.0.0/8"])


@pytest.mark.parametrize("cut", [1, 12, 16, 20, len(PROXY), len(PROXY) + 5])
async def test_the_proxy_header_is_read_however_it_arrives(fronts: FrontMaker, cut: int) -> None:
    front = fronts(proxy_protocol=LOOPBACK)
    reader, writer = await front.connect()
    data = PROXY + ASK
    writer.write(data[:cut])
    await writer.drain()
    await asyncio.sleep(0)
    writer.write(data[cut:])

    assert await reader.readuntil(b"192.0.2.7")
    writer.close()


@pytest.mark.parametrize(
    "data", [ASK, PROXY[:-1] + b"", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + ASK]
)
async def test_a_connection_without_a_proxy_header_is_closed(
    fronts: FrontMaker, data: bytes
) -> None:
    front = fronts(LimitSettings(head_timeout_ms=50), proxy_protocol=LOOPBACK)

    assert await front.ask(data) == b""
    counts = front.metrics.snapshot().counters["sealgate_connections_refused"]
    assert counts == {("proxy_protocol",): 1}


async def test_a_proxy_header_of_a_stranger_is_not_believed(fronts: FrontMaker) -> None:
    front = fronts(proxy_protocol=NetworkSet(["10.0.0.0/8"]))

    assert await front.ask(PROXY + ASK) == b""
