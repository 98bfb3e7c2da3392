"""Slots in a running gateway: how many the upstream sees at once, and who gives them back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import orjson
import pytest
from aiohttp import web

from tests.integration.crowd import Client, crowd
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.redis_servers import RedisServer, needs_redis, running_redis
from tests.integration.sdk.threaded_server import ThreadedServer

STREAM = orjson.dumps(
    {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
)
SLOW = {"x-demo-chunk-delay-ms": "60000"}
"""A stream that stays open for as long as a test may take."""


def policy(limit: str) -> str:
    return f"version: 1\nname: slots\nchain:\n  - concurrency: {{limits: [{limit}], lease: 15s}}\n"


def redis_config(redis: RedisServer) -> str:
    return f"stores: {{default: {{kind: redis, url: '{redis.url}', deadline_ms: 5000}}}}"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


class Upstream(ThreadedServer):
    """Counts how many requests it serves at once; each takes a few turns of its loop."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve_one)
        super().__init__(app)

    async def _serve_one(self, request: web.Request) -> web.Response:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await request.read()
            # Later requests, if they were let in, would be read meanwhile.
            await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.005)
            return web.json_response({})
        finally:
            self.running -= 1


@contextlib.contextmanager
def counted(config: str | None, workers: int, limit: str) -> Iterator[tuple[Upstream, int]]:
    upstream = Upstream()
    try:
        with running_gateway(
            config=config,
            policies=policy(limit),
            workers=workers,
            upstreams={"openai": upstream.url},
        ) as gateway:
            yield upstream, gateway.port
    finally:
        upstream.close()


@pytest.mark.parametrize(
    "workers", [1, pytest.param(4, marks=needs_redis)], ids=["memory", "4 workers on redis"]
)
async def test_the_upstream_never_sees_more_than_the_slots_and_the_queue_serves_all(
    workers: int, request: pytest.FixtureRequest
) -> None:
    config = redis_config(request.getfixturevalue("redis")) if workers > 1 else None
    limit = "{per: upstream, running: 5, queue: 100, queue_timeout: 60s}"
    with counted(config, workers, limit) as (upstream, port):
        statuses: Counter[int] = Counter()

        async def run() -> None:
            client = await Client.connect(port)
            for _ in range(10):
                status, _, _ = await client.ask("/v1/chat/completions")
                statuses[status] += 1
            await client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(run())

    assert statuses == {200: 400}
    assert upstream.most == 5


async def open_stream(port: int) -> Client:
    """A stream that has begun and does not end."""
    client = await Client.connect(port)
    await client.begin("/demo/v1/chat/completions", STREAM, SLOW)
    return client


async def until_admitted(gateway: GatewayProcess) -> list[int]:
    """The statuses of one client that asks again and again, up to the first 200."""
    client = await Client.connect(gateway.port)
    statuses = []
    while 200 not in statuses:
        status, _, _ = await client.ask()
        statuses.append(status)
        await asyncio.to_thread(threading.Event().wait, 0.02)
    await client.close()
    return statuses


@pytest.mark.parametrize(
    "workers", [1, pytest.param(2, marks=needs_redis)], ids=["memory", "redis"]
)
async def test_a_client_that_goes_away_frees_its_slot(
    workers: int, request: pytest.FixtureRequest
) -> None:
    config = redis_config(request.getfixturevalue("redis")) if workers > 1 else None
    limit = "{per: global, running: 1}"
    with running_gateway(config=config, policies=policy(limit), workers=workers) as gateway:
        for _ in range(3):
            holder = await open_stream(gateway.port)
            refused = await crowd([gateway.port], clients=2, requests=3)
            assert refused == {429: 6}
            await holder.close()
            await until_admitted(gateway)


@needs_redis
async def test_a_killed_worker_frees_its_slots_when_their_lease_ends(redis: RedisServer) -> None:
    limit = "{per: global, running: 1}"
    with running_gateway(config=redis_config(redis), policies=policy(limit)) as gateway:
        holder = await open_stream(gateway.port)
        (pid,) = gateway.worker_pids()
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(
            gateway.wait_until, lambda state: [w["pid"] for w in state["workers"]] != [pid]
        )
        await holder.close()

        statuses = await until_admitted(gateway)

    assert set(statuses) == {429, 200}


async def test_a_stream_that_waits_is_served_when_another_ends() -> None:
    limit = "{per: global, running: 1, queue: 1, queue_timeout: 60s}"
    with running_gateway(policies=policy(limit)) as gateway:
        holder = await open_stream(gateway.port)
        waiting = asyncio.ensure_future(until_admitted(gateway))
        await asyncio.to_thread(
            gateway.wait_until,
            lambda _: gateway.metric("sealgate_plugin_events_total", event="queued") == 1,
        )
        assert not waiting.done()
        await holder.close()

        assert await waiting == [200]
