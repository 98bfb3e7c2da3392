"""Which price an exchange has: first by the model it asks for, then by the one that answers."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.plugin import Exchange, Reason, Reject, Runtime, Usage
from gateway.price_book import PriceBook, unknown_rates
from gateway.providers.prices import FREE, Rates
from gateway.providers.request_estimate import generates
from gateway_plugins.budget.config import BudgetConfig, BudgetLimit

NAME_CHARACTERS_MAX = 128
"""Longer names are not repeated to the client."""


class Pricing:
    """The prices of one use."""

    def __init__(self, config: BudgetConfig, runtime: Runtime) -> None:
        """Raises ValueError where the price file cannot be used."""
        unknown = unknown_rates(config.unknown_model, config.unknown_price)
        self.book = PriceBook(
            config.price_file, config.price_file_interval_s, runtime, unknown=unknown
        )

    def check_currencies(self, budgets: Iterable[BudgetLimit]) -> None:
        """Raises ValueError where a budget is in another currency than the prices."""
        for budget in budgets:
            if budget.unit == "money" and budget.currency != self.book.currency:
                raise ValueError(
                    f"the prices are in {self.book.currency} and a budget is in "
                    f"{budget.currency}: give prices in {budget.currency} in `price_file`"
                )

    def before(self, x: Exchange) -> Rates | Reject:
        """The price of what a request asks for."""
        model = x.model or ""
        found = self.book.find(model, x.route)
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
        found = self.book.listed(usage.model, x.route)
        return asked if found is None else found
