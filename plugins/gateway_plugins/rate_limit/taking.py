"""Calls to the store: what was asked, what came back, and what is given back in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.plugin import (
    CounterStore,
    Demand,
    Exchange,
    Grant,
    StoreUnavailableError,
)
from gateway.plugin.grants import abandon, give_back, granted
from gateway_plugins.rate_limit.limits import Limit, LimitSet

_NOTHING_ASKED: Final = Grant(admitted=True, standings=())


class Taken:
    """One call to the store for one exchange.

    `grant` is None while it is `pending`, and where the store is away. `open` is true while
    something was taken that may still be corrected.
    """

    __slots__ = ("demands", "grant", "limits", "of", "open", "pending")

    def __init__(
        self, of: LimitSet, limits: tuple[Limit, ...], demands: tuple[Demand, ...]
    ) -> None:
        self.of = of
        self.limits = limits
        self.demands = demands
        self.grant: Grant | None = None
        self.pending: asyncio.Future[Grant] | None = None
        self.open = False

    def came(self, grant: Grant) -> None:
        """The store has answered."""
        self.pending = None
        self.grant = grant
        self.open = grant.admitted


class Taking:
    """Takes from one store, and gives back what nobody wants any more."""

    def __init__(self, store: CounterStore, *, lease: bool) -> None:
        self._store = store
        self._lease = lease

    def ask(self, of: LimitSet, x: Exchange) -> Taken:
        """Asks for all that the exchange demands of `of`, in one call."""
        asked = of.ask(x)
        demands = asked.demands
        taken = Taken(of, asked.limits, demands)
        if not demands:
            taken.grant = _NOTHING_ASKED
            return taken
        try:
            answer = self._store.take(asked.tag, demands, lease=self._lease)
        except StoreUnavailableError:
            return taken
        if isinstance(answer, Grant):
            taken.grant = answer
            taken.open = answer.admitted
        else:
            taken.pending = asyncio.ensure_future(answer)
        return taken

    async def wait(self, calls: Sequence[Taken]) -> None:
        """Waits for all of `calls`; they were sent already, so that one after the other will do."""
        for call in calls:
            if call.pending is None:
                continue
            grant = await granted(call.pending)
            call.pending = None
            if grant is not None:
                call.came(grant)

    def give_back(self, taken: Taken) -> None:
        """Makes it as if nothing had been taken."""
        if taken.pending is not None:
            abandon(self._store, taken.pending)
        elif taken.open and taken.grant is not None:
            taken.open = False
            give_back(self._store, taken.grant)

    def settle(self, taken: Taken, x: Exchange) -> None:
        """Corrects what was taken to what the exchange has used."""
        if taken.pending is not None:
            abandon(self._store, taken.pending)
        elif taken.open and taken.grant is not None and taken.of.settles:
            taken.open = False
            used = [
                limit.used(x, demand.amount)
                for limit, demand in zip(taken.limits, taken.demands, strict=True)
            ]
            self._store.settle(taken.grant, used)
