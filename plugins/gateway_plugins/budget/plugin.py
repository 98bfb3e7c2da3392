"""Reserves what a request may cost, and settles it at what it did cost.

request    one call to the store reserves the estimate of all budgets, or none
answer     tells what is left; with `on_exhaust: cut`, a stream reserves more as it runs
end        the reservation becomes what the provider counted; nothing, if nothing was sent
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from pydantic import ValidationError

from gateway.plugin import (
    COST_MICROS,
    PRINCIPAL,
    Exchange,
    Fact,
    Plugin,
    Principal,
    Reason,
    Reject,
    Runtime,
    Step,
    Usage,
)
from gateway.providers import request_estimate
from gateway.providers.body_model import model_in_body
from gateway.providers.prices import FREE, Rates
from gateway.providers.stream_usage import ask_for_usage
from gateway_plugins.budget.alerts import Alerts
from gateway_plugins.budget.config import BudgetConfig, BudgetLimit
from gateway_plugins.budget.guard import BudgetGuard
from gateway_plugins.budget.headers import tell
from gateway_plugins.budget.limits import (
    AccountSet,
    facts_needed,
    key_accounts,
    needs_model,
    policy_accounts,
)
from gateway_plugins.budget.pricing import Pricing
from gateway_plugins.budget.refusals import OUTAGE, UNREADABLE, spent
from gateway_plugins.budget.taking import Reserved, Taking

KEYS_MAX = 10_000
"""Virtual keys whose own budgets are remembered; then the memory starts anew."""


class _Held(NamedTuple):
    """What one exchange has reserved."""

    calls: list[Reserved]
    rates: Rates
    estimate: Usage


class Budget(Plugin):
    """Bounds the tokens and the money that callers use per minute, hour, day, week or month."""

    name: ClassVar[str] = "budget"
    Config = BudgetConfig
    needs_usage = True

    def __init__(self, config: BudgetConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        store = runtime.counters(config.store)
        self._taking = Taking(store, lease=config.on_outage == "lease")
        self._accounts = policy_accounts(config.budgets, config.name, runtime.wall)
        self._pricing = Pricing(config, runtime)
        self._pricing.check_currencies(config.budgets)
        self._known_keys: dict[Principal, AccountSet | Reject | None] = {}
        self._held: Fact[_Held] = Fact("budget reservations", _Held)
        self._alerts = Alerts(store, runtime, config.alerts)
        self._counts_model = needs_model(config.budgets)
        self._cuts = config.on_exhaust == "cut"
        self.requires = facts_needed(config.budgets)
        if not config.headers:
            self.skips_hooks = frozenset({"on_response_headers"})

    async def start(self) -> None:
        self._pricing.book.start()

    async def stop(self) -> None:
        await self._pricing.book.stop()
        await self._alerts.close()

    # -- the request ----------------------------------------------------------------------------

    def on_request(self, x: Exchange) -> Step:
        if x.request.method != "POST":
            return None  # it makes no model work
        own = self._own_budgets(x.facts.get(PRINCIPAL))
        if isinstance(own, Reject):
            return own
        sets = [self._accounts] if own is None else [self._accounts, own]
        if x.model is None and (self._counts_model or any(one.counts_money for one in sets)):
            named = model_in_body(x.request)
            if not isinstance(named, str | Reject):
                return self._later(x, named, sets)
            return self._named(x, named, sets)
        return self._reserve(x, sets)

    async def _later(
        self, x: Exchange, naming: Awaitable[str | Reject], sets: Sequence[AccountSet]
    ) -> Reject | None:
        step = self._named(x, await naming, sets)
        if step is None or isinstance(step, Reject):
            return step
        return await step

    def _named(
        self, x: Exchange, named: str | Reject, sets: Sequence[AccountSet]
    ) -> Reject | Awaitable[Reject | None] | None:
        if isinstance(named, Reject):
            if request_estimate.generates(x.request.method, x.request.path):
                return named
            named = ""  # an upload, say: what is not JSON names no model
        x.model = named or None
        return self._reserve(x, sets)

    def _reserve(
        self, x: Exchange, sets: Sequence[AccountSet]
    ) -> Reject | Awaitable[Reject | None] | None:
        rates = FREE
        if any(one.counts_money for one in sets):
            found = self._pricing.before(x)
            if isinstance(found, Reject):
                return found
            rates = found
        usage = self._estimate(x)
        calls = [self._taking.reserve(one, x, usage, rates) for one in sets]
        held = _Held(calls, rates, usage)
        if any(call.pending is not None for call in calls):
            return self._wait(x, held)
        return self._decide(x, held)

    def _estimate(self, x: Exchange) -> Usage:
        request = x.request
        if not request_estimate.generates(request.method, request.path):
            return Usage()
        parsed = request.json()
        return Usage(
            input_tokens=request_estimate.input_tokens(request.body or b"", request.headers),
            output_tokens=request_estimate.output_tokens(
                parsed, request.path, self.config.reserve_output_tokens
            ),
        )

    async def _wait(self, x: Exchange, held: _Held) -> Reject | None:
        await self._taking.wait(held.calls)
        return self._decide(x, held)

    def _decide(self, x: Exchange, held: _Held) -> Reject | None:
        """In, if every call was granted; else nothing of any of them is kept."""
        reject = self._refusal(held)
        if reject is not None:
            for call in held.calls:
                self._taking.settle(call, None, None)
            return reject
        x.facts[self._held] = held
        if any(call.grant is not None and call.grant.leased for call in held.calls):
            x.flag("leased")
        if self.config.stream_usage == "add":
            ask_for_usage(x)
        if self._cuts:
            guard = BudgetGuard(
                self._taking,
                held.calls,
                held.rates,
                reserved=held.estimate.output_tokens,
                step=self.config.reserve_output_tokens,
                spawn=lambda steps: self.runtime.spawn(steps, name="budget of a stream"),
            )
            x.stream_guards = (*x.stream_guards, guard)
        return None

    def _refusal(self, held: _Held) -> Reject | None:
        reject = None
        for call in held.calls:
            grant = call.grant
            if grant is None:
                return OUTAGE
            if not grant.admitted and reject is None:
                self._alerts.charged(call, grant.refused_by)
                reject = spent(call.of.accounts[grant.refused_by], grant)
        return reject

    # -- the answer -----------------------------------------------------------------------------

    def on_response_headers(self, x: Exchange) -> None:
        held = x.facts.get(self._held)
        if held is not None and x.response is not None:
            tell(x.response.headers, held.calls)

    def on_complete(self, x: Exchange) -> None:
        held = x.facts.pop(self._held, None)
        if held is None:
            return
        usage = x.usage
        rates = held.rates if usage is None else self._pricing.after(x, usage, held.rates)
        for call in held.calls:
            self._taking.settle(call, usage, rates)
            self._alerts.charged(call)
        if usage is not None and rates is not FREE and rates is not None:
            x.provide(COST_MICROS, rates.cost(usage))
        if usage is not None and usage.cut:
            x.flag(Reason.BUDGET_EXHAUSTED.value)

    # -- the budgets of keys --------------------------------------------------------------------

    def _own_budgets(self, principal: Principal | None) -> AccountSet | Reject | None:
        """The budgets that a virtual key carries, compiled once for each key."""
        if principal is None or not principal.limits or not self.config.key_limits:
            return None
        if principal not in self._known_keys:
            if len(self._known_keys) >= KEYS_MAX:
                self._known_keys.clear()
            self._known_keys[principal] = self._compile(principal)
        return self._known_keys[principal]

    def _compile(self, principal: Principal) -> AccountSet | Reject | None:
        try:
            written = [BudgetLimit.model_validate(dict(one)) for one in _ours(principal.limits)]
            self._pricing.check_currencies(written)
        except (ValidationError, ValueError):
            return UNREADABLE
        return key_accounts(written, principal.key_id, self.runtime.wall) if written else None


def _ours(limits: tuple[Mapping[str, Any], ...]) -> list[Mapping[str, Any]]:
    """Those of a key's limits that are for a period; others are for `rate_limit`."""
    return [entry for entry in limits if "period" in entry]
