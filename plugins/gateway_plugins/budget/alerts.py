"""Says once per period that a budget has come to 50, 80 or 100 percent, on whichever worker.

After a budget was charged, its count is read, at most four times a second. Where it has come to a
threshold, the right to say so is taken from the store: a counter of its own that gives it away once
per period, so that of all workers and nodes exactly one speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.plugin import (
    Algorithm,
    CounterStore,
    Demand,
    Grant,
    Runtime,
    Standing,
    StoreUnavailableError,
)
from gateway_plugins.budget.limits import Account
from gateway_plugins.budget.taking import Reserved

INTERVAL_S = 0.25
SAID_MAX = 100_000
"""Alerts that are remembered as said; then the memory starts anew, and the store is asked again."""
_FULL = 100

_Watched = tuple[str, str]


class Alerts:
    """Watches the budgets that this worker charges."""

    def __init__(self, store: CounterStore, runtime: Runtime, thresholds: Sequence[int]) -> None:
        self._store = store
        self._runtime = runtime
        self._thresholds = sorted(set(thresholds))
        self._charged: dict[_Watched, tuple[Account, Demand]] = {}
        self._spent: set[_Watched] = set()
        self._said: set[tuple[str, int]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def charged(self, call: Reserved, refused_by: int = -1) -> None:
        """Looks at the budgets of `call` soon; `refused_by` is the one that had no room."""
        if not self._thresholds:
            return
        for index, demand in enumerate(call.demands):
            watched = (call.tag, demand.key)
            self._charged[watched] = (call.of.accounts[index], demand)
            if index == refused_by:
                self._spent.add(watched)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(INTERVAL_S, self._look_later)

    def _look_later(self) -> None:
        self._timer = None
        self._task = self._runtime.spawn(self.look(), name="budget alerts")

    async def look(self) -> None:
        """Reads what was charged since the last time, and says what is to be said."""
        charged, self._charged = self._charged, {}
        spent, self._spent = self._spent, set()
        for watched, (account, demand) in charged.items():
            tag, key = watched
            if all((key, threshold) in self._said for threshold in self._thresholds):
                continue
            try:
                standing = (await self._store.read(tag, [demand]))[0]
                await self._compare(tag, account, demand, standing, full=watched in spent)
            except StoreUnavailableError:
                continue  # the next charge looks again

    async def close(self) -> None:
        """Looks a last time, so that what was charged just now is not left unsaid."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.look()

    async def _compare(
        self, tag: str, account: Account, demand: Demand, standing: Standing, *, full: bool
    ) -> None:
        percent = _FULL if full else standing.used * 100 // demand.capacity
        for threshold in self._thresholds:
            said = (demand.key, threshold)
            if percent >= threshold and said not in self._said:
                if await self._may_say(tag, demand, threshold):
                    self._say(account, demand, standing, threshold)
                if len(self._said) >= SAID_MAX:
                    self._said.clear()
                self._said.add(said)

    async def _may_say(self, tag: str, demand: Demand, threshold: int) -> bool:
        key = f"{demand.key}/alert/{threshold}"
        once = Demand(key, Algorithm.TOTAL, 1, 1, demand.window_us)
        answer = self._store.take(tag, [once])
        grant = answer if isinstance(answer, Grant) else await answer
        return grant.admitted

    def _say(self, account: Account, demand: Demand, standing: Standing, threshold: int) -> None:
        fields = {
            "budget": account.label,
            "count": demand.key,
            "threshold_percent": threshold,
            "used": account.spoken(standing.used),
            "limit": account.spoken(account.capacity),
            "period": account.period,
        }
        self._runtime.log.warning("budget threshold reached", extra={"fields": fields})
        self._runtime.count("budget", f"alert_{threshold}")
