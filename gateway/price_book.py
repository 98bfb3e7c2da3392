"""The price table that a use of a plugin goes by: the built-in one, and a file that it follows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal, TypeAlias

from gateway.plugin.runtime import Runtime
from gateway.providers.prices import (
    FREE,
    Price,
    PriceTable,
    Rates,
    built_in,
    rates_of,
    read_prices,
)

UnknownModel: TypeAlias = Literal["refuse", "free", "price"]

_Seen = tuple[int, int, int]


class PriceBook:
    """Finds prices; follows `file`, and keeps the last good table where that has a fault."""

    def __init__(
        self, file: Path | None, interval_s: float, runtime: Runtime, *, unknown: Rates | None
    ) -> None:
        """`unknown` is the price of a model that no table has; None where there is none.

        Reads the file. Raises ValueError where it cannot be used.
        """
        self._file = file
        self._interval_s = interval_s
        self._runtime = runtime
        self._unknown = unknown
        self._seen = None if file is None else _look(file)
        self._table = self._read()
        self._task: asyncio.Task[None] | None = None

    @property
    def currency(self) -> str:
        """Of all prices; it never changes."""
        return self._table.currency

    def listed(self, model: str, route: str) -> Rates | None:
        """The price of a model that the table has."""
        return self._table.find(model, route)

    def find(self, model: str, route: str) -> Rates | None:
        """The price of a model; None where it is not known and none was given for such."""
        found = self._table.find(model, route)
        return self._unknown if found is None else found

    def start(self) -> None:
        """Begins to follow the file."""
        if self._file is not None:
            self._task = self._runtime.spawn(self._follow(), name="prices")

    async def stop(self) -> None:
        """Ends that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def refresh(self) -> None:
        """Reads the file again if it has changed; a faulty one changes nothing."""
        if self._file is None:
            return
        seen = await asyncio.to_thread(_look, self._file)
        if seen == self._seen:
            return
        self._seen = seen
        fields = {"file": str(self._file)}
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
            await asyncio.sleep(self._interval_s)
            await self.refresh()

    def _read(self) -> PriceTable:
        own = [] if self._file is None else [read_prices(self._file)]
        return PriceTable([*own, built_in()])


def unknown_rates(choice: UnknownModel, price: Price | None) -> Rates | None:
    """The price of unknown models that a policy chose; None where it refuses them."""
    if choice == "free":
        return FREE
    return None if price is None else rates_of(price)


def _look(path: Path) -> _Seen | None:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
