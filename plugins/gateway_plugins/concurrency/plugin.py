"""Holds a slot of each limit while a request runs; who finds none waits in turn, or is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import ClassVar

from gateway.plugin import (
    Algorithm,
    Demand,
    Exchange,
    Fact,
    Grant,
    Plugin,
    Reason,
    Reject,
    Runtime,
    Step,
    StoreUnavailableError,
    duration_us,
)
from gateway.plugin.grants import HeldGrants, abandon, give_back, granted
from gateway.plugin.grouping import facts_of, tag_of, value_of
from gateway.providers.body_model import Named, model_in_body
from gateway.providers.request_estimate import generates
from gateway_plugins.concurrency.config import SECOND_US, ConcurrencyConfig, RunningLimit
from gateway_plugins.concurrency.queues import Queue
from gateway_plugins.concurrency.shedding import Shedder

GROUPS_MAX = 10_000
"""Groups whose demand is remembered per limit; then the memory starts anew."""

_OUTAGE = Reject(Reason.STORE_UNAVAILABLE, retry_after_s=1)


class _Slots:
    """One limit, compiled."""

    def __init__(self, written: RunningLimit, lease_us: int, scope: str | None) -> None:
        words = sorted(written.per)
        self.label = f"per {', '.join(words)}" if words != ["global"] else "in all"
        self.running = written.running
        self.queue = written.queue
        self.queue_timeout_s = duration_us(written.queue_timeout) / SECOND_US
        self._lease_us = lease_us
        self._scope = scope
        self._head = f"/running/{'+'.join(words)}/"
        self._value_of = value_of(words)
        self._demands: dict[str, Demand] = {}

    def demand(self, x: Exchange) -> Demand:
        """A slot of the group to which the exchange belongs."""
        value = self._value_of(x)
        demand = self._demands.get(value)
        if demand is None:
            if len(self._demands) >= GROUPS_MAX:
                self._demands.clear()
            scope = x.policy if self._scope is None else self._scope
            key = f"{scope}{self._head}{value}"
            demand = Demand(key, Algorithm.SLOTS, 1, self.running, self._lease_us)
            self._demands[value] = demand
        return demand


class _Running:
    """The slots of one exchange: asked for, and held or not."""

    __slots__ = ("demands", "grant", "pending", "tag")

    def __init__(self, tag: str, demands: tuple[Demand, ...]) -> None:
        self.tag = tag
        self.demands = demands
        self.grant: Grant | None = None
        self.pending: asyncio.Future[Grant] | None = None


class Concurrency(Plugin):
    """Bounds how many requests run at once, and sheds load when a worker cannot keep up."""

    name: ClassVar[str] = "concurrency"
    Config = ConcurrencyConfig

    def __init__(self, config: ConcurrencyConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        retry_after_s = duration_us(config.retry_after) / SECOND_US
        self._shed = Reject(Reason.LOAD_SHED, retry_after_s=retry_after_s)
        self._shedder = None
        if config.shed is not None:
            self._shedder = Shedder(runtime.loop_lag_s, *config.shed.span_s)
        groups = [limit.per for limit in config.limits]
        scope = None if config.name is None else f"={config.name}"
        lease_us = duration_us(config.lease)
        self._limits = tuple(_Slots(limit, lease_us, scope) for limit in config.limits)
        self._busy = tuple(_busy(limit, retry_after_s) for limit in self._limits)
        self._tag_of = tag_of(groups, config.name)
        self._queues: dict[str, Queue] = {}
        self._running: Fact[_Running] = Fact("concurrency slots", _Running)
        self._leases = config.on_outage == "lease"
        self._asks_model = any("model" in words for words in groups)
        self.requires = frozenset().union(*(facts_of(words) for words in groups))
        needed = {
            "on_request_headers": self._shedder is not None or not self._asks_model,
            "on_request": self._asks_model,
            "on_complete": bool(groups),
        }
        self.skips_hooks = frozenset(hook for hook, wanted in needed.items() if not wanted)
        if groups:
            self._store = runtime.counters(config.store)
            self._held = HeldGrants(self._store, runtime)

    async def start(self) -> None:
        if self._limits:
            self._held.start()

    async def stop(self) -> None:
        if self._limits:
            await self._held.stop()

    def on_request_headers(self, x: Exchange) -> Step:
        if self._shedder is not None and self._shedder.refuses():
            return self._shed
        if self._asks_model or not self._limits:
            return None
        return self._enter(x)

    def on_request(self, x: Exchange) -> Step:
        if x.model is not None:
            return self._enter(x)
        named = model_in_body(x.request)
        if isinstance(named, str | Reject):
            return self._enter_named(x, named)
        return self._enter_later(x, named)

    async def _enter_later(self, x: Exchange, naming: Awaitable[Named]) -> Reject | None:
        """Enters when the model of a large body is known."""
        step = self._enter_named(x, await naming)
        return step if step is None or isinstance(step, Reject) else await step

    def _enter_named(self, x: Exchange, named: Named) -> Reject | Awaitable[Reject | None] | None:
        if not isinstance(named, Reject):
            x.model = named or None
        elif generates(x.request.method, x.request.path):
            return named
        # What makes no model work, such as the upload of a file, names none.
        return self._enter(x)

    def _enter(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        demands = tuple([limit.demand(x) for limit in self._limits])
        running = _Running(self._tag_of(x), demands)
        x.facts[self._running] = running
        if self._queues:
            # Whoever came earlier is served earlier.
            for at, demand in enumerate(demands):
                if demand.key in self._queues:
                    return self._queue_up(x, running, at)
        answer = self._ask(running)
        if isinstance(answer, Grant | None):
            return self._decide(x, running, answer)
        return self._wait(x, running, answer)

    def _ask(self, running: _Running) -> Grant | asyncio.Future[Grant] | None:
        """None where the store is away."""
        try:
            answer = self._store.take(running.tag, running.demands, lease=self._leases)
        except StoreUnavailableError:
            return None
        if isinstance(answer, Grant):
            return answer
        running.pending = asyncio.ensure_future(answer)
        return running.pending

    async def _wait(
        self, x: Exchange, running: _Running, answer: asyncio.Future[Grant]
    ) -> Reject | None:
        grant = await granted(answer)
        running.pending = None
        step = self._decide(x, running, grant)
        return step if step is None or isinstance(step, Reject) else await step

    def _decide(
        self, x: Exchange, running: _Running, grant: Grant | None
    ) -> Reject | Awaitable[Reject | None] | None:
        if grant is None:
            return _OUTAGE
        if not grant.admitted:
            return self._queue_up(x, running, grant.refused_by)
        self._hold(x, running, grant)
        return None

    def _hold(self, x: Exchange, running: _Running, grant: Grant) -> None:
        running.grant = grant
        self._held.add(grant)
        if grant.leased:
            x.flag("leased")

    def _queue_up(
        self, x: Exchange, running: _Running, at: int
    ) -> Reject | Awaitable[Reject | None]:
        """Waits for a slot of limit `at`, if there is room to wait."""
        queue = self._queues.get(running.demands[at].key)
        if (0 if queue is None else len(queue)) >= self._limits[at].queue:
            return self._busy[at]
        until = asyncio.get_running_loop().time() + self._limits[at].queue_timeout_s
        return self._stand(x, running, at, until)

    async def _stand(self, x: Exchange, running: _Running, at: int, until: float) -> Reject | None:
        """In the queue of limit `at`, then in that of the next limit that has no slot."""
        self.runtime.count(self.name, "queued")
        while True:
            key = running.demands[at].key
            queue = self._queues.setdefault(key, Queue())
            if len(queue) >= self._limits[at].queue:
                return self._busy[at]
            waiter = queue.join()
            try:
                while await queue.turn(waiter, until):
                    answer = self._ask(running)
                    grant = answer if isinstance(answer, Grant | None) else await granted(answer)
                    running.pending = None
                    if grant is None:
                        return _OUTAGE
                    if grant.admitted:
                        self._hold(x, running, grant)
                        return None
                    if grant.refused_by != at:
                        at = grant.refused_by
                        break
                else:
                    return self._busy[at]
            finally:
                queue.leave(waiter)
                if not queue:
                    self._queues.pop(key, None)

    def on_complete(self, x: Exchange) -> None:
        running = x.facts.get(self._running)
        if running is None:
            return
        if running.pending is not None:
            abandon(self._store, running.pending)
        if running.grant is None:
            return
        self._held.discard(running.grant)
        give_back(self._store, running.grant)
        for demand in running.demands:
            queue = self._queues.get(demand.key)
            if queue is not None:
                queue.wake_first()


def _busy(limit: _Slots, retry_after_s: float) -> Reject:
    message = f"at most {limit.running} at once {limit.label}"
    if limit.queue:
        message += f", and {limit.queue} may wait"
    ms = round(retry_after_s * 1000)
    return Reject(
        Reason.CONCURRENCY_LIMITED,
        message,
        retry_after_s=retry_after_s,
        headers=(("retry-after-ms", str(ms)),),
    )
