"""Two hundred clients hammer one limit: as many are admitted as it says, and not one more."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.crowd import Answer, Client, crowd
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import ask
from tests.integration.redis_servers import RedisServer, needs_redis, running_redis, wait_for

CLIENTS = 200
LIMIT = 500
"""Admitted of the 200 x 5 requests, in a window that no test outlives."""
REQUESTS = 5

POLICY = """
version: 1
name: limits
chain:
  - rate_limit: {limits: [{per: global, requests: %d, window: 30d%s}]}
"""


def policy(limit: int = LIMIT, more: str = "") -> str:
    return POLICY % (limit, more)


def admitted(statuses: Counter[int]) -> int:
    """All but the refused. What the provider could not take (502) had been admitted too."""
    assert set(statuses) <= {200, 429, 502}
    return statuses.total() - statuses[429]


def redis_config(redis: RedisServer) -> str:
    """A deadline that a busy test machine keeps: here is tested what is counted, not how fast."""
    return f"stores: {{default: {{kind: redis, url: '{redis.url}', deadline_ms: 5000}}}}"


@contextlib.contextmanager
def gateways(count: int, workers: int, config: str | None, text: str) -> Iterator[list[int]]:
    """The ports of `count` gateways with the same policy."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(running_gateway(config=config, policies=text, workers=workers)).port
            for _ in range(count)
        ]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


class TestRequests:
    @pytest.mark.parametrize("more", ["", ", algorithm: gcra"], ids=["log", "gcra"])
    async def test_one_worker_in_memory(self, more: str) -> None:
        with gateways(1, 1, None, policy(more=more)) as ports:
            statuses = await crowd(ports, clients=CLIENTS, requests=REQUESTS)

        assert admitted(statuses) == LIMIT

    @needs_redis
    @pytest.mark.parametrize(
        ("nodes", "workers"), [(1, 1), (1, 2), (1, 4), (2, 2)], ids=["1", "2", "4", "2 nodes"]
    )
    async def test_workers_and_nodes_on_one_redis(
        self, redis: RedisServer, nodes: int, workers: int
    ) -> None:
        with gateways(nodes, workers, redis_config(redis), policy()) as ports:
            statuses = await crowd(ports, clients=CLIENTS, requests=REQUESTS)

        assert admitted(statuses) == LIMIT

    @needs_redis
    async def test_a_refused_request_uses_nothing_of_any_limit(self, redis: RedisServer) -> None:
        """The narrow limit of one client must not eat up the wide one of all."""
        text = """
version: 1
name: limits
chain:
  - rate_limit:
      limits:
        - {per: "header:x-team", requests: 10, window: 1h}
        - {per: global, requests: 100, window: 1h}
"""
        with gateways(1, 2, redis_config(redis), text) as ports:
            client = await Client.connect(ports[0])
            for _ in range(50):
                await client.ask(headers={"x-team": "greedy"})
            _, told, _ = await client.ask(headers={"x-team": "modest"})
            await client.close()

        assert '"requests-per-global-1h";r=89' in told["ratelimit"]


class TestTokens:
    """What is left after any number of exchanges is the limit less what the provider counted."""

    LIMIT = 10_000_000
    TEXT = f"""
version: 1
name: limits
chain:
  - rate_limit: {{limits: [{{per: global, tokens: {LIMIT}, window: 1h}}]}}
"""

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize(
        "workers", [1, pytest.param(2, marks=needs_redis)], ids=["memory", "redis"]
    )
    async def test_the_error_after_the_last_answer_is_zero(
        self, workers: int, *, stream: bool, request: pytest.FixtureRequest
    ) -> None:
        config = redis_config(request.getfixturevalue("redis")) if workers > 1 else None
        body = orjson.dumps(
            {
                "model": "demo",
                "max_tokens": 4000,
                "stream": stream,
                "stream_options": {"include_usage": True} if stream else None,
                "messages": [{"role": "user", "content": "How many words are in this?"}],
            }
        )
        used: list[int] = []

        def count(answer: Answer) -> None:
            used.append(_tokens_in(answer[2]))

        with running_gateway(config=config, policies=self.TEXT, workers=workers) as gateway:
            statuses = await crowd([gateway.port], clients=50, requests=4, body=body, seen=count)
            gateway.wait_for_log(lambda line: line["event"] == "exchange", count=200)
            last = b"{}"
            _, told, _ = await asyncio.to_thread(ask, gateway, body=last)

        assert statuses == {200: 200}
        assert min(used) > 0
        reserved = 1 + 1024  # for two bytes, and for an answer without a limit
        left = int(told["x-ratelimit-remaining-tokens"])
        assert self.LIMIT - left - reserved == sum(used)


def _tokens_in(body: bytes) -> int:
    """`total_tokens` of an answer, or of the last chunk of a stream that tells it."""
    texts = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: {")] or [body]
    usages = [orjson.loads(text).get("usage") for text in texts]
    return int([usage for usage in usages if usage][-1]["total_tokens"])


def put(gateway: GatewayProcess, text: str) -> None:
    """Puts another policy in force, and waits for it."""
    before = sum(line["event"] == "policies reloaded" for line in gateway.logs)
    file: Path = gateway.folder / "policies" / "policy.yaml"
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(file)
    gateway.send_signal(signal.SIGHUP)
    gateway.wait_for_log("policies reloaded", count=before + 1)


class TestReloads:
    @pytest.mark.parametrize(
        "workers", [1, pytest.param(2, marks=needs_redis)], ids=["memory", "redis"]
    )
    async def test_a_changed_limit_applies_to_the_next_request_and_keeps_the_count(
        self, workers: int, request: pytest.FixtureRequest
    ) -> None:
        config = redis_config(request.getfixturevalue("redis")) if workers > 1 else None
        with running_gateway(config=config, policies=policy(50), workers=workers) as gateway:
            before = await crowd([gateway.port], clients=20, requests=5)
            put(gateway, policy(80))
            raised = await crowd([gateway.port], clients=20, requests=5)
            put(gateway, policy(60))
            lowered = await crowd([gateway.port], clients=1, requests=5)

        assert [admitted(statuses) for statuses in (before, raised, lowered)] == [50, 30, 0]


class Load:
    """Clients that go on until they are told to stop; statuses since the last look."""

    def __init__(self, port: int, clients: int) -> None:
        self._statuses: list[int] = []
        self._stop = False
        self._tasks = [asyncio.ensure_future(self._run(port)) for _ in range(clients)]

    async def _run(self, port: int) -> None:
        client = await Client.connect(port)
        try:
            while not self._stop:
                status, _, _ = await client.ask()
                self._statuses.append(status)
        finally:
            await client.close()

    async def more(self, status: int, count: int = 1) -> list[int]:
        """All statuses since the last look, when `status` has come `count` times more."""
        while self._statuses.count(status) < count:
            await asyncio.wait(self._tasks, timeout=0.01)
            assert not any(task.done() for task in self._tasks)
        seen, self._statuses = self._statuses, []
        return seen

    async def stop(self) -> list[int]:
        """Ends all; raises what one of them met."""
        self._stop = True
        await asyncio.gather(*self._tasks)
        return self._statuses


def outage_config(redis: RedisServer) -> str:
    return (
        f"stores: {{default: {{kind: redis, url: '{redis.url}', deadline_ms: 1000, "
        "lease_fraction: 0.1}}"
    )


@needs_redis
class TestOutage:
    """Redis is killed with -9 under load and comes back empty."""

    async def test_closed_refuses_until_the_store_is_back(self, redis: RedisServer) -> None:
        text = policy(1_000_000, more=", algorithm: gcra")
        with running_gateway(config=outage_config(redis), policies=text, workers=2) as gateway:
            load = Load(gateway.port, 20)
            await load.more(200, 100)
            await asyncio.to_thread(redis.kill)
            during = await load.more(503, 200)
            away = await load.more(503, 200)
            await asyncio.to_thread(redis.start)
            seen = await load.more(200, 100)
            while 503 in seen:  # one of the workers may find out later than the other
                seen = await load.more(200, 100)
            last = await load.stop()

            assert set(during) <= {200, 502, 503}
            assert set(away) == {503}
            assert set(last) <= {200, 502}
            gateway.stop()
            refused = {line["reason"] for line in gateway.exchanges if line["status"] == 503}
            assert refused == {"store_unavailable"}

    async def test_a_lease_admits_its_share_and_no_more(self, redis: RedisServer) -> None:
        """A tenth of the limit, over all workers together, whatever was counted before."""
        limit = 5_000
        with running_gateway(
            config=outage_config(redis),
            policies=policy(limit).replace("limits:", "on_outage: lease, limits:"),
            workers=2,
        ) as gateway:
            await asyncio.to_thread(wait_for, lambda: _shares(redis) == 2, "the grant of shares")
            load = Load(gateway.port, 20)
            await load.more(200, 200)
            await asyncio.to_thread(redis.kill)
            await load.more(429, 400)
            away = await load.more(429, 200)
            await asyncio.to_thread(redis.start)
            await load.more(200, 1)
            await load.stop()
            gateway.stop()

        leased = sum(_was_leased(line) for line in gateway.exchanges)
        assert set(away) <= {200, 429, 502}
        assert 0 < leased <= limit // 10


def _shares(redis: RedisServer) -> int:
    """Workers that hold a share for a time without the store."""
    entries = redis.command("HGETALL", "sealgate{workers}")
    held = dict(zip(entries[::2], entries[1::2], strict=True))
    return sum(not entry.endswith(":0") for name, entry in held.items() if name != "born")


def _was_leased(line: dict[str, object]) -> bool:
    verdicts = line["verdicts"]
    assert isinstance(verdicts, list)
    return any(verdict.get("reason") == "leased" for verdict in verdicts)
