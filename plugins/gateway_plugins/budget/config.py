"""What a policy writes below `budget`, and what a virtual key may carry of it."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import PluginConfig
from gateway.plugin.grouping import Per
from gateway.price_book import UnknownModel
from gateway.providers.prices import AMOUNT_MAX, MICRO, Currency, Money, Price, micro_of

Period: TypeAlias = Literal["minute", "hour", "day", "week", "month"]
Unit: TypeAlias = Literal["tokens", "money"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit"
        )
    return text


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; the first look at any but UTC reads a file."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _timezone(text: str) -> str:
    try:
        zone_of(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{text}" is no time zone; write one such as Europe/Berlin') from None
    return text


TimeZone = Annotated[str, AfterValidator(_timezone)]


class BudgetLimit(PluginConfig):
    """One amount in one period."""

    tokens: int | None = Field(
        None, ge=1, le=AMOUNT_MAX, description="Tokens of prompts and answers together."
    )
    money: Money | None = Field(None, description='An amount as a text, such as `"100.00"`.')
    currency: Currency = Field(
        "USD", description="Of the amount; the price table must have the same."
    )
    period: Period = Field(description="How long the amount lasts.")
    rolling: bool = Field(
        False,
        description="Count the period back from now; else it is the calendar's (a week begins on "
        "Monday).",
    )
    timezone: TimeZone = Field("UTC", description="Whose calendar; an IANA name.")

    @model_validator(mode="after")
    def _is_one_budget(self) -> Self:
        if (self.tokens is None) == (self.money is None):
            raise ValueError("a budget has either tokens or money")
        if not 0 < self.capacity <= AMOUNT_MAX:
            raise ValueError(f"the amount is between 0.000001 and {AMOUNT_MAX // MICRO}")
        if self.rolling and self.timezone != "UTC":
            raise ValueError("a rolling period has no calendar, and so no time zone")
        return self

    @property
    def unit(self) -> Unit:
        """What is counted."""
        return "tokens" if self.tokens is not None else "money"

    @property
    def capacity(self) -> int:
        """How much of it: tokens, or millionths of the currency."""
        return self.tokens if self.tokens is not None else micro_of(self.money or "0")


class GroupBudget(BudgetLimit):
    """A budget for each group of requests."""

    per: Per = Field(
        description="Who shares it: one or several of `ip`, `key`, `user`, `tenant`, `model`, "
        "`route`, `upstream`, `header:NAME`; or `global`."
    )


class BudgetConfig(PluginConfig):
    """All budgets must have room; a refused request uses nothing of any."""

    budgets: tuple[GroupBudget, ...] = Field((), description="The table below.")
    on_exhaust: Literal["finish", "cut"] = Field(
        "finish",
        description="What becomes of a stream that runs when a budget is spent: it ends by itself, "
        "or is cut with the end that its dialect has for a token limit.",
    )
    reserve_output_tokens: int = Field(
        1024,
        ge=1,
        le=1_000_000,
        description="What is set aside for an answer: the request's own limit, at most this.",
    )
    stream_usage: Literal["add", "as_sent"] = Field(
        "add",
        description="Ask OpenAI-like streams for their usage where the client does not; the client "
        "is not shown it.",
    )
    unknown_model: UnknownModel = Field(
        "refuse", description="A model that the price table lacks, where money is counted."
    )
    unknown_price: Price | None = Field(
        None, description="For `unknown_model: price`; the table below."
    )
    price_file: Path | None = Field(
        None, description="Prices that go before the built-in ones, in the same form."
    )
    price_file_interval_s: float = Field(
        30.0, ge=0.01, le=86_400, description="How often that file is looked at for a change."
    )
    alerts: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        (50, 80, 100), description="Percentages at which one line is logged, once a period."
    )
    headers: bool = Field(True, description="Whether answers tell what is left.")
    key_limits: bool = Field(
        True, description="Whether the budgets that virtual keys carry count as well."
    )
    store: str = Field("default", description="A store of gateway.yaml.")
    on_outage: Literal["closed", "lease"] = Field(
        "closed",
        description="While the store is away: refuse, or use the share granted beforehand.",
    )
    name: Annotated[str, AfterValidator(_name)] | None = Field(
        None, description="Uses of the same name, in whatever policy, share their counts."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.budgets and not self.key_limits:
            raise ValueError("nothing to count: give at least one budget")
        if (self.unknown_model == "price") != (self.unknown_price is not None):
            raise ValueError("`unknown_model: price` and `unknown_price` go together")
        known = set()
        for budget in self.budgets:
            same = (budget.unit, frozenset(budget.per), budget.period, budget.rolling)
            if same in known:
                per = ", ".join(budget.per)
                raise ValueError(f"two budgets of {budget.unit} per {per} and {budget.period}")
            known.add(same)
        return self
