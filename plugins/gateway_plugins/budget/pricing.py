"""Which price an exchange has: first by the model it asks for, then by the one that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from gateway.plugin import Exchange, Reason, Reject, Runtime, Usage
from gateway.providers.request_estimate import generates
from gateway_plugins.budget.config import BudgetConfig, BudgetLimit
from gateway_plugins.budget.prices import FREE, PriceTable, Rates, built_in, rates_of, read_prices

NAME_CHARACTERS_MAX = 128
"""Longer names are not repeated to the client."""

_Seen = tuple[int, int, int]


class Pricing:
    """The price table of one use; follows `price_file`, and keeps the last good one."""

    def __init__(self, config: BudgetConfig, runtime: Runtime) -> None:
        """Raises ValueError where the price file cannot be used."""
        self._config = config
        self._runtime = runtime
        self._path: Path | None = config.price_file
        self._seen = None if self._path is None else _look(self._path)
        self._table = self._read()
        self._task: asyncio.Task[None] | None = None
        self._unknown: Rates | None = None
        if config.unknown_model == "free":
            self._unknown = FREE
        elif config.unknown_price is not None:
            self._unknown = rates_of(config.unknown_price)

    def check_currencies(self, budgets: Iterable[BudgetLimit]) -> None:
        """Raises ValueError where a budget is in another currency than the prices."""
        for budget in budgets:
            if budget.unit == "money" and budget.currency != self._table.currency:
                raise ValueError(
                    f"the prices are in {self._table.currency} and a budget is in "
                    f"{budget.currency}: give prices in {budget.currency} in `price_file`"
                )

    def start(self) -> None:
        """Begins to follow the price file."""
        if self._path is not None:
            self._task = self._runtime.spawn(self._follow(), name="budget prices")

    async def stop(self) -> None:
        """Ends that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def before(self, x: Exchange) -> Rates | Reject:
        """The price of what a request asks for."""
        model = x.model or ""
        found = self._table.find(model, x.route)
        if found is None:
            found = self._unknown
        if found is not None:
            return found
        if not generates(x.request.method, x.request.path):
            return FREE  # what it comes to is known from the answer, if at all
        told = model if model.isprintable() and len(model) <= NAME_CHARACTERS_MAX else ""
        return Reject(Reason.PRICE_UNKNOWN, told)

    def after(self, x: Exchange, usage: Usage, asked: Rates) -> Rates:
        """The price of what answered: providers charge for the model that they name."""
        if usage.model is None:
            return asked
        found = self._table.find(usage.model, x.route)
        return asked if found is None else found

    async def refresh(self) -> None:
        """Reads the price file again if it has changed; a faulty one changes nothing."""
        if self._path is None:
            return
        seen = await asyncio.to_thread(_look, self._path)
        if seen == self._seen:
            return
        self._seen = seen
        fields = {"file": str(self._path)}
        try:
            fresh = await asyncio.to_thread(self._read)
            if fresh.currency != self._table.currency:
                raise ValueError(f"the currency was {self._table.currency} and cannot change")  # noqa: TRY301  # one report for every fault
        except ValueError as error:
            told = fields | {"error": str(error)}
            self._runtime.log.warning("prices not read", extra={"fields": told})
            return
        self._table = fresh
        self._runtime.log.info("prices read", extra={"fields": fields})

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._config.price_file_interval_s)
            await self.refresh()

    def _read(self) -> PriceTable:
        own = [] if self._path is None else [read_prices(self._path)]
        return PriceTable([*own, built_in()])


def _look(path: Path) -> _Seen | None:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
