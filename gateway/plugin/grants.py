"""Grants that a plugin holds on to: waited for without loss, and renewed while they are held."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gateway.plugin.limits import CounterStore, Grant, StoreUnavailableError
from gateway.plugin.runtime import Runtime

RENEWAL_INTERVAL_S: Final = 5.0
LEASE_S_MIN: Final = 15
"""Three renewals: one that is late or lost frees no slot that is held."""


async def granted(answer: asyncio.Future[Grant]) -> Grant | None:
    """What `CounterStore.take` comes to, None where the store is away.

    The client may go away during the wait, even before the hook's first line has run: then
    `abandon` the answer in `on_complete`.
    """
    try:
        return await answer
    except StoreUnavailableError:
        return None


def abandon(store: CounterStore, answer: asyncio.Future[Grant]) -> None:
    """Gives back what `answer` came to, or cancels it: then the store gives it back."""
    if not answer.done():
        answer.cancel()
    elif not answer.cancelled() and answer.exception() is None:
        give_back(store, answer.result())


def give_back(store: CounterStore, grant: Grant) -> None:
    """Makes it as if nothing had been taken."""
    if grant.admitted:
        store.settle(grant, [0] * len(grant.standings))


class HeldGrants:
    """The grants of one use whose slots are held now: what nobody renews is free after its lease.

    `start` and `stop` belong into those of the plugin.
    """

    def __init__(self, store: CounterStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._held: dict[int, Grant] = {}
        self._task: asyncio.Task[Any] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def add(self, grant: Grant) -> None:
        """Renews it from now on, until `discard`."""
        self._held[id(grant)] = grant

    def discard(self, grant: Grant) -> None:
        """It is settled now."""
        self._held.pop(id(grant), None)

    def renew(self) -> None:
        """Renews what is held."""
        for grant in self._held.values():
            self._store.renew(grant)

    def start(self) -> None:
        """Renews every few seconds, until `stop`."""
        self._task = self._runtime.spawn(self._run(), name="renewal of slots")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_S)
            self.renew()
