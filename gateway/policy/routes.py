"""Finds the route of a request: the operator's own first, then the built-in ones.

1. the routes of gateway.yaml, in their order;
2. `/openai`, `/anthropic`, ... : the first segment of the path names the provider and is taken off
   (but `/openai/...?api-version=` is Azure's own path, not our prefix);
3. a bare path of a provider's API, told by path and headers (`gateway.providers.recognise`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.chain.matching import Conditions, Matcher
from gateway.errors import ConfigError, Problem
from gateway.plugin.exchange import RequestView
from gateway.providers.recognise import ROUTE_DIALECTS, model_from_path, recognise
from gateway.settings import Dialect, RouteMatch, RouteSettings, Settings, TimeoutSettings
from gateway.suggestions import did_you_mean


class NeedsModel:
    """The answer of a search that cannot go on without the model in the body."""

    __slots__ = ()


NEEDS_MODEL: Final = NeedsModel()


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Where a request goes. `strip_prefix` is taken off its path; "" takes nothing off.

    `upstream` is "" where the policy alone answers (`ext_authz: true`).
    """

    name: str
    upstream: str
    dialect: Dialect
    strip_prefix: str = ""
    timeouts: TimeoutSettings | None = None

    def forwarded_path(self, path: str) -> str:
        """The path as the upstream will see it, before its own base path."""
        if not self.strip_prefix:
            return path
        rest = path[len(self.strip_prefix) :]
        return rest if rest.startswith("/") else f"/{rest}"

    def model_of(self, request: RequestView) -> str | None:
        """The model that the target names, or None where only the body can tell.

        A query counts only where there is no body that could say something else.
        """
        query = request.query if request.method == "GET" else None
        return model_from_path(self.dialect, self.forwarded_path(request.path), query)


@dataclass(frozen=True, slots=True)
class Rule:
    """One route of gateway.yaml, compiled. `prefix` is "" or begins and does not end with `/`."""

    route: Route
    prefix: str
    matcher: Matcher

    def matches(self, request: RequestView, path: str) -> bool:
        prefix = self.prefix
        if prefix and not (path == prefix or path.startswith(prefix + "/")):
            return False
        return self.matcher.matches_head(request, path)


Found: TypeAlias = Route | NeedsModel | None

# A dot segment after anything that some server takes for a slash, up to what ends a segment.
_DOT_SEGMENT: Final = re.compile(
    r"(?:/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=/|\\|%2f|%5c|;|\Z)", re.IGNORECASE
)


def is_ambiguous(path: str) -> bool:
    """Whether servers may disagree about where `path` leads.

    That is a path with `.` or `..` segments in any spelling (RFC 3986 section 5.2.4), or with a
    fragment, which has no place in a request target (RFC 9112 section 3.2).
    """
    if "/." in path or "%" in path or "\\" in path:
        return _DOT_SEGMENT.search(path) is not None or "#" in path
    return "#" in path


class RouteTable:
    """All routes of one gateway, compiled from its settings.

    `all` holds every route once. `reads_path` tells whether any decision depends on the path.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError with every fault of the routes."""
        self._rules = tuple(_compile_rules(settings))
        self._prefixed: dict[str, Route] = {}
        self._bare: dict[str, Route] = {}
        if settings.builtin_routes:
            for name, dialect in ROUTE_DIALECTS.items():
                self._prefixed[name] = Route(name, name, dialect, strip_prefix=f"/{name}")
                self._bare[name] = Route(name, name, dialect)
        self.all: tuple[Route, ...] = (
            *(rule.route for rule in self._rules),
            *self._prefixed.values(),
            *self._bare.values(),
        )
        self.names = tuple(dict.fromkeys(route.name for route in self.all))
        self.reads_path = settings.builtin_routes or any(
            rule.prefix or rule.matcher.reads_path for rule in self._rules
        )

        self.reads_path_and_key_only = not self._rules
        """Without a query, the built-in routes ask for the path and who the key is for."""

    def find(self, request: RequestView, model: str | None) -> Found:
        """The route of a request; `model` None means that the body was not read yet."""
        path = request.path
        for rule in self._rules:
            if not rule.matches(request, path):
                continue
            if rule.matcher.needs_model:
                named = rule.route.model_of(request) if model is None else model
                if named is None:
                    return NEEDS_MODEL
                if not rule.matcher.matches_model(named):
                    continue
            return rule.route
        if not path.startswith("/") or not self._bare:
            return None
        end = path.find("/", 1)
        segment = path[1:] if end < 0 else path[1:end]
        prefixed = self._prefixed.get(segment)
        if prefixed is not None and segment != "openai":
            return prefixed
        name = recognise(path, request.query, request.headers)
        if prefixed is not None and name != "azure":
            return prefixed
        return None if name is None else self._bare[name]


def _compile_rules(settings: Settings) -> list[Rule]:
    upstreams = {*ROUTE_DIALECTS, *settings.upstreams}
    problems: list[Problem] = []
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for index, route in enumerate(settings.routes):
        problems += _problems(index, route, upstreams, seen)
        seen.setdefault(route.name, index)
        rules.append(_compile_rule(route))
    if problems:
        raise ConfigError(problems)
    return rules


def _compile_rule(route: RouteSettings) -> Rule:
    prefix = (route.match.path_prefix or "").rstrip("/")
    return Rule(
        Route(
            route.name,
            route.upstream,
            route.dialect,
            strip_prefix=prefix if route.strip_prefix else "",
            timeouts=route.timeouts,
        ),
        prefix,
        Matcher(_conditions(route.match)),
    )


def _conditions(match: RouteMatch) -> Conditions:
    return Conditions(match.hosts, match.paths, match.methods, match.headers, match.models)


def _problems(
    index: int, route: RouteSettings, upstreams: set[str], seen: dict[str, int]
) -> Sequence[Problem]:
    """What is wrong with one route of gateway.yaml."""
    place, found = f"routes[{index}]", []
    if route.name in seen:
        message = f'the name "{route.name}" is taken by routes[{seen[route.name]}]'
        found.append(Problem(f"{place}.name", 0, 0, message, "names of routes are unique"))
    if not route.ext_authz and route.upstream not in upstreams:
        message = f'no upstream is called "{route.upstream}"'
        hint = did_you_mean(route.upstream, upstreams)
        found.append(Problem(f"{place}.upstream", 0, 0, message, hint))
    prefix = route.match.path_prefix
    if prefix is not None and not prefix.startswith("/"):
        message = "a path prefix begins with /"
        found.append(Problem(f"{place}.match.path_prefix", 0, 0, message, f"write /{prefix}"))
    if route.strip_prefix and prefix is None:
        message, hint = "there is no prefix to take off", "add match.path_prefix"
        found.append(Problem(f"{place}.strip_prefix", 0, 0, message, hint))
    return found
