"""What several workers admit while their store is away, from shares granted beforehand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.plugin.limits import Algorithm, Demand, StoreUnavailableError
from gateway.state.lease import WHOLE
from gateway.state.redis.build import redis_store
from gateway.state.redis.store import RedisStore
from gateway.store_settings import RedisStoreSettings
from tests.integration.redis_servers import RedisServer, needs_redis, running_redis
from tests.integration.redis_stores import MINUTE, log, take, until, used

pytestmark = needs_redis


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


def is_away(store: RedisStore) -> bool:
    """Whether nobody waits for it any more."""
    return all(link.away for link in store._router.links())  # type: ignore[union-attr]  # it is open


@contextlib.asynccontextmanager
async def workers(url: str, count: int, fraction: float = 0.1) -> AsyncIterator[list[RedisStore]]:
    """Stores of as many workers, with quick hearts."""
    settings = RedisStoreSettings(url=url, lease_fraction=fraction, deadline_ms=2_000)
    stores = [await asyncio.to_thread(redis_store, "default", settings) for _ in range(count)]
    for store in stores:
        store._heartbeat_s = 0.02
        store.open()
    try:
        yield stores
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_all_workers_together_admit_the_leased_fraction_and_no_more(
    redis: RedisServer,
) -> None:
    async with workers(redis.url, 3) as stores:
        await until(lambda: all(store.lease.share == WHOLE // 3 for store in stores))
        grants = [await take(store, "t", [log(1, 1_000)]) for store in stores for _ in range(400)]
        assert sum(grant.admitted for grant in grants) == 1_000
        redis.kill()
        await until(lambda: all(is_away(store) for store in stores))
        away = [
            store.take("t", [log(1, 1_000)], lease=True) for _ in range(100) for store in stores
        ]

        leased = [grant for grant in away if not isinstance(grant, asyncio.Future)]
        assert all(grant.leased for grant in leased)
        assert sum(grant.admitted for grant in leased) == 3 * 33
        assert [store.stats.leased for store in stores] == [100] * 3


async def test_without_lease_the_same_store_says_that_it_is_away(redis: RedisServer) -> None:
    async with workers(redis.url, 1) as (store,):
        await until(lambda: store.lease.share == WHOLE)
        redis.kill()
        await until(lambda: is_away(store))

        with pytest.raises(StoreUnavailableError):
            store.take("t", [log(1, 1_000)])


async def test_a_take_that_is_not_answered_in_time_uses_the_share(redis: RedisServer) -> None:
    async with workers(redis.url, 1) as (store,):
        await until(lambda: store.lease.share == WHOLE)
        redis.pause()
        grant = await take(store, "t", [log(1, 1_000)], lease=True)
        redis.resume()
        await until(lambda: store.corrections.stats.done == 1)

        assert (grant.admitted, grant.leased) == (True, True)
        store.settle(grant, [0])
        assert await used(store, "t", log(1, 1_000)) == 0


async def test_a_worker_without_contact_has_no_share(redis: RedisServer) -> None:
    redis.kill()
    async with workers(redis.url, 1) as (store,):
        with pytest.raises(StoreUnavailableError):
            await take(store, "t", [log(1, 1_000)], lease=True)


async def test_slots_that_were_leased_are_given_back_to_the_share(redis: RedisServer) -> None:
    slot = Demand("slot", Algorithm.SLOTS, 1, 10, MINUTE)
    async with workers(redis.url, 1) as (store,):
        await until(lambda: store.lease.share == WHOLE)
        redis.kill()
        await until(lambda: is_away(store))
        grant = await take(store, "t", [slot], lease=True)
        store.renew(grant)
        assert not (await take(store, "t", [slot], lease=True)).admitted
        store.settle(grant, [0])

        assert (await take(store, "t", [slot], lease=True)).admitted


async def test_a_worker_that_ends_leaves_its_share_to_the_others(redis: RedisServer) -> None:
    async with workers(redis.url, 1) as (stays,):
        async with workers(redis.url, 1):
            await until(lambda: stays.lease.share == WHOLE // 2)
        await until(lambda: stays.lease.share == WHOLE, "the share of the one that ended")
