"""Pools in front of loopback servers, and what tests ask of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.proxy.pool import Pool
from gateway.proxy.upstream import UpstreamConnection
from gateway.settings import PoolSettings
from tests.unit.proxy.loopback import Listening, target_of


def pool_of(server: Listening, scheme: str = "http", **settings: int) -> Pool:
    target = target_of(f"{scheme}://127.0.0.1:{server.port}")
    return Pool(target, PoolSettings.model_validate(settings), connect_timeout_s=30.0)


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop run until the condition holds; the suite's time-out ends a hopeless wait."""
    while not condition():  # noqa: ASYNC110  # the pool has no event for what only tests ask
        await asyncio.sleep(0)


async def queued(pool: Pool) -> asyncio.Task[UpstreamConnection]:
    """A request that waits for a connection."""
    before = pool.waiting
    task = asyncio.ensure_future(pool.acquire())
    await until(lambda: pool.waiting == before + 1)
    return task


def state(pool: Pool) -> tuple[int, int, int, int]:
    return pool.active, pool.idle, pool.dialing, pool.waiting


@contextmanager
def raw_listener() -> Iterator[socket.socket]:
    """A server that acts while the event loop does not run, so that the pool cannot know yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def raw_pool(listener: socket.socket, **settings: int) -> Pool:
    target = target_of(f"http://127.0.0.1:{listener.getsockname()[1]}")
    return Pool(target, PoolSettings.model_validate(settings), connect_timeout_s=30.0)
