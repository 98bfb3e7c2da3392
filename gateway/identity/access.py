"""What a caller may do: the roles of one caller compiled to one rule per permission.

A rule is three-valued as long as something is not known (the model, before the body is read). What
is not known never lets a request pass: an allowance needs what it asks for, and a prohibition
holds unless it is known not to apply.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from gateway.identity.permissions import CATALOGUE, Pattern, Permission
from gateway.identity.roles import WEEKDAYS, Allowed, Conditions, Role
from gateway.networks import NetworkSet
from gateway.patterns import compile_pattern, compile_patterns
from gateway.providers.prices import micro_of
from gateway.settings import Dialect

UNBOUNDED: Final = sys.maxsize
"""`Situation.output_tokens` of a request that names no bound."""


@dataclass(slots=True)
class Situation:
    """What conditions look at. `now_s` is seconds since 1970.

    None means not known: then no allowance that asks for it holds. `model` is "" where the request
    names none. `cost` is the estimate of what the request costs, in millionths of `currency`.
    """

    now_s: float
    address: IPv4Address | IPv6Address | None = None
    model: str | None = None
    dialect: Dialect = Dialect.UNKNOWN
    route: str = ""
    output_tokens: int | None = None
    cost: int | None = None
    currency: str = ""


Test: TypeAlias = Callable[[Situation], bool | None]


@dataclass(frozen=True, slots=True)
class Clause:
    """One permission pattern with its conditions, as it bears on one permission."""

    tests: tuple[Test, ...]
    reads_body: bool

    def holds(self, situation: Situation) -> bool | None:
        """Whether all conditions hold; None where that depends on what is not known."""
        known = True
        for test in self.tests:
            answer = test(situation)
            if answer is False:
                return False
            known = known and answer is not None
        return True if known else None


@dataclass(frozen=True, slots=True)
class Rule:
    """Who asks is settled, and so is for what; `always` is set where nothing else matters.

    `reads_body` tells that the answer may depend on the model, on a bound of tokens or on the cost.
    """

    permission: str
    allow: tuple[Clause, ...]
    deny: tuple[Clause, ...]
    scope: tuple[Clause, ...] | None
    always: bool | None
    reads_body: bool

    def judge(self, situation: Situation) -> bool | None:
        """True: permitted. False: refused. None: it depends on what is not known yet."""
        if self.always is not None:
            return self.always
        denied = _any(self.deny, situation)
        if denied is True:
            return False
        allowed = _any(self.allow, situation)
        scoped = True if self.scope is None else _any(self.scope, situation)
        if allowed is False or scoped is False:
            return False
        return True if allowed and scoped and denied is False else None


def _any(clauses: tuple[Clause, ...], situation: Situation) -> bool | None:
    """Whether one of them holds; None where none surely does and one may."""
    answer: bool | None = False
    for clause in clauses:
        held = clause.holds(situation)
        if held:
            return True
        if held is None:
            answer = None
    return answer


class Access:
    """The rules of one caller, by the name of the permission."""

    __slots__ = ("_rules",)

    def __init__(self, roles: Iterable[Role], scopes: Iterable[str] = ()) -> None:
        """`scopes` are patterns that bound what the roles allow; none is no bound.

        A scope that is no pattern of permissions, such as OpenID's `profile`, allows nothing.
        """
        roles = tuple(roles)
        allow = [g for role in roles for item in role.allow for g in _grants(item, denies=False)]
        deny = [g for role in roles for item in role.deny for g in _grants(item, denies=True)]
        bound = frozenset(scopes)
        scope = [g for text in bound for g in _scope_grants(text)] if bound else None
        self._rules = {p.name: _rule(p, allow, deny, scope) for p in CATALOGUE}

    def rule(self, permission: str) -> Rule:
        """Raises KeyError for a name that is not in the catalogue."""
        return self._rules[permission]

    def permits(self, permission: str, situation: Situation) -> bool:
        """Whether it is permitted; what depends on something not known is not."""
        return self._rules[permission].judge(situation) is True

    def missing_from(self, other: Access) -> tuple[str, ...]:
        """What this one may do, under whatever conditions, and `other` not without any.

        Nobody may hand out more than they have: a role is granted only where this is empty.
        """
        return tuple(
            name
            for name, rule in self._rules.items()
            if rule.always is not False and other.rule(name).always is not True
        )


class RoleBook:
    """Roles by name, and what combinations of them come to, remembered."""

    def __init__(self, roles: Mapping[str, Role], broken: Iterable[str] = ()) -> None:
        """`broken` names roles that cannot be read: who has one may do nothing."""
        self.roles = dict(roles)
        self._broken = frozenset(broken)
        self._known: dict[tuple[frozenset[str], frozenset[str], str], Access] = {}

    def access(
        self, roles: frozenset[str], scopes: frozenset[str] = frozenset(), tenant: str = ""
    ) -> Access:
        """What a caller of `tenant` with these roles may do; unknown roles add nothing."""
        key = (roles, scopes, tenant)
        access = self._known.get(key)
        if access is None:
            if len(self._known) >= COMBINATIONS_MAX:
                self._known.clear()
            access = self._known[key] = self._compile(roles, scopes, tenant)
        return access

    def _compile(self, names: frozenset[str], scopes: frozenset[str], tenant: str) -> Access:
        if names & self._broken:
            return NOTHING
        found = (self.roles.get(name) for name in sorted(names))
        return Access((role for role in found if role and is_for(role, tenant)), scopes)


COMBINATIONS_MAX: Final = 10_000
"""Combinations of roles, scopes and tenant that are remembered; then the memory starts anew."""


def is_for(role: Role, tenant: str) -> bool:
    """Whether a role means anything to callers of `tenant`."""
    return not role.tenants or any(compile_pattern(pattern)(tenant) for pattern in role.tenants)


def reads_body(role: Role) -> bool:
    """Whether what a role says may depend on the model, on a bound of tokens or on the cost."""
    grants = [grant for item in role.allow for grant in _grants(item, denies=False)]
    grants += [grant for item in role.deny for grant in _grants(item, denies=True)]
    return any(grant.clause().reads_body for grant in grants)


# -- compiling ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grant:
    """One pattern with its conditions; `tests` are those that do not depend on the permission."""

    pattern: Pattern
    tests: tuple[Test, ...]
    models: tuple[tuple[str, ...], ...]
    output_tokens_max: int | None
    cost_test: Test | None
    denies: bool

    def covers(self, permission: Permission) -> bool:
        if (self.models or self.cost_test is not None) and not permission.has_model:
            return False
        if self.output_tokens_max is not None and not permission.generates:
            return False
        return compile_pattern(self.pattern.name)(permission.name)

    def clause(self) -> Clause:
        tests = list(self.tests)
        for patterns in self.models:
            tests += _model_tests(patterns, denies=self.denies)
        if self.output_tokens_max is not None:
            tests.append(_tokens_test(self.output_tokens_max))
        if self.cost_test is not None:
            tests.append(self.cost_test)
        return Clause(tuple(tests), reads_body=len(tests) > len(self.tests))


def _grants(item: str | Conditions, *, denies: bool) -> Iterable[_Grant]:
    if isinstance(item, str):
        yield _plain_grant(Pattern.parse(item), denies=denies)
        return
    tests = tuple(_tests(item))
    tokens_max = item.output_tokens_max if isinstance(item, Allowed) else None
    cost_test = _cost_test(item) if isinstance(item, Allowed) else None
    for text in item.permissions:
        pattern = Pattern.parse(text)
        asked = ((pattern.model,), item.models)
        models = tuple(patterns for patterns in asked if any(patterns))
        yield _Grant(pattern, tests, models, tokens_max, cost_test, denies)


def _plain_grant(pattern: Pattern, *, denies: bool) -> _Grant:
    return _Grant(pattern, (), ((pattern.model,),) if pattern.model else (), None, None, denies)


def _scope_grants(text: str) -> Iterable[_Grant]:
    try:
        yield _plain_grant(Pattern.parse(text), denies=False)
    except ValueError:
        return


def _rule(
    permission: Permission, allow: list[_Grant], deny: list[_Grant], scope: list[_Grant] | None
) -> Rule:
    allows, denies = _clauses(permission, allow), _clauses(permission, deny)
    scopes = None if scope is None else _clauses(permission, scope)
    always: bool | None = None
    if not allows or scopes == () or _sure(denies):
        always = False
    elif _sure(allows) and not denies and (scopes is None or _sure(scopes)):
        always = True
    clauses = (*allows, *denies, *(scopes or ()))
    reads = always is None and any(clause.reads_body for clause in clauses)
    return Rule(permission.name, allows, denies, scopes, always, reads)


def _clauses(permission: Permission, grants: Iterable[_Grant]) -> tuple[Clause, ...]:
    """Those that bear on `permission`; one without conditions makes the others needless."""
    clauses = tuple(grant.clause() for grant in grants if grant.covers(permission))
    sure = tuple(clause for clause in clauses if not clause.tests)
    return sure[:1] or clauses


def _sure(clauses: tuple[Clause, ...]) -> bool:
    return bool(clauses) and not clauses[0].tests


def _tests(item: Conditions) -> Iterable[Test]:
    """The cheapest first."""
    on_route = compile_patterns(item.routes)
    if on_route is not None:
        yield lambda s: on_route(s.route)
    if item.dialects:
        dialects = frozenset(item.dialects)
        yield lambda s: s.dialect in dialects
    if item.networks:
        networks = NetworkSet(item.networks)
        yield lambda s: None if s.address is None else s.address in networks
    if item.weekdays or item.hours:
        yield _time_test(item)


def _model_tests(patterns: tuple[str, ...], *, denies: bool) -> Iterable[Test]:
    """Some providers ignore case: what is denied must not return in capitals."""
    written = (pattern.casefold() for pattern in patterns) if denies else patterns
    matches = compile_patterns(written)
    if matches is None:
        return

    def test(situation: Situation) -> bool | None:
        model = situation.model
        if model is None:
            return None
        return matches(model.casefold() if denies else model)

    yield test


def _tokens_test(tokens_max: int) -> Test:
    def test(situation: Situation) -> bool | None:
        tokens = situation.output_tokens
        return None if tokens is None else tokens <= tokens_max

    return test


def _cost_test(item: Allowed) -> Test | None:
    if item.cost_max is None:
        return None
    cost_max, currency = micro_of(item.cost_max), item.currency

    def test(situation: Situation) -> bool | None:
        cost = situation.cost
        return None if cost is None else situation.currency == currency and cost <= cost_max

    return test


def _time_test(item: Conditions) -> Test:
    """Days and spans on the local clock; what lies after midnight in a span is the day before's."""
    zone = UTC if item.timezone == "UTC" else ZoneInfo(item.timezone)
    days = frozenset(WEEKDAYS.index(day) for day in item.weekdays or WEEKDAYS)
    spans = tuple(_span(text) for text in item.hours) or ((0, _DAY),)

    def test(situation: Situation) -> bool | None:
        local = datetime.fromtimestamp(situation.now_s, zone)
        today, minute = local.weekday(), local.hour * 60 + local.minute
        for first, last in spans:
            if first < last:
                if first <= minute < last and today in days:
                    return True
            elif (minute >= first and today in days) or (minute < last and (today - 1) % 7 in days):
                return True
        return False

    return test


_DAY: Final = 24 * 60


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return _minutes(first), _minutes(last)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


NOTHING: Final = Access(())
"""What a caller without any role may do."""
