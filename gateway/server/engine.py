"""What one worker serves with: the policies, the upstreams and the proxy between them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from gateway.chain.registry import GROUP
from gateway.identity.directory import StoredDirectory
from gateway.identity.value_key import tenant_keys
from gateway.plugin.exchange import RequestView
from gateway.plugin.runtime import Runtime
from gateway.plugin.verdict import Reply
from gateway.policy.lifecycle import PolicyStore
from gateway.proxy.balancer import Upstream, Upstreams
from gateway.proxy.client_address import ClientAddresses
from gateway.proxy.handler import Proxy
from gateway.proxy.key_sources import CredentialKeeper
from gateway.proxy.parts import ProxyParts
from gateway.server.control import TargetReport
from gateway.server.journals import WorkerJournals
from gateway.server.loop_lag import LoopLag
from gateway.server.store_metrics import count_store
from gateway.server.worker import serve
from gateway.settings import Settings
from gateway.state.stores import Stores
from gateway.telemetry import catalogue
from gateway.telemetry.identifiers import RequestIds
from gateway.telemetry.logs import ExchangeLog
from gateway.telemetry.metrics import Metrics


def main(control: socket.socket, listeners: list[socket.socket]) -> int:
    """The worker's main function: what the forker calls in the forked process."""
    return serve(control, listeners, ProxyEngine)


def preload() -> None:
    """Imports the built-in plugins before the first fork, so that workers share them.

    Plugins of other packages are imported in each worker: what an import of theirs starts, such as
    a thread, would not survive the fork.
    """
    for point in entry_points(group=GROUP):
        if point.dist is not None and point.dist.name == "sealgate":
            # One that cannot be imported is told where a policy uses it.
            with contextlib.suppress(Exception):
                point.load()


class ProxyEngine:
    """The engine of a real worker; see `gateway.server.worker.Engine`."""

    def __init__(self, settings: Settings, metrics: Metrics, log: ExchangeLog) -> None:
        """Raises ConfigError where routes or upstreams cannot be used."""
        self._directory = StoredDirectory(settings.data_dir, time.time)  # noqa: TID251  # when keys end
        self._stores = Stores(
            settings, asyncio.get_running_loop(), functools.partial(count_store, metrics)
        )
        self._lag = LoopLag(asyncio.get_running_loop())
        metrics.gauge(catalogue.LOOP_LAG, self._lag.seconds)
        self._journals = WorkerJournals(settings)
        runtime = Runtime(
            data_dir=settings.data_dir,
            directory=self._directory,
            counters=self._stores.get,
            values=self._stores.values,
            scores=self._stores.scores,
            tenant_keys=functools.partial(
                tenant_keys, settings.data_dir, settings.tokenisation.key
            ),
            journal=self._journals.get,
            ledger_alarm=self._journals.alarm,
            on_ledger_failure=settings.ledger.on_ledger_failure,
            trusted_proxies=settings.trusted_proxies,
            count=metrics.plugin_event,
            loop_lag_s=self._lag.seconds,
        )
        self._store = PolicyStore(settings, runtime=runtime)
        self._upstreams = Upstreams(settings, on_ejection=lambda name, *_: metrics.ejection(name))
        self._keeper = CredentialKeeper(settings)
        for name, upstream in self._upstreams.items():
            upstream.credential = self._keeper.credentials.get(name)
            metrics.gauge(catalogue.EJECTED, functools.partial(_ejected, upstream), name)
        parts = ProxyParts(
            store=self._store,
            upstreams=self._upstreams,
            addresses=ClientAddresses(settings.trusted_proxies, settings.forwarded_header),
            limits=settings.listener.limits,
            metrics=metrics,
            log=log,
            request_ids=RequestIds(),
            unrouted=_unrouted(settings),
        )
        self.handler = Proxy(parts, asyncio.get_running_loop())

    async def start(self, version: int, bundle: Any) -> str:
        self._directory.start()
        self._lag.start()
        await self._keeper.start()
        digest = await self._store.prepare(version, bundle)
        self._store.commit(version)
        return digest

    async def prepare(self, version: int, bundle: Any) -> str:
        return await self._store.prepare(version, bundle)

    def commit(self, version: int) -> None:
        self._store.commit(version)

    async def abort(self, version: int) -> None:
        await self._store.abort(version)

    def upstreams(self) -> dict[str, tuple[TargetReport, ...]]:
        now = time.monotonic()
        return {
            name: tuple(
                TargetReport(state.target.label, state.ejected_until > now, state.ejections)
                for state in upstream.targets
            )
            for name, upstream in self._upstreams.items()
        }

    async def close(self) -> None:
        self._lag.stop()
        await self._store.close()
        await asyncio.to_thread(self._journals.close)
        await self._stores.close()
        await self._directory.close()
        await self._keeper.close()
        self._upstreams.close()


def _ejected(upstream: Upstream) -> int:
    now = time.monotonic()
    return sum(state.ejected_until > now for state in upstream.targets)


def _unrouted(settings: Settings) -> Callable[[RequestView], Reply | None] | None:
    if not settings.ledger.publish_on_listener:
        return None
    from gateway.proxy.published_keys import PublishedKeys  # noqa: PLC0415  # few publish here

    return PublishedKeys(settings).answer
