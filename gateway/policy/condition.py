"""`when`, compiled for one route."""

from __future__ import annotations

from gateway.chain.matching import Matcher
from gateway.plugin.exchange import Exchange
from gateway.policy.models import When
from gateway.policy.routes import Route


class Condition:
    """Whether a use is for an exchange. Callable; its text is how people would write it."""

    __slots__ = ("_matcher", "_route", "_text")

    def __init__(self, matcher: Matcher, route: Route, when: When) -> None:
        self._matcher = matcher
        self._route = route
        self._text = text_of(when)

    def __call__(self, x: Exchange) -> bool:
        request = x.request
        return self._matcher.matches_head(
            request, self._route.forwarded_path(request.path)
        ) and self._matcher.matches_model(x.model or "")

    def __str__(self) -> str:
        return self._text


def text_of(when: When) -> str:
    """`routes openai, methods POST GET, header x-team=blue`; "" where nothing is asked."""
    parts = []
    for name in ("routes", "hosts", "paths", "methods", "models"):
        values = getattr(when, name)
        if values and "*" not in values:
            parts.append(f"{name} {' '.join(values)}")
    parts += [f"header {name}={value}" for name, value in when.headers.items()]
    return ", ".join(parts)
