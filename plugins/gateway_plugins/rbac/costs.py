"""What a request may cost, where a role bounds that: an estimate from prices, prompt and bound.

prompt ... a quarter of the bytes of the body (gateway.providers.request_estimate)
answer ... the bound that the request states, times its answers; without one what the policy
           assumes, or more than any bound; nothing for embeddings
price .... of the model on the route; what the policy says of models that no table has
"""

from __future__ import annotations

from gateway.identity.access import UNBOUNDED, Situation
from gateway.identity.roles import Allowed
from gateway.plugin import Exchange, Runtime, Usage
from gateway.price_book import PriceBook, unknown_rates
from gateway.providers.request_estimate import embeds, input_tokens
from gateway_plugins.rbac.config import RbacConfig


class Costs:
    """The prices of one use."""

    def __init__(self, config: RbacConfig, runtime: Runtime) -> None:
        """Raises ValueError where prices cannot be used, or a role is in another currency."""
        unknown = unknown_rates(config.unknown_model, config.unknown_price)
        self._assumed = config.assumed_output_tokens
        self.book = PriceBook(
            config.price_file, config.price_file_interval_s, runtime, unknown=unknown
        )
        for name, role in config.roles.items():
            for entry in role.allow:
                if isinstance(entry, Allowed) and entry.cost_max is not None:
                    self._check(name, entry.currency)

    def _check(self, role: str, currency: str) -> None:
        if currency != self.book.currency:
            raise ValueError(
                f'the prices are in {self.book.currency} and the role "{role}" bounds a cost in '
                f"{currency}: give prices in {currency} in `price_file`"
            )

    def estimate(self, x: Exchange, situation: Situation) -> None:
        """Fills in `cost`: for the model of `situation`, with its bound of tokens."""
        situation.currency = self.book.currency
        rates = self.book.find(situation.model or "", x.route)
        tokens = situation.output_tokens
        if embeds(x.request.path):
            tokens = 0
        elif tokens == UNBOUNDED and self._assumed is not None:
            tokens = self._assumed
        if rates is None or tokens is None:
            return
        prompt = input_tokens(x.request.body or b"", x.request.headers)
        situation.cost = rates.cost(Usage(input_tokens=prompt, output_tokens=tokens))
