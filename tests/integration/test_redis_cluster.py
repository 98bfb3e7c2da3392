"""The Redis store on a cluster of three masters: slots that move, masters that die."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.plugin.limits import Algorithm, Demand
from gateway.state.redis.commands import Keys, slot_of
from tests.integration.redis_servers import RedisCluster, RedisServer, needs_redis, running_cluster
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

TOTAL = Demand("total", Algorithm.TOTAL, 2, 1_000, MINUTE)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with running_cluster() as running:
        yield running


def other_node(cluster: RedisCluster, slot: int) -> RedisServer:
    return next(node for node in cluster.nodes if node is not cluster.node_of_slot(slot))


@pytest.mark.parametrize("tag", ["t", "", "a}b", "ключ", "{x}", "%"])
def test_slots_are_those_of_the_server(cluster: RedisCluster, tag: str) -> None:
    base = Keys("sealgate").base(tag)

    assert cluster.nodes[0].command("CLUSTER", "KEYSLOT", base + "lkey") == slot_of(base)


async def test_every_node_counts_its_own_tags_and_each_limit_holds(cluster: RedisCluster) -> None:
    async with opened(url=cluster.url, cluster=True) as one:
        async with opened(url=cluster.nodes[2].url, cluster=True) as two:
            await until(lambda: len(one._router.links()) == 3)  # type: ignore[union-attr]  # open
            for tag in "abcdefghij":
                takes = [attempt(s, tag, [log(1, 7), TOTAL]) for _ in range(10) for s in (one, two)]
                grants = await asyncio.gather(*takes)
                assert sum(grant is not None and grant.admitted for grant in grants) == 7
        assert all(int(node.command("DBSIZE")) > 0 for node in cluster.nodes)
        assert one.stats.links.errors == one.stats.unavailable == 0


async def test_a_slot_that_moved_is_followed_with_its_counts(cluster: RedisCluster) -> None:
    slot = slot_of(Keys("sealgate").base("moving"))
    async with opened(url=cluster.url, cluster=True) as store:
        grant = await take(store, "moving", [log(), TOTAL])
        cluster.move_slot(slot, other_node(cluster, slot))

        assert (await take(store, "moving", [log(), TOTAL])).standings[0].used == 2
        store.settle(grant, [0, 9])
        await until(lambda: store.corrections.stats.done == 1)
        assert await used(store, "moving", TOTAL) == 11


async def test_corrections_follow_a_slot_that_moved_while_they_waited(
    cluster: RedisCluster,
) -> None:
    slot = slot_of(Keys("sealgate").base("settling"))
    async with opened(url=cluster.url, cluster=True) as store:
        grants = [await take(store, "settling", [TOTAL]) for _ in range(20)]
        cluster.move_slot(slot, other_node(cluster, slot))
        for grant in grants:
            store.settle(grant, [5])
        await until(lambda: store.corrections.stats.done == 20, "the corrections")

        assert await used(store, "settling", TOTAL) == 100
        assert store.corrections.stats.dropped == 0


async def test_while_a_slot_moves_a_take_is_answered_once_it_has_moved(
    cluster: RedisCluster,
) -> None:
    slot = slot_of(Keys("sealgate").base("asking"))
    target = other_node(cluster, slot)
    async with opened(url=cluster.url, cluster=True, deadline_ms=10_000) as store:
        await take(store, "asking", [log()])
        cluster.begin_move(slot, target)
        # One key is still at the old node and one is nowhere: TRYAGAIN until the move is done.
        waiting = asyncio.ensure_future(take(store, "asking", [log(), TOTAL]))
        link = store._router.link(Keys("sealgate").base("asking"))  # type: ignore[union-attr]  # open
        asked = link._options.stats.commands
        await until(lambda: link._options.stats.commands > asked + 2, "a second try")
        cluster.finish_move(slot, target)

        grant = await waiting
        assert [standing.used for standing in grant.standings] == [2, 2]


async def test_a_dead_master_is_replaced_by_its_replica_and_the_others_go_on() -> None:
    with running_cluster(replicas=True) as cluster:
        tags = {cluster.node_of_slot(slot_of(Keys("sealgate").base(t))).port: t for t in "abcdefgh"}
        victim, survivor = cluster.nodes[0], cluster.nodes[1]
        async with opened(url=survivor.url, cluster=True) as store:
            for tag in tags.values():
                await take(store, tag, [log()])
            await replicated(victim, cluster.replicas[0])
            victim.kill()
            assert (await take(store, tags[survivor.port], [log()])).admitted
            await until(lambda: store.connected, "the failover")

            grant = await take(store, tags[victim.port], [log()])
            assert grant.standings[0].used == 2
