"""Written policies become a snapshot: ordered, checked against each other, compiled per route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.chain.compiled import Chain, Predicate
from gateway.chain.compiler import MissingFact, Use, compile_chain, missing_facts
from gateway.chain.matching import Conditions, Matcher
from gateway.errors import ConfigError, Problem
from gateway.patterns import compile_patterns
from gateway.plugin.runtime import Runtime
from gateway.policy.condition import Condition
from gateway.policy.instances import Claims, Instance
from gateway.policy.models import Mode, When
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


class Builder:
    """Builds one snapshot; every problem of every policy is collected before it gives up."""

    def __init__(self, table: RouteTable, runtime: Runtime, claims: Claims) -> None:
        self._table = table
        self._runtime = runtime
        self._claims = claims
        self.problems: list[Problem] = []

    def build(self, policies: Sequence[WrittenPolicy], version: int, digest: str) -> Snapshot:
        """Compiles `policies` for every route. Raises ConfigError; starts nothing."""
        active = in_order([p for p in policies if p.file.mode is not Mode.OFF])
        self.problems += order_problems(active, policies, self._table.names)
        built = [self._policy(policy) for policy in active]
        if self.problems:
            raise ConfigError(self.problems)
        entries: Mapping[Route, RouteEntry] = {
            route: RouteEntry(route, _candidates(route, built)) for route in self._table.all
        }
        return Snapshot(version, digest, self._table, entries)

    def _policy(self, policy: WrittenPolicy) -> BuiltPolicy:
        uses = []
        for use in policy.uses:
            if use.settings.mode is Mode.OFF:
                continue
            instance = self._instance(policy, use)
            if instance is not None:
                uses.append(BuiltUse(use, instance))
        for missing in missing_facts([_use(policy, use, _always(use)) for use in uses]):
            self._add_missing(policy, uses, missing)
        return BuiltPolicy(policy, tuple(uses))

    def _instance(self, policy: WrittenPolicy, use: WrittenUse) -> Instance | None:
        def make() -> Instance:
            plugin = use.plugin(use.config, self._runtime)
            return Instance(policy.file.name, plugin, use.config, (policy.document, use.path))

        try:
            return self._claims.claim(policy.file.name, use.plugin, use.config, make)
        except Exception as error:  # noqa: BLE001  # the constructor of a plugin may raise anything
            self.problems.append(start_problem(policy, use, error))
            return None

    def _add_missing(
        self, policy: WrittenPolicy, uses: Sequence[BuiltUse], missing: MissingFact
    ) -> None:
        name = uses[missing.index].written.plugin.name
        message = f'{name} needs the fact "{missing.fact}", which no plugin before it provides'
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


def _candidates(route: Route, policies: Sequence[BuiltPolicy]) -> list[Candidate]:
    """The policies that may apply to `route`, up to the first that always does."""
    found: list[Candidate] = []
    for policy in policies:
        match = policy.written.file.match
        on_route = compile_patterns(match.routes)
        if on_route is not None and not on_route(route.name):
            continue
        matcher = Matcher(conditions_of(match))
        chain, asks = _chain(route, policy)
        binding = Binding.of(route, policy.written.file.name, chain)
        found.append(Candidate(matcher, binding, needs_model=asks or matcher.needs_model))
        if matcher.always:
            break
    return found


def _chain(route: Route, policy: BuiltPolicy) -> tuple[Chain, bool]:
    """The chain of a policy on one route, and whether a condition in it asks for the model."""
    uses: list[Use] = []
    asks = False
    for use in policy.uses:
        when, condition = use.written.settings.when, None
        if when is not None:
            on_route = compile_patterns(when.routes)
            if on_route is not None and not on_route(route.name):
                continue
            matcher = Matcher(conditions_of(when))
            condition = None if matcher.always else Condition(matcher, route, when)
            asks = asks or matcher.needs_model
        uses.append(_use(policy.written, use, condition))
    return compile_chain(uses), asks


def _use(policy: WrittenPolicy, use: BuiltUse, condition: Predicate | None) -> Use:
    settings = use.written.settings
    return Use(
        use.instance.plugin,
        shadow=Mode.SHADOW in {policy.file.mode, settings.mode},
        timeout_ms=settings.timeout_ms,
        reject_on_error=None if settings.on_error is None else settings.on_error == "reject",
        when=condition,
    )


def _always(use: BuiltUse) -> Predicate | None:
    """A stand-in for the condition of a use, while facts are checked: whether there is one."""
    return None if use.written.settings.when is None else lambda _: True


def conditions_of(when: When) -> Conditions:
    """What `match` or `when` asks, but for the routes, which are settled when compiling."""
    return Conditions(when.hosts, when.paths, when.methods, when.headers, when.models)
