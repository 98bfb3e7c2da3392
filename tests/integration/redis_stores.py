"""Stores as a worker opens them, against the servers of redis_servers.py."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from gateway.plugin.limits import Algorithm, Demand, Grant, StoreUnavailableError
from gateway.state.redis.build import redis_store
from gateway.state.redis.store import RedisStore
from gateway.store_settings import RedisStoreSettings
from tests.integration.redis_servers import RedisServer

MINUTE = 60_000_000
UNTIL_TIMEOUT_S = 90.0


async def until(condition: Callable[[], bool], what: str = "what the test waits for") -> None:
    """Lets the loop run until `condition` holds."""
    deadline = time.monotonic() + UNTIL_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.to_thread(threading.Event().wait, 0.005)


async def replicated(master: RedisServer, replica: RedisServer) -> None:
    """Lets the loop run until the replica has all that the master has done so far."""
    offset = "master_repl_offset"
    await until(lambda: replica.info(offset) == master.info(offset), "the replication")


@contextlib.asynccontextmanager
async def opened(*, connected: bool = True, **settings: Any) -> AsyncIterator[RedisStore]:
    """A store with these settings, connected; without `connected` it may be away."""
    # A busy machine may need longer than the 50 ms that are right in production.
    merged = {"deadline_ms": 2_000, **settings}
    store = await asyncio.to_thread(
        redis_store, "default", RedisStoreSettings.model_validate(merged)
    )
    store.open()
    try:
        if connected:
            await until(lambda: store.connected, "the connection")
        yield store
    finally:
        await store.close()


async def take(
    store: RedisStore, tag: str, demands: Sequence[Demand], *, lease: bool = False
) -> Grant:
    """One take, whether it is answered at once or not."""
    answer = store.take(tag, demands, lease=lease)
    return await answer if inspect.isawaitable(answer) else answer


async def attempt(store: RedisStore, tag: str, demands: Sequence[Demand]) -> Grant | None:
    """The same; None where the store is away."""
    try:
        return await take(store, tag, demands)
    except StoreUnavailableError:
        return None


async def used(store: RedisStore, tag: str, demand: Demand) -> int:
    """What the store says is in use."""
    (standing,) = await store.read(tag, [demand])
    return standing.used


def log(amount: int = 1, capacity: int = 50, key: str = "k") -> Demand:
    """A sliding window of a minute."""
    return Demand(key, Algorithm.LOG, amount, capacity, MINUTE)
