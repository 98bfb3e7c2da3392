"""A request that gives up, in whatever phase, costs no slot and no other request its turn."""

from __future__ import annotations

import asyncio

import pytest

from gateway.proxy.upstream import UpstreamConnection
from tests.unit.proxy.loopback import listening
from tests.unit.proxy.pools import pool_of, queued, raw_listener, raw_pool, state

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def cancelled(task: asyncio.Task[UpstreamConnection]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancel_while_queued() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        first, second = await queued(pool), await queued(pool)
        first.cancel()
        await cancelled(first)
        assert state(pool) == (1, 0, 0, 1)
        pool.release(connection)

        assert await second is connection
        pool.release(connection)
        pool.close()


async def test_cancel_while_queued_at_the_moment_of_the_grant() -> None:
    """Cancelled first, granted second, before the waiter runs again: the next one is served."""
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        first, second = await queued(pool), await queued(pool)
        first.cancel()
        pool.release(connection)
        await cancelled(first)

        assert await second is connection
        pool.release(connection)
        pool.close()


async def test_cancel_after_a_connection_was_granted() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        first, second = await queued(pool), await queued(pool)
        pool.release(connection)
        first.cancel()
        await cancelled(first)

        assert await second is connection
        pool.release(connection)
        assert state(pool) == (0, 1, 0, 0)
        pool.close()


async def test_cancel_after_a_slot_was_granted() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        first, second = await queued(pool), await queued(pool)
        connection.reusable = False
        pool.release(connection)
        assert pool.dialing == 1
        first.cancel()
        await cancelled(first)

        assert await second is not connection
        assert state(pool) == (1, 0, 0, 0)
        pool.release(await second)
        pool.close()


async def test_cancel_while_dialing() -> None:
    async with listening() as server:
        pool = pool_of(server, "https", connections_max=1)
        dialing = asyncio.ensure_future(pool.acquire())
        peer = await server.next_peer()
        waiter = await queued(pool)
        dialing.cancel()
        await cancelled(dialing)
        assert await peer.is_gone()

        assert await server.next_peer()  # the waiter dials now
        assert state(pool) == (0, 0, 1, 0)
        waiter.cancel()
        await cancelled(waiter)
        assert state(pool) == (0, 0, 0, 0)


async def test_cancel_after_acquire_costs_one_connection() -> None:
    """An exchange that breaks off aborts its connection: nobody knows what is still on it."""
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        connection.write(GET)
        connection.abort()

        assert await waiter is not connection
        pool.release(await waiter)
        pool.close()


# -- between the grant and the waiter's next step ---------------------------------------------


async def test_a_granted_connection_that_went_stale_is_replaced() -> None:
    with raw_listener() as listener:
        pool = raw_pool(listener, connections_max=1)
        connection = await pool.acquire()
        peer, _ = listener.accept()
        waiter = await queued(pool)
        pool.release(connection)
        peer.close()

        assert await waiter is not connection
        assert state(pool) == (1, 0, 0, 0)
        pool.release(await waiter)
        pool.close()


async def test_a_granted_connection_that_closed_is_replaced() -> None:
    """Its slot went to the next in line; the waiter gets another one."""
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        pool.release(connection)
        connection._on_closed(connection)

        assert await waiter is not connection
        assert state(pool) == (1, 0, 0, 0)
        connection.abort()
        pool.release(await waiter)
        pool.close()
