"""`when`, compiled for one route."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gateway.chain.matching import Matcher
from gateway.patterns import Test, compile_patterns
from gateway.plugin.exchange import Exchange
from gateway.plugin.facts import TRUST_STANDING
from gateway.plugin.identity import PRINCIPAL, Principal
from gateway.policy.models import Match, When
from gateway.policy.routes import Route

CallerTest: TypeAlias = Callable[[Principal], bool]


class Condition:
    """Whether a use is for an exchange. Callable; its text is how people would write it."""

    __slots__ = ("_callers", "_matcher", "_max_trust", "_min_trust", "_route", "_text")

    def __init__(self, matcher: Matcher, route: Route, when: When) -> None:
        self._matcher = matcher
        self._route = route
        self._callers = _caller_tests(when)
        self._min_trust = -1 if when.min_trust is None else when.min_trust
        self._max_trust = -1 if when.max_trust is None else when.max_trust
        self._text = text_of(when)

    def __call__(self, x: Exchange) -> bool:
        if self._callers:
            principal = x.fact(PRINCIPAL)
            if principal is None or not all(test(principal) for test in self._callers):
                return False
        if self._min_trust >= 0 or self._max_trust >= 0:
            # Nothing known is no trust: neither what is only for the trusted, nor spared the rest.
            standing = x.fact(TRUST_STANDING)
            if self._min_trust >= 0 and (standing is None or standing < self._min_trust):
                return False
            if self._max_trust >= 0 and standing is not None and standing > self._max_trust:
                return False
        request = x.request
        return self._matcher.matches_head(
            request, self._route.forwarded_path(request.path)
        ) and self._matcher.matches_model(x.model or "")

    def __str__(self) -> str:
        return self._text


def _caller_tests(when: When) -> tuple[CallerTest, ...]:
    """What is asked of a caller; a caller who is not known passes none of them."""
    tests: list[CallerTest] = []
    tenant = compile_patterns(when.tenants)
    if tenant is not None:
        tests.append(lambda principal: tenant(principal.tenant))
    subject = compile_patterns(when.subjects)
    if subject is not None:
        tests.append(lambda principal: subject(principal.subject))
    role = compile_patterns(when.roles)
    if role is not None:
        tests.append(_role_test(role))
    return tuple(tests)


def _role_test(matches: Test) -> CallerTest:
    return lambda principal: any(matches(role) for role in principal.roles)


def text_of(match: Match) -> str:
    """`routes openai, methods POST GET, header x-team=blue`; "" where nothing is asked."""
    parts = []
    for name in ("routes", "hosts", "paths", "methods", "models", "tenants", "roles", "subjects"):
        values = getattr(match, name, ())
        if values and "*" not in values:
            parts.append(f"{name} {' '.join(values)}")
    parts += [
        f"{name} {value}"
        for name in ("min_trust", "max_trust")
        if (value := getattr(match, name, None)) is not None
    ]
    parts += [f"header {name}={value}" for name, value in match.headers.items()]
    return ", ".join(parts)
