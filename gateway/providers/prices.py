"""What models cost: a table of patterns, and the arithmetic in whole millionths.

The built-in table is `prices.yaml` beside this module; a file of one's own goes before it. The
first pattern that matches decides, whatever comes after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema

from gateway.patterns import Test, compile_patterns
from gateway.plugin.contract import PluginConfig
from gateway.plugin.usage import Usage

MODELS_MAX = 10_000
"""Models whose price is remembered; then the memory starts anew."""
FILE_BYTES_MAX = 4 * 1024 * 1024
MICRO = 1_000_000
AMOUNT_MAX = 2**48
"""The numbers of Lua, in which Redis counts, are exact up to 2^53."""

_CURRENCY = re.compile(r"[A-Z]{3}")


def micro_of(text: str) -> int:
    """An amount of money in millionths; raises ValueError where there is a fraction of those."""
    try:
        exact = Decimal(text) * MICRO
    except InvalidOperation:
        raise ValueError(f'"{text}" is no amount; write digits, such as "12.50"') from None
    if not exact.is_finite() or exact < 0 or exact != exact.to_integral_value():
        raise ValueError(f'"{text}" is no amount of at least 0 with at most six decimals')
    return int(exact)


def _money(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError(f'write the amount as a text: "{value}"')  # noqa: TRY004  # pydantic shows ValueErrors
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        micro_of(value)
    return value


def _currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise ValueError(f'"{text}" is no currency; write three capital letters, such as USD')
    return text


_AMOUNT_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}

Money = Annotated[str, BeforeValidator(_money), WithJsonSchema(_AMOUNT_SCHEMA)]
"""An amount of money: a text, because no binary fraction is a tenth."""
Currency = Annotated[str, AfterValidator(_currency)]


class Price(PluginConfig):
    """What a million tokens cost."""

    input: Money = Field(description="Tokens of the prompt.")
    output: Money = Field("0", description="Tokens of the answer, reasoning included.")
    cached: Money | None = Field(
        None, description="Prompt tokens read from the provider's cache. Default: as `input`."
    )
    cache_write: Money | None = Field(
        None, description="Prompt tokens written to it. Default: as `input`."
    )


class LongPrompt(Price):
    """What a million tokens cost when the prompt is long."""

    above: int = Field(ge=1, description="For prompts of more tokens than this.")


class PriceEntry(Price):
    """The price of some models."""

    models: tuple[str, ...] = Field(min_length=1)
    routes: tuple[str, ...] = ()
    long_prompt: LongPrompt | None = None


class PriceGroup(PluginConfig):
    """The prices of one provider, with where and when they were read."""

    provider: str
    source: str
    as_of: date
    prices: tuple[PriceEntry, ...]


class PriceFile(PluginConfig):
    """A price table as it is written."""

    version: int = Field(ge=1, le=1)
    currency: Currency
    groups: tuple[PriceGroup, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Millionths of the currency per million tokens; `long` holds above `above` prompt tokens."""

    input: int
    output: int
    cached: int
    cache_write: int
    above: int = 0
    long: Rates | None = None

    def cost(self, usage: Usage) -> int:
        """Millionths of the currency, rounded up once: a call is never cheaper than it was."""
        rates = self
        if self.long is not None and usage.input_tokens > self.above:
            rates = self.long
        read, written = usage.cached_tokens, usage.cache_write_tokens
        plain = max(0, usage.input_tokens - read - written)
        exact = (
            plain * rates.input
            + read * rates.cached
            + written * rates.cache_write
            + usage.output_tokens * rates.output
        )
        return -(-exact // MICRO)


FREE = Rates(0, 0, 0, 0)


def rates_of(price: Price) -> Rates:
    """A written price compiled."""

    def micro(value: Money | None) -> int:
        return micro_of(price.input if value is None else value)

    plain = (micro(price.input), micro(price.output), micro(price.cached), micro(price.cache_write))
    tier = price.long_prompt if isinstance(price, PriceEntry) else None
    if tier is None:
        return Rates(*plain)
    return Rates(*plain, above=tier.above, long=rates_of(tier))


class PriceTable:
    """Prices by model and route; of several files, the first goes first."""

    def __init__(self, written: Iterable[PriceFile]) -> None:
        tables = list(written)
        self.currency = tables[0].currency
        if any(table.currency != self.currency for table in tables):
            # Amounts of two currencies cannot be added: the first file stands alone.
            tables = [table for table in tables if table.currency == self.currency]
        self._rows: list[tuple[Test | None, Test | None, Rates]] = [
            (_folded(entry.models), compile_patterns(entry.routes or ("*",)), rates_of(entry))
            for table in tables
            for group in table.groups
            for entry in group.prices
        ]
        self._known: dict[tuple[str, str], Rates | None] = {}

    def find(self, model: str, route: str) -> Rates | None:
        """The price of a model on a route, in whatever case the model is written."""
        key = (model, route)
        if key in self._known:
            return self._known[key]
        if len(self._known) >= MODELS_MAX:
            self._known.clear()
        found = self._known[key] = self._search(model.casefold(), route)
        return found

    def _search(self, model: str, route: str) -> Rates | None:
        for on_model, on_route, rates in self._rows:
            if (on_model is None or on_model(model)) and (on_route is None or on_route(route)):
                return rates
        return None


def _folded(patterns: Iterable[str]) -> Test | None:
    return compile_patterns(pattern.casefold() for pattern in patterns)


@cache
def built_in() -> PriceFile:
    """The table that comes with the gateway; read once."""
    text = files("gateway.providers").joinpath("prices.yaml").read_text(encoding="utf-8")
    return parse_prices(text, "prices.yaml")


def read_prices(path: Path) -> PriceFile:
    """A table from a file; raises ValueError with what is wrong with it."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error.__class__.__name__}") from error
    if len(text) > FILE_BYTES_MAX:
        raise ValueError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    return parse_prices(text, str(path))


def parse_prices(text: str, name: str) -> PriceFile:
    """A table from its text; raises ValueError with the place of the first fault."""
    try:
        data: Any = yaml.safe_load(text)
        return PriceFile.model_validate(data)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}: {place}: {first['msg']}") from error
