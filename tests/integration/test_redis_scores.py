"""Trust scores in real servers: shared by workers and nodes, and what happens without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugin import PRINCIPAL, Exchange, Principal, Reason, Reject, Runtime
from gateway.plugin.scores import Score, ScoreRule
from gateway.plugin.testing import make_exchange, running
from gateway.state.redis.commands import SCORES_MAX, Keys, slot_of
from gateway.state.redis.scores import RedisScores
from gateway.state.redis.store import RedisStore
from gateway_plugins.trust_score import TrustScore
from gateway_plugins.trust_score.resets import RESETS_FILE
from gateway_plugins.trust_score.rolling import MILLI, Rolling
from gateway_plugins.trust_score.shared import FRESH_S
from tests.integration.gateway_process import running_gateway
from tests.integration.redis_servers import (
    RedisServer,
    needs_redis,
    running_cluster,
    running_redis,
)
from tests.integration.redis_stores import opened, until
from tests.integration.test_stores_of_a_gateway import status

pytestmark = needs_redis

SECOND_US = 1_000_000
RULE = ScoreRule(exchanges=10, half_life_us=100 * SECOND_US, floor_milli=0)
ALICE = Principal("acme", "alice", "key")


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(shared: RedisServer) -> RedisServer:
    shared.command("FLUSHALL")
    return shared


# -- the store ------------------------------------------------------------------------------------


async def test_a_score_is_moved_and_read_by_all(redis: RedisServer) -> None:
    async with opened(url=redis.url) as one, opened(url=redis.url) as two:
        here, there = RedisScores(one), RedisScores(two)

        assert await there.read("o", "a") is None
        assert await here.move("o", "a", 100_000, RULE) == Score(100_000, 1)
        assert await there.move("o", "a", 0, RULE) == Score(90_000, 2)
        assert await here.read("o", "a") == Score(90_000, 2)
        assert await here.read("o", "b") is None
        assert await here.read("p", "a") is None


async def test_one_score_of_an_owner_or_all_are_forgotten(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        scores = RedisScores(store)
        for name in "abc":
            await scores.move("o", name, 50_000, RULE)
        await scores.forget("o", "a")
        assert await scores.read("o", "a") is None
        assert await scores.read("o", "b") == Score(50_000, 1)
        await scores.forget("o", None)
        assert await scores.read("o", "c") is None


async def test_what_is_kept_of_an_owner_is_bounded(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        scores = RedisScores(store)
        names = [str(number) for number in range(SCORES_MAX + 5)]
        for name in names:
            await scores.move("o", name, 50_000, RULE)

        assert redis.command("HLEN", "sealgate{o}m") == SCORES_MAX
        assert await scores.read("o", names[-1]) is not None
        assert await scores.read("o", names[0]) is None
        assert 1_000_000 < redis.command("PTTL", "sealgate{o}m") <= 1_010_000


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 1_200)), min_size=1, max_size=30),
    st.integers(1, 2_000),
    st.integers(0, 100),
)
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_store_moves_a_score_as_a_worker_does(
    redis: RedisServer, results: list[tuple[int, int]], exchanges: int, floor: int
) -> None:
    asyncio.run(_both_move_alike(redis, results, exchanges, floor))


async def _both_move_alike(
    redis: RedisServer, results: Sequence[tuple[int, int]], exchanges: int, floor: int
) -> None:
    redis.command("FLUSHALL")
    now_s = 0
    rolling = Rolling(
        exchanges=exchanges, half_life_s=100, floor=floor, monotonic=lambda: float(now_s)
    )
    async with opened(url=redis.url):  # brings the library
        for result, idle_s in results:
            now_s += idle_s
            standing, _ = rolling.add(("", "", ""), result, ())
            found = redis.command(
                "FCALL", "sealgate_score", 1, "k", "n", result * MILLI, exchanges, 100 * SECOND_US,
                floor * MILLI, SCORES_MAX, now_s * SECOND_US,
            )  # fmt: skip

            assert found == [standing.milli, standing.exchanges]


async def test_each_owner_of_a_cluster_is_where_it_belongs() -> None:
    with running_cluster() as cluster:
        async with opened(url=cluster.url, cluster=True) as store:
            scores = RedisScores(store)
            for owner in "abcdef":
                await scores.move(owner, "n", 50_000, RULE)
            slot = slot_of(Keys("sealgate").base("a"))
            here = cluster.node_of_slot(slot)
            cluster.move_slot(slot, next(node for node in cluster.nodes if node is not here))

            assert await scores.move("a", "n", 50_000, RULE) == Score(50_000, 2)
            assert all(int(node.command("DBSIZE")) > 0 for node in cluster.nodes)


# -- the plugin -----------------------------------------------------------------------------------


class Worker:
    """One started use with a store of its own connections, and a clock that the test moves."""

    def __init__(self, store: RedisStore, folder: Path) -> None:
        self.now = 1_000.0
        self.counted: list[str] = []
        self.runtime = Runtime(
            monotonic=lambda: self.now,
            data_dir=folder,
            scores=lambda _name, _required: RedisScores(store),
            count=lambda _, event: self.counted.append(event),
        )
        self.plugin: Any = None

    def serve(self, principal: Principal = ALICE) -> None:
        """An exchange of which nothing was observed: 0 points."""
        self.plugin.on_complete(exchange(principal))

    async def asked(self, principal: Principal = ALICE) -> Reject | None:
        """What comes of a request, a while after the store was asked last."""
        self.now += FRESH_S
        step = self.plugin.on_request_headers(exchange(principal))
        found: Reject | None = await step
        return found


def exchange(principal: Principal) -> Exchange:
    x = make_exchange()
    x.provide(PRINCIPAL, principal)
    return x


@asynccontextmanager
async def worker(
    redis: RedisServer, folder: Path, config: dict[str, Any] | None = None, **store: Any
) -> AsyncIterator[Worker]:
    async with opened(url=redis.url, **store) as connected:
        one = Worker(connected, folder)
        async with running(TrustScore, {"min_trust": 50, **(config or {})}, one.runtime) as plugin:
            one.plugin = plugin
            yield one


async def known(redis: RedisServer) -> None:
    await until(lambda: int(redis.command("DBSIZE")) > 0, "the score in the store")


async def test_what_one_worker_saw_another_refuses(redis: RedisServer, tmp_path: Path) -> None:
    async with worker(redis, tmp_path) as one, worker(redis, tmp_path) as two:
        assert await two.asked() is None
        one.serve()
        await known(redis)
        refused = await two.asked()
        other = await two.asked(Principal("acme", "bob", "key"))
        foreign = await two.asked(Principal("globex", "alice", "key"))

    assert refused is not None
    assert refused.reason is Reason.TRUST_TOO_LOW
    assert other is None
    assert foreign is None


async def test_a_score_outlives_its_worker(redis: RedisServer, tmp_path: Path) -> None:
    async with worker(redis, tmp_path) as one:
        one.serve()  # stopped at once: what waits is told before it ends
    async with worker(redis, tmp_path) as two:
        assert await two.asked() is not None


async def test_what_was_told_lately_is_gone_by(redis: RedisServer, tmp_path: Path) -> None:
    async with worker(redis, tmp_path) as one:
        one.serve()
        await known(redis)
        await one.asked()
        step = one.plugin.on_request_headers(exchange(ALICE))

    assert isinstance(step, Reject)  # and no awaitable


async def test_uses_that_score_otherwise_share_nothing(redis: RedisServer, tmp_path: Path) -> None:
    config = {"profile": "finance"}
    async with worker(redis, tmp_path) as one, worker(redis, tmp_path, config) as two:
        one.serve()
        await known(redis)
        assert await two.asked() is None


async def test_the_store_shows_nobody_who_the_callers_are(
    redis: RedisServer, tmp_path: Path
) -> None:
    config = {"agent_header": "x-agent"}
    async with worker(redis, tmp_path, config) as one:
        x = exchange(Principal("acme-tenant", "alice@example.com", "key"))
        x.request.headers.add("x-agent", "billing-bot")
        one.plugin.on_complete(x)
        await known(redis)
    keys = redis.command("KEYS", "*m")
    shown = repr([keys, *[redis.command("HGETALL", key) for key in keys]])

    assert len(keys) == 1
    assert not [name for name in ("acme", "alice", "billing") if name in shown]


@pytest.mark.parametrize("agent", ["null", '""'])
async def test_a_reset_reaches_the_store(redis: RedisServer, tmp_path: Path, agent: str) -> None:
    one_folder, two_folder = tmp_path / "one", tmp_path / "two"
    one_folder.mkdir()
    two_folder.mkdir()
    async with worker(redis, one_folder) as one, worker(redis, two_folder) as two:
        one.serve()
        await known(redis)
        line = f'{{"tenant":"acme","subject":"alice","agent":{agent}}}\n'
        (one_folder / RESETS_FILE).write_text(line)
        await one.plugin.look()
        await until(lambda: redis.command("DBSIZE") == 0, "the reset")
        assert await two.asked() is None


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, Reason.STORE_UNAVAILABLE),
        ({"rolling": {"on_outage": "local"}}, None),
        ({"min_trust": 0}, None),
    ],
)
async def test_without_the_store(
    tmp_path: Path, config: dict[str, Any], reason: Reason | None
) -> None:
    with running_redis() as own:
        async with worker(own, tmp_path, config) as one:
            own.kill()
            refused = await one.asked()

    assert (None if refused is None else refused.reason) is reason
    assert "scores_away" in one.counted


async def test_what_waited_for_the_store_is_told_when_it_is_back(tmp_path: Path) -> None:
    with running_redis() as own:
        async with worker(own, tmp_path, {"rolling": {"on_outage": "local"}}) as one:
            own.kill()
            one.serve()
            refused = await one.asked()  # by what this worker knows
            assert refused is not None
            assert refused.reason is Reason.TRUST_TOO_LOW
            own.start()
            await known(own)
            async with worker(own, tmp_path) as two:
                assert await two.asked() is not None


# -- a real gateway -------------------------------------------------------------------------------

POLICY = """\
version: 1
name: trusted
chain:
  - trust_score: {min_trust: 50}
"""


async def test_workers_of_two_gateways_refuse_together(redis: RedisServer) -> None:
    config = f"stores: {{default: {{url: '{redis.url}', deadline_ms: 5000}}}}"
    with running_gateway(config=config, policies=POLICY, workers=2) as one:
        assert status(one) == 200
        await known(redis)
        with running_gateway(config=config, policies=POLICY, workers=2) as two:
            # Each connection may land on either worker; none of them has served this caller.
            assert {status(two) for _ in range(8)} == {403}


def test_workers_that_could_not_share_are_refused_with_the_cure() -> None:
    refused = pytest.raises(AssertionError, match=r"would know only what it served")
    with refused, running_gateway(policies=POLICY, workers=2):
        pass
