"""The end of a worker's connections, with real sockets."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gateway.server.drain import drain
from tests.unit.server.front import ASK, FrontMaker


async def test_a_drain_closes_idle_connections_and_finishes_busy_ones(fronts: FrontMaker) -> None:
    front = fronts()
    idle_reader, idle_writer = await front.connect()
    idle_writer.write(ASK)
    await idle_reader.readuntil(b"127.0.0.1")
    busy_reader, busy_writer = await front.connect()
    busy_writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
    await front.echo.running.wait()

    draining = asyncio.create_task(drain(front.service, front.listener, 20))
    assert await idle_reader.read() == b""
    front.echo.go.set()

    assert b"connection: close" in await busy_reader.read()
    assert await draining == 0
    with pytest.raises(ConnectionRefusedError):
        await front.connect()
    idle_writer.close()
    busy_writer.close()


async def test_a_drain_ends_what_outlasts_its_time(
    fronts: FrontMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.drain.FAREWELL_S", 0.01)
    front = fronts()
    reader, writer = await front.connect()
    writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
    await front.echo.running.wait()

    assert await drain(front.service, front.listener, 0.01) == 1
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_a_drain_serves_what_already_waited_in_the_kernel(fronts: FrontMaker) -> None:
    front = fronts()
    reader, writer = await front.connect()
    writer.write(ASK)
    await writer.drain()

    await drain(front.service, front.listener, 20)

    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
