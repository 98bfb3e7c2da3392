"""The Redis store behind a Sentinel, through a failover."""

from __future__ import annotations

from gateway.plugin.limits import Algorithm, Demand
from tests.integration.redis_servers import RedisSentinel, needs_redis, running_sentinel
from tests.integration.redis_stores import (
    MINUTE,
    attempt,
    log,
    opened,
    replicated,
    take,
    until,
    used,
)

pytestmark = needs_redis


def settings(sentinel: RedisSentinel, name: str = "main") -> dict[str, object]:
    # The first one is not there: the next is asked.
    addresses = ["127.0.0.1:1", sentinel.sentinel.address]
    return {"sentinel": {"master": name, "addresses": addresses}}


async def test_counts_and_corrections_survive_a_failover() -> None:
    total = Demand("total", Algorithm.TOTAL, 5, 1_000, MINUTE)
    with running_sentinel() as sentinel:
        async with opened(**settings(sentinel)) as store:
            grant = await take(store, "t", [log(), total])
            old = sentinel.master
            await replicated(*sentinel.servers)
            sentinel.fail_over()
            store.settle(grant, [1, 8])
            await until(old.is_replica, "the old master's demotion")
            # It drops its clients with that; the store may learn of it some turns later.
            await until(lambda: store.stats.links.losses > 0, "the loss of the old connection")
            await until(lambda: store.connected and not len(store.corrections), "the new master")

            assert (await take(store, "t", [log()])).standings[0].used == 2
            new = sentinel.master
            await until(lambda: int(new.command("DBSIZE")) > 0)


async def test_a_dead_master_is_replaced() -> None:
    with running_sentinel() as sentinel:
        async with opened(**settings(sentinel)) as store:
            await take(store, "t", [log()])
            old = sentinel.master
            await replicated(*sentinel.servers)
            old.kill()
            await until(lambda: not store.connected)
            await until(lambda: store.connected, "the failover")

            assert await used(store, "t", log()) == 1


async def test_a_name_that_no_sentinel_knows_keeps_the_store_away() -> None:
    with running_sentinel() as sentinel:
        async with opened(connected=False, **settings(sentinel, "unknown")) as store:
            assert await attempt(store, "t", [log()]) is None
            assert not store.connected
