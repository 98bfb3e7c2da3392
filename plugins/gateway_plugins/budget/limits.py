"""Written budgets become what a request demands of their counters, and what it used in the end.

A counter's key says what is counted, by which words, in which period, and for whom:

    /budget/money-USD/tenant/month/=4:acme@1798761600   of the calendar's month that began then
    /budget/tokens/key/day/~/k_7Q...                    of the last 24 hours

It holds none of the amounts, so that a budget that is changed goes on from the count there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from gateway.plugin import Algorithm, Demand, Exchange, Fact, Standing, Usage
from gateway.plugin.grouping import IDENTITY, facts_of, value_of
from gateway.providers.prices import MICRO, Rates
from gateway_plugins.budget.config import BudgetLimit, GroupBudget, Unit
from gateway_plugins.budget.periods import KEPT_US, LENGTH_US, SECOND_US, Calendar

_DECIMALS = 6


class Account:
    """One budget, compiled. `label` names it in headers, messages and logs.

    `name_field` and `limit_field` are the header fields that are the same for every answer.
    """

    __slots__ = (
        "_algorithm", "_calendar", "_head", "_scope", "_value_of", "_window_us",
        "capacity", "currency", "label", "limit_field", "name_field", "period", "unit",
    )  # fmt: skip

    def __init__(
        self,
        written: BudgetLimit,
        words: Sequence[str],
        scope: str | None,
        wall: Callable[[], float],
    ) -> None:
        """`words` say who shares it; `scope` None is the policy of the exchange."""
        self.unit: Unit = written.unit
        self.capacity = written.capacity
        self.currency = written.currency
        self.period = written.period
        words = sorted(words)
        self._value_of = value_of(words)
        self._scope = scope
        self._calendar: Calendar | None = None
        if written.rolling:
            self._algorithm, self._window_us = Algorithm.LOG, LENGTH_US[written.period]
        else:
            self._algorithm, self._window_us = Algorithm.TOTAL, KEPT_US[written.period]
            self._calendar = Calendar(written.period, written.timezone, wall)
        counted = "tokens" if self.unit == "tokens" else f"money-{self.currency}"
        self._head = f"/budget/{counted}/{'+'.join(words)}/{written.period}/"
        self.label = "-".join([self.unit, "per", *words, self.period]).replace(":", ".")
        self.name_field = (b"x-sealgate-budget", self.label.encode())
        self.limit_field = (b"x-sealgate-budget-limit", self.spoken(self.capacity).encode())

    def demand(self, x: Exchange, usage: Usage, rates: Rates) -> Demand:
        """What this exchange asks for; an estimate alone never makes a request impossible."""
        value = self._value_of(x)
        scope = x.policy if self._scope is None else self._scope
        amount = min(self.amount(usage, rates), self.capacity)
        if self._calendar is None:
            key = f"{scope}{self._head}~/{value}"
        else:
            self._calendar.now()
            key = f"{scope}{self._head}={value}@{self._calendar.began_s}"
        # What costs nothing is not refused for money that is spent.
        free = self.unit == "money" and not (rates.input or rates.output)
        return Demand(
            key, self._algorithm, amount, self.capacity, self._window_us, report_only=free
        )

    def amount(self, usage: Usage, rates: Rates) -> int:
        """What a usage comes to in the unit of this budget."""
        return usage.total_tokens if self.unit == "tokens" else rates.cost(usage)

    def tokens_left(self, standing: Standing, rates: Rates) -> int:
        """The tokens of an answer that what is left pays for."""
        if self.unit == "tokens":
            return standing.remaining
        return standing.remaining * MICRO // rates.output if rates.output else sys.maxsize

    def wait_s(self, standing: Standing) -> float:
        """How long until it has room again."""
        if self._calendar is None:
            return max(1, standing.retry_after_us) / SECOND_US
        return max(0.001, self._calendar.ends_s - self._calendar.now())

    def reset_s(self, standing: Standing) -> int:
        """How long until all of it is there again."""
        if self._calendar is None:
            return -(-standing.reset_us // SECOND_US)
        return max(0, int(self._calendar.ends_s - self._calendar.now()))

    def spoken(self, amount: int) -> str:
        """An amount as people write it."""
        if self.unit == "tokens":
            return f"{amount} tokens"
        whole, micro = divmod(amount, MICRO)
        fraction = f"{micro:0{_DECIMALS}}".rstrip("0").ljust(2, "0")
        return f"{whole}.{fraction} {self.currency}"


class AccountSet:
    """Budgets whose demands go to the store in one call."""

    __slots__ = ("accounts", "counts_money", "tag_of")

    def __init__(self, accounts: Sequence[Account], tag_of: Callable[[Exchange], str]) -> None:
        self.accounts = tuple(accounts)
        self.tag_of = tag_of
        self.counts_money = any(account.unit == "money" for account in accounts)

    def demands(self, x: Exchange, usage: Usage, rates: Rates) -> tuple[Demand, ...]:
        """What the exchange asks of each budget."""
        return tuple([account.demand(x, usage, rates) for account in self.accounts])

    def amounts(self, usage: Usage | None, rates: Rates) -> list[int]:
        """What each budget is charged in the end; None is a request that was never sent."""
        if usage is None:
            return [0] * len(self.accounts)
        return [account.amount(usage, rates) for account in self.accounts]


def policy_accounts(
    written: Sequence[GroupBudget], name: str | None, wall: Callable[[], float]
) -> AccountSet:
    """The budgets of a policy's use; `name` is the one that it shares counts by."""
    scope = None if name is None else f"={name}"
    accounts = [Account(budget, budget.per, scope, wall) for budget in written]
    return AccountSet(accounts, _tag_of([budget.per for budget in written], name))


def key_accounts(
    written: Sequence[BudgetLimit], key_id: str, wall: Callable[[], float]
) -> AccountSet:
    """The budgets that a virtual key carries: one count for all policies, in a place of its own."""
    accounts = [Account(budget, ["key"], "+", wall) for budget in written]
    tag = f"key/{key_id}"
    return AccountSet(accounts, lambda _: tag)


def needs_model(written: Sequence[GroupBudget]) -> bool:
    """Whether a count goes by the model, which may stand in the body."""
    return any("model" in budget.per for budget in written)


def facts_needed(written: Sequence[GroupBudget]) -> frozenset[Fact[Any]]:
    """What earlier plugins must provide."""
    return frozenset().union(*(facts_of(budget.per) for budget in written))


def _tag_of(words: Sequence[Sequence[str]], name: str | None) -> Callable[[Exchange], str]:
    """Where in a cluster the counters of one call live, decided when compiled.

    All of them must live together. Where every budget is the caller's own, each tenant (or user, or
    key) has its own place; else there is one for the policy.
    """
    if name is not None:
        return lambda _: f"name/{name}"
    if not words or not all(IDENTITY.intersection(per) for per in words):
        return lambda x: f"policy/{x.policy}"
    common = IDENTITY.intersection(*words)
    word = next((word for word in ("key", "user") if word in common), "tenant")
    value = value_of([word])
    return lambda x: f"{word}/{value(x)}"
