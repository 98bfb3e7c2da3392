"""The pool stays consistent whatever happens to its connections, its dials and its waiters."""

from __future__ import annotations

import asyncio

import pytest

from gateway.plugin.headers import RawHeader
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.response import ResponseHead
from gateway.proxy.upstream import UpstreamError
from gateway.reasons import Reason
from tests.unit.proxy.loopback import listening
from tests.unit.proxy.pools import pool_of, queued, raw_listener, raw_pool, state, until

DAY_MS = 86_400_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Answer:
    """Collects one answer."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def on_interim(self, head: ResponseHead) -> None: ...
    def on_head(self, head: ResponseHead) -> None: ...
    def on_data(self, data: bytes) -> None: ...
    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None: ...
    def on_writable(self) -> None: ...
    def on_error(self, error: UpstreamError) -> None:
        raise error

    def on_end(self, trailers: list[RawHeader]) -> None:
        self.ended.set()


# -- reuse ----------------------------------------------------------------------------------


async def test_the_first_request_dials_and_the_next_reuses() -> None:
    async with listening() as server:
        pool = pool_of(server)
        assert pool.try_acquire() is None
        first = await pool.acquire()
        assert state(pool) == (1, 0, 0, 0)
        pool.release(first)
        assert state(pool) == (0, 1, 0, 0)

        assert pool.try_acquire() is first
        pool.release(first)
        assert await pool.acquire() is first
        pool.close()


async def test_a_finished_exchange_gives_its_connection_back_by_itself() -> None:
    async with listening() as server:
        pool = pool_of(server)
        connection = await pool.acquire()
        peer = await server.next_peer()
        answer = Answer()
        deadlines = Deadlines(asyncio.get_running_loop(), 10.0)
        connection.begin(answer, b"GET", deadlines, first_byte_s=30.0, idle_s=30.0)
        connection.write(GET)
        connection.finish_request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await answer.ended.wait()

        assert state(pool) == (0, 1, 0, 0)
        deadlines.close()
        pool.close()


async def test_the_newest_idle_connection_is_used_first() -> None:
    """So that a falling load lets the older ones expire."""
    async with listening() as server:
        pool = pool_of(server)
        first, second, third = [await pool.acquire() for _ in range(3)]
        for connection in (second, third, first):
            pool.release(connection)

        assert [pool.try_acquire() for _ in range(4)] == [first, third, second, None]
        for connection in (first, second, third):
            pool.release(connection)
        pool.close()


async def test_a_connection_that_closes_while_idle_is_removed_at_once() -> None:
    async with listening() as server:
        pool = pool_of(server, idle_timeout_ms=DAY_MS)
        pool.release(await pool.acquire())
        (await server.next_peer()).close()

        await until(lambda: state(pool) == (0, 0, 0, 0))


async def test_a_connection_that_receives_bytes_while_idle_is_removed_at_once() -> None:
    """Else those bytes become the answer to the next request."""
    async with listening() as server:
        pool = pool_of(server, idle_timeout_ms=DAY_MS)
        pool.release(await pool.acquire())
        peer = await server.next_peer()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
        await until(lambda: pool.idle == 0)

        assert await peer.is_gone()


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_connection_is_asked_for_its_end_just_before_reuse(last_words: bytes) -> None:
    """The end, or a byte, lies in the kernel, and the event loop has not run since."""
    with raw_listener() as listener:
        pool = raw_pool(listener)
        pool.release(await pool.acquire())
        peer, _ = listener.accept()
        peer.sendall(last_words)
        peer.close()

        assert pool.try_acquire() is None
        assert state(pool) == (0, 0, 0, 0)


async def test_idle_connections_expire_by_one_timer() -> None:
    async with listening() as server:
        pool = pool_of(server, idle_timeout_ms=1)
        held = [await pool.acquire() for _ in range(3)]
        for connection in held:
            pool.release(connection)
        for _ in held:
            assert await (await server.next_peer()).is_gone()

        assert state(pool) == (0, 0, 0, 0)
        assert pool._timer is None


async def test_the_timer_waits_for_the_oldest_that_is_still_idle() -> None:
    async with listening() as server:
        pool = pool_of(server, idle_timeout_ms=DAY_MS)
        pool.release(await pool.acquire())
        timer = pool._timer
        pool.release(await pool.acquire())
        assert pool._timer is timer
        pool._expire()

        assert pool.idle == 1
        assert pool._timer is not None
        assert pool._timer is not timer
        pool.close()
        assert pool._timer is None


async def test_no_more_than_idle_max_are_kept() -> None:
    async with listening() as server:
        pool = pool_of(server, idle_max=1)
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first)
        pool.release(second)

        assert state(pool) == (0, 1, 0, 0)
        await server.next_peer()
        assert await (await server.next_peer()).is_gone()
        pool.close()


async def test_a_connection_given_back_unfit_is_closed() -> None:
    async with listening() as server:
        pool = pool_of(server)
        connection = await pool.acquire()
        connection.reusable = False
        pool.release(connection)

        assert state(pool) == (0, 0, 0, 0)
        assert await (await server.next_peer()).is_gone()


async def test_a_connection_given_back_twice_is_kept_once() -> None:
    async with listening() as server:
        pool = pool_of(server)
        connection = await pool.acquire()
        pool.release(connection)
        pool.release(connection)

        assert pool.idle == 1
        pool.close()


async def test_a_connection_that_closes_in_use_frees_its_slot_once() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=2)
        first, second = await pool.acquire(), await pool.acquire()
        (await server.next_peer()).close()
        await until(lambda: pool.active == 1)
        pool.release(first)

        assert state(pool) == (1, 0, 0, 0)
        pool.release(second)
        pool.close()


# -- the queue ------------------------------------------------------------------------------


async def test_waiters_are_served_in_order_with_what_is_given_back() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        first, second = await queued(pool), await queued(pool)
        assert pool.try_acquire() is None
        pool.release(connection)
        assert await first is connection
        assert not second.done()
        pool.release(connection)

        assert await second is connection
        pool.release(connection)
        pool.close()


async def test_nobody_overtakes_a_waiter() -> None:
    """Between the giving back and the waiter's next step, another request asks."""
    async with listening() as server:
        pool = pool_of(server, connections_max=1, queue_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        pool.release(connection)

        assert pool.try_acquire() is None
        late = await queued(pool)
        assert await waiter is connection
        late.cancel()
        pool.release(connection)
        pool.close()


async def test_a_waiter_dials_in_the_slot_of_a_connection_that_is_gone() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        connection.abort()

        assert await waiter is not connection
        assert state(pool) == (1, 0, 0, 0)
        pool.release(await waiter)
        pool.close()


async def test_a_full_queue_refuses_at_once() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1, queue_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        with pytest.raises(UpstreamError) as caught:
            await pool.acquire()

        assert caught.value.reason is Reason.UPSTREAM_QUEUE_TIMEOUT
        assert not caught.value.sent
        pool.release(connection)
        pool.release(await waiter)
        pool.close()


async def test_a_waiter_gives_up_at_its_deadline() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1, queue_timeout_ms=1)
        connection = await pool.acquire()
        with pytest.raises(UpstreamError) as caught:
            await pool.acquire()

        assert caught.value.reason is Reason.UPSTREAM_QUEUE_TIMEOUT
        assert state(pool) == (1, 0, 0, 0)
        pool.release(connection)
        assert state(pool) == (0, 1, 0, 0)
        pool.close()


async def test_a_failed_dial_is_told_and_its_slot_given_on() -> None:
    async with listening() as server:
        pool = pool_of(server, "https", connections_max=1)
        failing = asyncio.ensure_future(pool.acquire())
        peer = await server.next_peer()
        waiter = await queued(pool)
        peer.close()
        with pytest.raises(UpstreamError) as caught:
            await failing

        assert caught.value.reason is Reason.UPSTREAM_CONNECT_FAILED
        (await server.next_peer()).close()
        with pytest.raises(UpstreamError):
            await waiter
        assert state(pool) == (0, 0, 0, 0)


async def test_a_connect_timeout_can_be_set_for_one_request() -> None:
    async with listening() as server:
        pool = pool_of(server, "https")
        with pytest.raises(UpstreamError) as caught:
            await pool.acquire(connect_timeout_s=0.01)

        assert caught.value.reason is Reason.UPSTREAM_CONNECT_TIMEOUT
        assert state(pool) == (0, 0, 0, 0)


# -- the end --------------------------------------------------------------------------------


async def test_closing_ends_what_is_idle_and_spares_what_runs() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=2)
        running, idle = await pool.acquire(), await pool.acquire()
        pool.release(idle)
        pool.close()
        running.write(b"x")
        peers = [await server.next_peer() for _ in range(2)]

        assert await peers[0].reader.readexactly(1) == b"x"
        assert await peers[1].is_gone()
        pool.release(running)
        assert await peers[0].is_gone()
        assert state(pool) == (0, 0, 0, 0)


async def test_closing_sends_waiters_away() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=1)
        connection = await pool.acquire()
        waiter = await queued(pool)
        pool.close()
        with pytest.raises(UpstreamError) as caught:
            await waiter

        assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
        with pytest.raises(UpstreamError):
            await pool.acquire()
        pool.release(connection)


async def test_the_state_shows() -> None:
    async with listening() as server:
        pool = pool_of(server, connections_max=2)
        first, second = await pool.acquire(), await pool.acquire()
        waiter = await queued(pool)
        name = f"http://127.0.0.1:{server.port}"
        assert repr(pool) == f"<Pool {name} active=2 idle=0 dialing=0 waiting=1 max=2>"
        waiter.cancel()
        pool.release(first)
        pool.release(second)
        pool.close()

        assert repr(pool) == f"<Pool {name} closed active=0 idle=0 dialing=0 waiting=0 max=2>"
