"""Keeps the slots of running streams: what nobody renews is free again when its lease ends."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.plugin import CounterStore, Runtime
from gateway_plugins.rate_limit.taking import Taken

INTERVAL_S = 5.0
"""A third of the shortest lease, so that one late or lost renewal frees nothing."""


class Renewal:
    """The calls of one use whose slots are held now."""

    def __init__(self, store: CounterStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._held: set[Taken] = set()
        self._task: asyncio.Task[Any] | None = None

    def add(self, call: Taken) -> None:
        """From now on, until `discard`."""
        self._held.add(call)

    def discard(self, call: Taken) -> None:
        """The slots are given back."""
        self._held.discard(call)

    def renew(self) -> None:
        """Renews what is held."""
        for call in self._held:
            if call.grant is not None:
                self._store.renew(call.grant)

    def start(self) -> None:
        """Renews now and then, until `stop`."""
        self._task = self._runtime.spawn(self._run(), name="rate_limit renewals")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.renew()
