"""Written policies become a snapshot: ordered, checked against each other, compiled per route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.chain.compiled import Chain, Predicate
from gateway.chain.compiler import MissingFact, Use, compile_chain, missing_facts
from gateway.chain.matching import Conditions, Matcher
from gateway.errors import ConfigError, Problem
from gateway.patterns import compile_patterns
from gateway.plugin.facts import TRUST_STANDING, Fact
from gateway.plugin.identity import PRINCIPAL
from gateway.plugin.runtime import Runtime
from gateway.policy.condition import Condition
from gateway.policy.heads import (
    Heads,
    active_uses,
    chosen_by_tenant,
    find_heads,
    may_serve,
    same_step,
)
from gateway.policy.instances import Claims, Instance
from gateway.policy.models import Match, Mode
from gateway.policy.order import in_order, order_problems
from gateway.policy.parser import WrittenPolicy, WrittenUse
from gateway.policy.routes import Route, RouteTable
from gateway.policy.snapshot import Binding, Candidate, RouteEntry, Snapshot


@dataclass(frozen=True, slots=True)
class BuiltUse:
    """One step of a chain with the instance that runs it."""

    written: WrittenUse
    instance: Instance


@dataclass(frozen=True, slots=True)
class BuiltPolicy:
    """One policy with its instances; `uses` leaves out what is switched off."""

    written: WrittenPolicy
    uses: tuple[BuiltUse, ...]


SHARED = ""
"""In place of a policy's name for the steps that several policies have in common."""


class Builder:
    """Builds one snapshot; every problem of every policy is collected before it gives up."""

    def __init__(self, table: RouteTable, runtime: Runtime, claims: Claims) -> None:
        self._table = table
        self._runtime = runtime
        self._claims = claims
        self._shared: list[BuiltUse] = []
        self.problems: list[Problem] = []

    def build(self, policies: Sequence[WrittenPolicy], version: int, digest: str) -> Snapshot:
        """Compiles `policies` for every route. Raises ConfigError; starts nothing."""
        active = in_order([p for p in policies if p.file.mode is not Mode.OFF])
        self.problems += order_problems(active, policies, self._table.names)
        heads = find_heads(active, self._table.names)
        self.problems += heads.problems
        built = [self._policy(policy, heads) for policy in active]
        if self.problems:
            raise ConfigError(self.problems)
        entries: Mapping[Route, RouteEntry] = {
            route: _entry(route, built, heads) for route in self._table.all
        }
        return Snapshot(version, digest, self._table, entries)

    def _policy(self, policy: WrittenPolicy, heads: Heads) -> BuiltPolicy:
        uses: list[BuiltUse] = []
        shared = heads.lengths.get(policy.file.name, 0)
        for index, use in enumerate(active_uses(policy)):
            if index < shared:
                instance = self._shared_instance(policy, use, uses)
            else:
                instance = self._instance(policy, use, policy.file.name)
            if instance is not None:
                uses.append(BuiltUse(use, instance))
        for missing in missing_facts([_use(policy, use, _always(use)) for use in uses]):
            self._add_missing(policy, uses, missing)
        return BuiltPolicy(policy, tuple(uses))

    def _shared_instance(
        self, policy: WrittenPolicy, use: WrittenUse, before: Sequence[BuiltUse]
    ) -> Instance | None:
        """One instance for an equal step of several heads; its later hooks are asked of it too."""
        taken = [built.instance for built in before]
        for built in self._shared:
            if same_step(built.written, use) and built.instance not in taken:
                return built.instance
        instance = self._instance(policy, use, SHARED)
        if instance is not None:
            self._shared.append(BuiltUse(use, instance))
        return instance

    def _instance(self, policy: WrittenPolicy, use: WrittenUse, owner: str) -> Instance | None:
        def make() -> Instance:
            plugin = use.plugin(use.config, self._runtime)
            return Instance(owner, plugin, use.config, (policy.document, use.path))

        try:
            return self._claims.claim(owner, use.plugin, use.config, make)
        except Exception as error:  # noqa: BLE001  # the constructor of a plugin may raise anything
            self.problems.append(start_problem(policy, use, error))
            return None

    def _add_missing(
        self, policy: WrittenPolicy, uses: Sequence[BuiltUse], missing: MissingFact
    ) -> None:
        name = uses[missing.index].written.plugin.name
        who = name
        if missing.fact not in {fact.name for fact in uses[missing.index].instance.plugin.requires}:
            who = f"the condition of {name}"
        message = f'{who} needs the fact "{missing.fact}", which no plugin before it provides'
        hint = ""
        if missing.later is not None:
            hint = f"move {uses[missing.later].written.plugin.name} before {name}"
        elif missing.unsure is not None:
            other = uses[missing.unsure].written.plugin.name
            hint = f"{other} would, if it were enforced and without a condition"
        path = uses[missing.index].written.path
        self.problems.append(policy.document.problem(path, message, hint, key=True))


def start_problem(policy: WrittenPolicy, use: WrittenUse, error: Exception) -> Problem:
    """What to say of a plugin that cannot be made."""
    message = f"{use.plugin.name} cannot be set up: {fault_text(error)}"
    return policy.document.problem(use.path, message, key=True)


def fault_text(error: BaseException) -> str:
    """The text of an exception on one line, or its type where it has none."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _entry(route: Route, policies: Sequence[BuiltPolicy], heads: Heads) -> RouteEntry:
    """What may serve the requests of `route`, and what runs before the tenant decides."""
    by_name = {policy.written.file.name: policy for policy in policies}
    candidates = may_serve([policy.written for policy in policies], route.name)
    late = {policy.file.name for policy in chosen_by_tenant(candidates)}
    found: list[Candidate] = []
    head: Binding | None = None
    head_asks = False
    for policy in candidates:
        built = by_name[policy.file.name]
        length = heads.lengths[policy.file.name] if policy.file.name in late else 0
        if length and head is None:
            chain, head_asks = _chain(route, built, built.uses[:length])
            head = Binding.of(route, "", chain)
        found.append(_candidate(route, built, length))
    return RouteEntry(route, found, head, len(found) - len(late), head_needs_model=head_asks)


def _candidate(route: Route, policy: BuiltPolicy, head: int) -> Candidate:
    """One policy on one route; the first `head` steps have seen the request's head already."""
    match = policy.written.file.match
    matcher = Matcher(conditions_of(match))
    chain, asks = _chain(route, policy, policy.uses)
    if head:
        rest, _ = _chain(route, policy, policy.uses[head:])
        chain = replace(chain, request_headers=rest.request_headers)
    return Candidate(
        matcher,
        Binding.of(route, policy.written.file.name, chain),
        needs_model=asks or matcher.needs_model,
        tenants=compile_patterns(match.tenants),
    )


def _chain(route: Route, policy: BuiltPolicy, uses: Sequence[BuiltUse]) -> tuple[Chain, bool]:
    """The chain of `uses` of a policy on one route, and whether a condition asks for the model."""
    compiled: list[Use] = []
    asks = False
    for use in uses:
        when, condition = use.written.settings.when, None
        if when is not None:
            on_route = compile_patterns(when.routes)
            if on_route is not None and not on_route(route.name):
                continue
            matcher = Matcher(conditions_of(when))
            if not matcher.always or when.asks_caller or when.asks_trust:
                condition = Condition(matcher, route, when)
            asks = asks or matcher.needs_model
        compiled.append(_use(policy.written, use, condition))
    return compile_chain(compiled), asks


def _use(policy: WrittenPolicy, use: BuiltUse, condition: Predicate | None) -> Use:
    settings = use.written.settings
    return Use(
        use.instance.plugin,
        shadow=Mode.SHADOW in {policy.file.mode, settings.mode},
        timeout_ms=settings.timeout_ms,
        reject_on_error=None if settings.on_error is None else settings.on_error == "reject",
        when=condition,
        asks=_asked(use),
    )


def _asked(use: BuiltUse) -> frozenset[Fact[Any]]:
    """The facts that the condition of a use needs."""
    when = use.written.settings.when
    found: set[Fact[Any]] = set()
    if when is not None and when.asks_caller:
        found.add(PRINCIPAL)
    if when is not None and when.asks_trust:
        found.add(TRUST_STANDING)
    return frozenset(found)


def _always(use: BuiltUse) -> Predicate | None:
    """A stand-in for the condition of a use, while facts are checked: whether there is one."""
    return None if use.written.settings.when is None else lambda _: True


def conditions_of(match: Match) -> Conditions:
    """What is asked of the request itself; routes are settled when compiling."""
    return Conditions(match.hosts, match.paths, match.methods, match.headers, match.models)
