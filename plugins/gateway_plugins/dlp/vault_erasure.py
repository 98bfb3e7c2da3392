"""Erases what administrators ordered to erase, from every store that a policy uses.

An order holds as soon as this worker sees it, a quarter of a second later: what was written before
it is not restored any more, though the store be away. What it names is removed from the store as
soon as that answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from gateway.plugin import IdentityUnavailableError, Runtime, StoreUnavailableError
from gateway.plugin.identity import Erasure
from gateway.plugin.values import ValueStore
from gateway_plugins.dlp.vault_seal import Entry, entry_of

LOOK_S: Final = 0.5


class Erasures:
    """Follows the orders of the directory; `forget` is called where one has come."""

    def __init__(
        self,
        runtime: Runtime,
        store: ValueStore,
        tag_of: Callable[[str], str],
        forget: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._directory = runtime.directory
        self._store = store
        self._tag_of = tag_of
        self._forget = forget
        self.seen = 0
        """How often other orders were seen: what was read before may have been erased since."""
        self._generation = 0
        self._orders: dict[str, Sequence[Erasure]] = {}
        self._done: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow."""
        if self._directory is not None:
            self._task = self._runtime.spawn(self._follow(), name="erasing values")

    async def stop(self) -> None:
        """Ends that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def covers(self, tenant: str, conversation: str, entry: Entry) -> bool:
        """Whether an entry is among what was to be erased; also where that cannot be told."""
        if self._directory is None:
            return False
        try:
            orders = self._look().get(tenant, ())
        except IdentityUnavailableError:
            return True
        return any(_names(order, conversation, entry) for order in orders)

    async def apply(self) -> None:
        """Carries out the orders that were not yet. Raises StoreUnavailableError."""
        for orders in list(self._look().values()):
            for order in orders:
                if order.id not in self._done:
                    count = await self._carry_out(order)
                    self._done.add(order.id)
                    fields = {"erasure": order.id, "tenant": order.tenant, "values": count}
                    self._runtime.log.info("values erased", extra={"fields": fields})

    def _look(self) -> dict[str, Sequence[Erasure]]:
        """The orders of each tenant as they are now."""
        directory = self._directory
        if directory is not None and directory.generation != self._generation:
            generation = directory.generation
            orders: dict[str, list[Erasure]] = {}
            for order in directory.erasures():
                orders.setdefault(order.tenant, []).append(order)
            if orders != self._orders:
                self.seen += 1
                self._forget()
            self._orders = dict(orders)
            self._generation = generation
        return self._orders

    async def _carry_out(self, order: Erasure) -> int:
        """Removes what the order names; gives how many values that were."""
        tag = self._tag_of(order.tenant)
        names = [order.conversation] if order.conversation else await self._store.names(tag)
        count = 0
        for name in names:
            found = await self._store.fields(tag, name)
            entries = [entry_of(field, text) for field, text in found.items()]
            named = [e.field for e in entries if e is not None and _names(order, name, e)]
            await self._store.remove(tag, name, named)
            count += len(named)
        return count

    async def _follow(self) -> None:
        while True:
            # Nothing of it is restored meanwhile, and the next look tries again.
            with contextlib.suppress(StoreUnavailableError, IdentityUnavailableError):
                await self.apply()
            await asyncio.sleep(LOOK_S)


def _names(order: Erasure, conversation: str, entry: Entry) -> bool:
    """Whether an order is about an entry: what was written later is another matter."""
    return (
        order.conversation in {"", conversation}
        and entry.field.startswith(order.field)
        and entry.written_at <= order.ordered_at
    )
