"""Slots are held while requests run, freed whatever becomes of them, and waited for in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from gateway.plugin import (
    PRINCIPAL,
    Demand,
    Exchange,
    Grant,
    Plugin,
    Principal,
    Reason,
    Reject,
    Runtime,
    StoreUnavailableError,
)
from gateway.plugin.testing import make_exchange, make_response, play, running
from gateway.state.memory import MemoryStore
from gateway_plugins.concurrency import Concurrency

ONE: Mapping[str, Any] = {"per": "tenant", "running": 1}
WAITING = {"limits": [{**ONE, "queue": 2, "queue_timeout": "60s"}]}


class Store(MemoryStore):
    """In memory; `away` makes it fail, `late` makes it answer in a later turn of the loop."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_us)
        self.now_us = 0
        self.away = False
        self.late = False
        self.asked = 0

    def take(self, tag: str, demands: Sequence[Demand], *, lease: bool = False) -> Any:
        self.asked += 1
        if self.away and not lease:
            raise StoreUnavailableError
        grant = super().take(tag, demands)
        grant.leased = self.away
        if not self.late:
            return grant
        answer: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(answer.set_result, grant)
        return answer


@pytest.fixture(params=[False, True], ids=["at once", "late"])
def store(request: pytest.FixtureRequest) -> Store:
    store = Store()
    store.late = request.param
    return store


@pytest.fixture
def runtime(store: Store) -> Runtime:
    return Runtime(counters=lambda _: store)


def call(tenant: str = "acme", body: Any = None) -> Exchange:
    x = make_exchange(body=None if body is None else orjson.dumps(body))
    x.policy, x.route, x.upstream = "p", "demo", "demo"
    x.provide(PRINCIPAL, Principal(tenant, "ann", "key", "k"))
    return x


async def enter(plugin: Plugin, x: Exchange) -> Reject | None:
    step = plugin.on_request_headers(x)
    answer = await step if isinstance(step, Awaitable) else step
    assert answer is None or isinstance(answer, Reject)
    return answer


def begin(plugin: Plugin, x: Exchange) -> asyncio.Task[Reject | None]:
    return asyncio.ensure_future(enter(plugin, x))


async def settled(*tasks: asyncio.Task[Any]) -> None:
    """Lets `tasks` go on until they wait or end."""
    for _ in range(5):
        await asyncio.wait(tasks, timeout=0)


class TestSlots:
    async def test_no_more_than_the_limit_run_at_once(self, runtime: Runtime) -> None:
        async with running(Concurrency, {"limits": [ONE]}, runtime) as plugin:
            first = call()
            assert await enter(plugin, first) is None
            reject = await enter(plugin, call())
            assert reject is not None
            assert reject.reason is Reason.CONCURRENCY_LIMITED
            assert (reject.retry_after_s, reject.headers) == (1, (("retry-after-ms", "1000"),))
            assert reject.message == "at most 1 at once per tenant"
            assert await enter(plugin, call("umbrella")) is None

            plugin.on_complete(first)
            assert await enter(plugin, call()) is None

    async def test_a_refused_request_holds_nothing(self, runtime: Runtime) -> None:
        limits = [ONE, {"per": "route", "running": 2}]
        async with running(Concurrency, {"limits": limits}, runtime) as plugin:
            assert await enter(plugin, call("a")) is None
            for _ in range(5):
                x = call("a")
                assert await enter(plugin, x) is not None
                plugin.on_complete(x)

            assert await enter(plugin, call("b")) is None
            assert await enter(plugin, call("c")) is not None

    async def test_slots_outlive_their_lease_while_they_are_held(
        self, runtime: Runtime, store: Store
    ) -> None:
        async with running(Concurrency, {"limits": [ONE], "lease": "15s"}, runtime) as plugin:
            await enter(plugin, call())
            for _ in range(10):
                store.now_us += 5_000_000
                plugin._held.renew()
            assert await enter(plugin, call()) is not None

            store.now_us += 15_000_000
            assert await enter(plugin, call()) is None

    async def test_the_model_of_the_body_may_be_bounded(self, runtime: Runtime) -> None:
        config = {"limits": [{"per": "model", "running": 1}]}
        async with running(Concurrency, config, runtime) as plugin:
            assert plugin.skips_hooks == {"on_request_headers"}
            large = {"model": "b", "text": "x" * 300_000}
            for body, admitted in (
                ({"model": "a"}, True),
                (large, True),
                ({"model": "A"}, False),
                (large, False),
                ({"model": "c", "Model": "d"}, False),
            ):
                step = plugin.on_request(call(body=body))
                answer = await step if isinstance(step, Awaitable) else step
                assert (answer is None) is admitted

    async def test_a_store_that_is_away_refuses_or_lends(
        self, runtime: Runtime, store: Store
    ) -> None:
        store.away = True
        async with running(Concurrency, {"limits": [ONE]}, runtime) as plugin:
            reject = await enter(plugin, call())
            assert reject is not None
            assert reject.reason is Reason.STORE_UNAVAILABLE
        async with running(Concurrency, {"limits": [ONE], "on_outage": "lease"}, runtime) as plugin:
            x = call()
            assert await enter(plugin, x) is None
            assert x.take_flag() == ("leased", {})

    def test_only_a_verified_caller_can_be_bounded(self, runtime: Runtime) -> None:
        config = Concurrency.Config.model_validate({"limits": [ONE]})
        assert Concurrency(config, runtime).requires == {PRINCIPAL}

        config = Concurrency.Config.model_validate({"limits": [{**ONE, "per": "upstream"}]})
        assert Concurrency(config, runtime).requires == frozenset()


class TestWaiting:
    async def test_a_freed_slot_goes_to_who_waits_longest(self, runtime: Runtime) -> None:
        async with running(Concurrency, WAITING, runtime) as plugin:
            holder, second, third = call(), call(), call()
            await enter(plugin, holder)
            waiting = [begin(plugin, second), begin(plugin, third)]
            await settled(*waiting)
            assert not any(task.done() for task in waiting)

            plugin.on_complete(holder)
            assert await waiting[0] is None
            await settled(*waiting)
            assert not waiting[1].done()

            plugin.on_complete(second)
            assert await waiting[1] is None
            plugin.on_complete(third)
            assert plugin._queues == {}

    async def test_the_queue_has_an_end(self, runtime: Runtime) -> None:
        async with running(Concurrency, WAITING, runtime) as plugin:
            await enter(plugin, call())
            waiting = [begin(plugin, call()) for _ in range(2)]
            await settled(*waiting)

            reject = await enter(plugin, call())
            assert reject is not None
            assert reject.message == "at most 1 at once per tenant, and 2 may wait"
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            assert plugin._queues == {}

    async def test_nobody_overtakes(self, runtime: Runtime) -> None:
        """A slot that is free belongs to who waits, not to who just came."""
        async with running(Concurrency, WAITING, runtime) as plugin:
            holder, second, third = call(), call(), call()
            await enter(plugin, holder)
            waiting = begin(plugin, second)
            await settled(waiting)

            plugin.on_complete(holder)
            late = begin(plugin, third)
            assert await waiting is None
            await settled(late)
            assert not late.done()
            plugin.on_complete(second)
            assert await late is None

    async def test_a_wait_ends_at_its_time(self, runtime: Runtime) -> None:
        config = {"limits": [{**ONE, "queue": 2, "queue_timeout": "20ms"}]}
        async with running(Concurrency, config, runtime) as plugin:
            await enter(plugin, call())

            reject = await enter(plugin, call())

            assert reject is not None
            assert reject.reason is Reason.CONCURRENCY_LIMITED
            assert plugin._queues == {}

    async def test_a_client_that_leaves_the_queue_makes_room(self, runtime: Runtime) -> None:
        async with running(Concurrency, WAITING, runtime) as plugin:
            holder, second = call(), call()
            await enter(plugin, holder)
            gone = call()
            leaving, staying = begin(plugin, gone), begin(plugin, second)
            await settled(leaving, staying)

            leaving.cancel()
            await asyncio.wait([leaving])
            plugin.on_complete(gone)
            plugin.on_complete(holder)

            assert await staying is None

    async def test_a_slot_that_another_worker_frees_is_found(
        self, runtime: Runtime, store: Store
    ) -> None:
        async with (
            running(Concurrency, WAITING, runtime) as here,
            running(Concurrency, WAITING, runtime) as there,
        ):
            x = call()
            await enter(there, x)
            waiting = begin(here, call())
            await settled(waiting)
            there.on_complete(x)

            assert await waiting is None

    async def test_many_that_wait_ask_no_more_than_one(
        self, runtime: Runtime, store: Store
    ) -> None:
        config = {"limits": [{**ONE, "queue": 100, "queue_timeout": "60s"}]}
        async with running(Concurrency, config, runtime) as plugin:
            await enter(plugin, call())
            waiting = [begin(plugin, call()) for _ in range(100)]
            await settled(*waiting)
            before = store.asked

            await asyncio.wait([asyncio.ensure_future(_turns(store, before + 2))])

            assert store.asked <= before + 3
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

    async def test_who_waits_for_one_limit_may_then_wait_for_another(
        self, runtime: Runtime
    ) -> None:
        queue = {"queue": 5, "queue_timeout": "60s"}
        limits = [{**ONE, **queue}, {"per": "global", "running": 1, **queue}]
        async with running(Concurrency, {"limits": limits}, runtime) as plugin:
            first, second, third = call("a"), call("b"), call("b")
            await enter(plugin, first)
            waiting = [begin(plugin, second), begin(plugin, third)]
            await settled(*waiting)
            plugin.on_complete(first)
            assert await waiting[0] is None
            plugin.on_complete(second)
            assert await waiting[1] is None

    async def test_an_outage_ends_the_wait(self, runtime: Runtime, store: Store) -> None:
        async with running(Concurrency, WAITING, runtime) as plugin:
            holder = call()
            await enter(plugin, holder)
            waiting = begin(plugin, call())
            await settled(waiting)
            store.away = True
            plugin.on_complete(holder)

            reject = await waiting

            assert reject is not None
            assert reject.reason is Reason.STORE_UNAVAILABLE


async def _turns(store: Store, until: int) -> None:
    """Until the store was asked that often."""
    while store.asked < until:
        await asyncio.wait([asyncio.ensure_future(_turn())])


async def _turn() -> None:
    pass


class TestShedding:
    async def test_a_share_of_the_requests_is_refused(self) -> None:
        runtime = Runtime(loop_lag_s=lambda: 0.31)
        config = {"shed": {"loop_lag_ms": 100, "full_lag_ms": 500}, "retry_after": "5s"}
        async with running(Concurrency, config, runtime) as plugin:
            assert plugin.skips_hooks == {"on_request", "on_complete"}
            answers = [
                (await play(plugin, call(), response=make_response())).answer for _ in range(10)
            ]

        rejects = [answer for answer in answers if isinstance(answer, Reject)]
        assert len(rejects) == 5
        assert {reject.reason for reject in rejects} == {Reason.LOAD_SHED}
        assert rejects[0].retry_after_s == 5

    async def test_what_is_shed_takes_no_slot(self) -> None:
        store = Store()
        runtime = Runtime(counters=lambda _: store, loop_lag_s=lambda: 9.0)
        async with running(Concurrency, {"limits": [ONE], "shed": {}}, runtime) as plugin:
            assert await enter(plugin, call()) is not None

        assert store.asked == 0
