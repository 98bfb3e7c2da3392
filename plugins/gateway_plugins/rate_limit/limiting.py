"""The steps of `rate_limit` that every exchange passes, apart from its class.

The class of a plugin stays interpreted, because the policy compiler reads it; what every request
runs through is here, and compiled (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from gateway.plugin import PRINCIPAL, Exchange, Fact, Principal, Reject, Runtime, Step
from gateway.plugin.grants import HeldGrants
from gateway.providers.body_model import Named, model_in_body
from gateway.providers.request_estimate import generates
from gateway.providers.stream_usage import ask_for_usage
from gateway_plugins.rate_limit.config import Limit, RateLimitConfig
from gateway_plugins.rate_limit.headers import Teller
from gateway_plugins.rate_limit.limits import LimitSet, key_limits, policy_limits
from gateway_plugins.rate_limit.refusals import OUTAGE, UNCOUNTED, UNREADABLE, over
from gateway_plugins.rate_limit.taking import Taken, Taking

KEYS_MAX: Final = 10_000
"""Virtual keys whose own limits are remembered; then the memory starts anew."""
_PRINCIPAL: Final = PRINCIPAL


class Limiting:
    """One configured use: takes, refuses, tells and settles.

    `held` are the slots that are to be renewed, `counts_keys` says that keys may have limits.
    """

    __slots__ = (
        "_adds_usage", "_answer_max", "_asks_model", "_calls", "_holds", "_key_kinds",
        "_known_keys", "_needs_usage", "_taking", "_teller", "counts_keys", "held", "limits",
    )  # fmt: skip

    def __init__(
        self,
        config: RateLimitConfig,
        runtime: Runtime,
        *,
        asks_model: bool,
        key_kinds: frozenset[str],
        holds: bool,
        needs_usage: bool,
    ) -> None:
        """`asks_model` says that a count goes by the model, `key_kinds` which limits of keys can be
        counted, `holds` that there may be slots to renew, `needs_usage` that tokens are counted.
        """
        store = runtime.counters(config.store)
        self._taking = Taking(store, lease=config.on_outage == "lease")
        self.held = HeldGrants(store, runtime)
        self.limits = policy_limits(config)
        self._known_keys: dict[Principal, LimitSet | Reject | None] = {}
        self._calls: Fact[list[Taken]] = Fact("rate_limit calls", list)
        self._teller = Teller(config.headers, runtime.wall)
        self.counts_keys = config.key_limits != "none"
        self._adds_usage = config.stream_usage == "add"
        self._answer_max = config.reserve_output_tokens
        self._asks_model = asks_model
        self._key_kinds = key_kinds
        self._holds = holds
        self._needs_usage = needs_usage

    def body(self, x: Exchange) -> Step:
        if not self._asks_model or x.model is not None:
            return self.take(x)
        named = model_in_body(x.request)
        if isinstance(named, (str, Reject)):
            return self._take_named(x, named)
        return self._take_later(x, named)

    async def _take_later(self, x: Exchange, naming: Awaitable[Named]) -> Reject | None:
        """Takes when the model of a large body is known."""
        step = self._take_named(x, await naming)
        return step if step is None or isinstance(step, Reject) else await step

    def _take_named(self, x: Exchange, named: Named) -> Reject | Awaitable[Reject | None] | None:
        if not isinstance(named, Reject):
            x.model = named or None
        elif generates(x.request.method, x.request.path):
            return named
        # What makes no model work, such as the upload of a file, names none.
        return self.take(x)

    def take(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        own = self._own_limits(x.facts.get(_PRINCIPAL)) if self.counts_keys else None
        if isinstance(own, Reject):
            return own
        calls = [self._taking.ask(self.limits, x)]
        if own is not None:
            # Counted in a place of the key's own, for all policies: asked in the same breath, and
            # given back if only one of the two lets the request in.
            calls.append(self._taking.ask(own, x))
        x.facts[self._calls] = calls
        for call in calls:
            if call.pending is not None:
                return self._wait(x, calls)
        return self._decide(x, calls)

    def _own_limits(self, principal: Principal | None) -> LimitSet | Reject | None:
        """The limits that a virtual key carries, compiled once for each key."""
        if principal is None or not principal.limits:
            return None
        if principal not in self._known_keys:
            if len(self._known_keys) >= KEYS_MAX:
                self._known_keys.clear()
            self._known_keys[principal] = self._compile(principal)
        return self._known_keys[principal]

    def _compile(self, principal: Principal) -> LimitSet | Reject | None:
        try:
            limits = [Limit.model_validate(dict(entry)) for entry in _ours(principal.limits)]
        except ValidationError:
            return UNREADABLE
        if any(limit.kind not in self._key_kinds for limit in limits):
            return UNCOUNTED
        return key_limits(limits, principal.key_id, self._answer_max) if limits else None

    async def _wait(self, x: Exchange, calls: list[Taken]) -> Reject | None:
        await self._taking.wait(calls)
        return self._decide(x, calls)

    def _decide(self, x: Exchange, calls: list[Taken]) -> Reject | None:
        """In, if every call was granted; else nothing of any of them is kept."""
        reject = None
        leased = False
        for call in calls:
            grant = call.grant
            if grant is None:
                reject = OUTAGE
            elif not grant.admitted:
                at = grant.refused_by
                reject = reject or over(call.limits[at], call.demands[at].amount, grant.standings)
            else:
                leased = leased or grant.leased
        if reject is not None:
            for call in calls:
                self._taking.give_back(call)
        if leased:
            x.flag("leased")
        if reject is None and (self._holds or self._needs_usage):
            self._begin(x, calls)
        return reject

    def _begin(self, x: Exchange, calls: list[Taken]) -> None:
        """What an admitted exchange needs while it runs."""
        for call in calls:
            if call.of.holds and call.open and call.grant is not None:
                self.held.add(call.grant)
            if call.of.counts_tokens and self._adds_usage:
                ask_for_usage(x)

    def answered(self, x: Exchange) -> None:
        calls = x.facts.get(self._calls)
        response = x.response
        if calls is not None and response is not None:
            self._teller.tell(response.headers, x.dialect, calls)

    def complete(self, x: Exchange) -> None:
        calls = x.facts.get(self._calls)
        if calls is None:
            return
        for call in calls:
            if call.of.holds and call.grant is not None:
                self.held.discard(call.grant)
            self._taking.settle(call, x)


def _ours(limits: tuple[Mapping[str, Any], ...]) -> list[Mapping[str, Any]]:
    """All of a key's limits but those for a `period`, which are for `budget`.

    So what is neither is found here, and refused as unreadable.
    """
    return [entry for entry in limits if "period" not in entry]
