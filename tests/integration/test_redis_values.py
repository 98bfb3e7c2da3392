"""Sealed values in real servers: one, a cluster, one that is replaced, one that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.plugin.limits import StoreUnavailableError
from gateway.plugin.values import Keeping
from gateway.state.redis.commands import Keys, slot_of
from gateway.state.redis.values import RedisValues
from gateway.state.values import MemoryValues
from tests.integration.redis_servers import (
    RedisServer,
    needs_redis,
    running_cluster,
    running_redis,
    running_sentinel,
)
from tests.integration.redis_stores import opened, replicated, until

pytestmark = needs_redis

HOUR_MS = 3_600_000
SECOND = 1_800_000_000


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(shared: RedisServer) -> RedisServer:
    shared.command("FLUSHALL")
    return shared


@asynccontextmanager
async def values(**settings: Any) -> AsyncIterator[RedisValues]:
    async with opened(**settings) as store:
        yield RedisValues(store)


def keeping(fields: Mapping[str, str], **more: Any) -> Keeping:
    wanted: dict[str, Any] = {"tag": "acme", "name": "c1", "ttl_ms": HOUR_MS, "fields_max": 3}
    return Keeping(fields=fields, **(wanted | more))


def written(*seconds: int) -> dict[str, str]:
    return {f"f{second}": f"{SECOND + second}|box|<EMAIL_{second}>" for second in seconds}


async def test_what_is_kept_is_read_by_every_worker(redis: RedisServer) -> None:
    async with values(url=redis.url) as one, values(url=redis.url) as two:
        assert await one.keep(keeping(written(1))) == {}
        assert await two.keep(keeping(written(2), read=True)) == written(1, 2)
        assert await two.fields("acme", "c1") == written(1, 2)
        assert await two.fields("globex", "c1") == {}


async def test_both_stores_keep_alike(redis: RedisServer) -> None:
    steps = [
        keeping(written(1, 2)),
        keeping({}, read=True),
        keeping(written(5, 4, 3), read=True),
        keeping({}, name="c2", read=True),
        keeping(written(9), name="c2", read=True),
        keeping({"odd": "no second"}, read=True),
    ]
    memory = MemoryValues()
    async with values(url=redis.url) as store:
        for step in steps:
            assert await store.keep(step) == memory.keep(step)
        assert sorted(await store.names("acme")) == sorted(await memory.names("acme"))
        for each in (store, memory):
            await each.remove("acme", "c1", ["f5", "nothing"])
            await each.remove("acme", "c2", ["f9"])
        assert await store.fields("acme", "c1") == await memory.fields("acme", "c1")
        assert await store.fields("acme", "c2") == await memory.fields("acme", "c2") == {}


async def test_a_set_ends_after_its_time_and_use_renews_it(redis: RedisServer) -> None:
    async with values(url=redis.url) as store:
        await store.keep(keeping(written(1), ttl_ms=1_000))
        await store.keep(keeping({}, ttl_ms=60_000))
        key = "sealgate{acme}vc1"
        assert 30_000 < redis.command("PTTL", key) <= 60_000
        await store.keep(keeping({}, ttl_ms=1))
        await until(lambda: redis.command("EXISTS", key) == 0)
        assert await store.keep(keeping({}, read=True)) == {}
        # Its name goes with the next set of the tag, and the list of names with the last one.
        await store.keep(keeping(written(2), name="c2"))
        assert await store.names("acme") == ["c2"]
        assert 0 < redis.command("PTTL", "sealgate{acme}V") <= HOUR_MS


async def test_calls_of_one_turn_share_one_round_trip(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        kept = RedisValues(store)
        before = store.stats.links.round_trips
        calls = [kept.keep(keeping(written(n), name=f"c{n}")) for n in range(100)]
        await asyncio.gather(*calls)
        assert store.stats.links.round_trips == before + 1


async def test_a_server_that_is_away_is_not_waited_for(redis: RedisServer) -> None:
    with running_redis() as own:
        async with opened(url=own.url, deadline_ms=50) as store:
            kept = RedisValues(store)
            own.pause()
            with pytest.raises(StoreUnavailableError):
                await kept.keep(keeping(written(1)))
            own.resume()
            await until(lambda: store.connected)
            own.kill()
            await until(lambda: not store.connected)
            with pytest.raises(StoreUnavailableError):
                await kept.keep(keeping(written(1)))
            own.start()
            await until(lambda: store.connected)
            await kept.keep(keeping(written(2)))
            assert await kept.fields("acme", "c1") == written(2)


async def test_a_store_that_was_not_opened_is_away(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        pass
    with pytest.raises(StoreUnavailableError):
        await RedisValues(store).keep(keeping(written(1)))


async def test_each_tag_of_a_cluster_is_where_it_belongs() -> None:
    with running_cluster() as cluster:
        async with values(url=cluster.url, cluster=True) as store:
            for tag in "abcdef":
                await store.keep(keeping(written(1), tag=tag))
                assert await store.fields(tag, "c1") == written(1)
                assert await store.names(tag) == ["c1"]
                node = cluster.node_of_slot(slot_of(Keys("sealgate").base(tag)))
                assert node.command("EXISTS", f"sealgate{{{tag}}}vc1") == 1
            slot = slot_of(Keys("sealgate").base("a"))
            here = cluster.node_of_slot(slot)
            cluster.move_slot(slot, next(node for node in cluster.nodes if node is not here))
            assert await store.keep(keeping(written(2), tag="a", read=True)) == written(1, 2)
            assert all(int(node.command("DBSIZE")) > 0 for node in cluster.nodes)


async def test_values_survive_a_failover() -> None:
    with running_sentinel() as sentinel:
        addresses = [sentinel.sentinel.address]
        async with opened(sentinel={"master": "main", "addresses": addresses}) as store:
            kept = RedisValues(store)
            await kept.keep(keeping(written(1)))
            old = sentinel.master
            await replicated(*sentinel.servers)
            sentinel.fail_over()
            await until(old.is_replica, "the old master's demotion")
            await until(lambda: store.connected, "the new master")
            found: Mapping[str, str] = {}
            while not found:
                try:
                    found = await kept.keep(keeping(written(2), read=True))
                except StoreUnavailableError:
                    await until(lambda: store.connected)
            assert found == written(1, 2)
