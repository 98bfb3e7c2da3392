"""Calls to the store for one exchange: what was reserved, and what it is settled at."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Sequence

from gateway.plugin import CounterStore, Demand, Exchange, Grant, StoreUnavailableError, Usage
from gateway.providers.prices import Rates
from gateway_plugins.budget.limits import AccountSet

_NOTHING_ASKED = Grant(admitted=True, standings=())


class Reserved:
    """What one exchange reserved of one set of budgets.

    `grant` is None while it is `pending`, and where the store is away. `more` are the reservations
    that a running stream added.
    """

    __slots__ = ("demands", "grant", "more", "of", "pending", "tag")

    def __init__(self, of: AccountSet, tag: str, demands: tuple[Demand, ...]) -> None:
        self.of = of
        self.tag = tag
        self.demands = demands
        self.grant: Grant | None = None
        self.pending: Awaitable[Grant] | None = None
        self.more: list[Grant] = []


class Taking:
    """Takes from one store, and gives back what nobody wants any more."""

    def __init__(self, store: CounterStore, *, lease: bool) -> None:
        self._store = store
        self._lease = lease

    def reserve(self, of: AccountSet, x: Exchange, usage: Usage, rates: Rates) -> Reserved:
        """Asks for an estimate of all budgets of a set, in one call."""
        taken = Reserved(of, of.tag_of(x), of.demands(x, usage, rates))
        if not taken.demands:
            taken.grant = _NOTHING_ASKED
            return taken
        answer = self.take(taken.tag, taken.demands)
        if isinstance(answer, Grant):
            taken.grant = answer
        else:
            taken.pending = answer
        return taken

    def take(self, tag: str, demands: Sequence[Demand]) -> Grant | Awaitable[Grant] | None:
        """One call to the store; None where it is away."""
        try:
            return self._store.take(tag, demands, lease=self._lease)
        except StoreUnavailableError:
            return None

    async def wait(self, calls: Sequence[Reserved]) -> None:
        """Waits for all of `calls`; what comes too late for a client that left is given back."""
        waiting = {
            asyncio.ensure_future(call.pending): call for call in calls if call.pending is not None
        }
        try:
            for future, call in waiting.items():
                try:
                    call.grant = await asyncio.shield(future)
                except StoreUnavailableError:
                    continue
        except asyncio.CancelledError:
            for future, call in waiting.items():
                future.add_done_callback(functools.partial(self._too_late, call))
            for call in calls:
                if call.pending is None:
                    self.settle(call, None, None)
            raise

    def _too_late(self, call: Reserved, done: asyncio.Future[Grant]) -> None:
        if not done.cancelled() and done.exception() is None:
            call.grant = done.result()
            self.settle(call, None, None)

    def settle(self, call: Reserved, usage: Usage | None, rates: Rates | None) -> None:
        """Corrects what was reserved to what was used, and gives back what a stream added."""
        grant, call.grant = call.grant, None
        if grant is None or not grant.admitted or grant is _NOTHING_ASKED:
            return
        charged = None if rates is None else usage
        amounts = call.of.amounts(charged, rates or _NO_RATES)
        self._store.settle(grant, amounts)
        for more in call.more:
            self._store.settle(more, [0] * len(amounts))
        call.more.clear()


_NO_RATES = Rates(0, 0, 0, 0)
