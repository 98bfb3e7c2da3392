"""What is in force: for each route the policies that may apply, compiled; one request finds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.chain.compiled import Chain
from gateway.chain.matching import Matcher
from gateway.plugin.exchange import RequestView
from gateway.plugin.verdict import Reject
from gateway.policy.routes import NEEDS_MODEL, NeedsModel, Route, RouteTable, is_ambiguous
from gateway.reasons import Reason

__all__ = ["NEEDS_MODEL", "Binding", "Candidate", "Route", "RouteEntry", "Snapshot"]


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One policy on one route: all that an exchange needs to know, made when it was compiled."""

    route: Route
    policy_name: str
    chain: Chain
    needs_request_body: bool
    needs_response_body: bool
    needs_text: bool
    needs_usage: bool

    @classmethod
    def of(cls, route: Route, policy_name: str, chain: Chain) -> Binding:
        return cls(
            route,
            policy_name,
            chain,
            needs_request_body=bool(chain.request),
            needs_response_body=bool(chain.response),
            needs_text=bool(chain.text),
            needs_usage=chain.needs_usage,
        )

    @property
    def reads_answer(self) -> bool:
        """Whether the answer must be readable: not compressed, no WebSocket."""
        return self.needs_response_body or self.needs_text or self.needs_usage

    @property
    def reads_bodies(self) -> bool:
        """Whether anything besides the two heads is read."""
        return self.needs_request_body or self.reads_answer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that may apply to a route. `needs_model`: its match or a step of its chain asks."""

    matcher: Matcher
    binding: Binding
    needs_model: bool


class RouteEntry:
    """The policies of one route, in the order in which they are tried."""

    __slots__ = ("candidates", "route", "sole")

    def __init__(self, route: Route, candidates: Sequence[Candidate]) -> None:
        self.route = route
        self.candidates = tuple(candidates)
        first = self.candidates[0] if self.candidates else None
        always = first is not None and first.matcher.always and not first.needs_model
        self.sole = first.binding if first is not None and always else None
        """The policy of every request on this route, where the first one asks nothing."""


Resolution: TypeAlias = Binding | Reject | NeedsModel

_AMBIGUOUS: Final = Reject(
    Reason.AMBIGUOUS_REQUEST, "the path has a dot segment or a fragment; send the path it means"
)
_NO_ROUTE: Final = Reject(
    Reason.NO_ROUTE, "use a prefix such as /openai, or the API path of a known provider"
)
_NO_POLICY: Final = Reject(Reason.NO_POLICY)


RECENT_MAX = 1024
RECENT_PATH_MAX = 256
"""Paths whose way is remembered, where nothing but the path and two key headers decides it."""


class Snapshot:
    """All routes and policies of one version; immutable but for the count of its users.

    An exchange holds on to one snapshot from its first byte to its end: `acquire`, then `release`.
    """

    __slots__ = (
        "_active",
        "_drained",
        "_entries",
        "_reads_path",
        "_recent",
        "_table",
        "digest",
        "version",
    )

    def __init__(
        self,
        version: int,
        digest: str,
        table: RouteTable,
        entries: Mapping[Route, RouteEntry],
    ) -> None:
        self.version = version
        self.digest = digest
        self._table = table
        self._entries = dict(entries)
        self._reads_path = table.reads_path or any(
            candidate.matcher.reads_path
            for entry in self._entries.values()
            for candidate in entry.candidates
        )
        self._recent: dict[tuple[str, bool, bool], Binding] = {}
        self._active = 0
        self._drained: Callable[[], None] | None = None

    def resolve(self, request: RequestView, model: str | None) -> Resolution:
        """Who serves a request.

        `model` is None as long as the body was not read. NEEDS_MODEL asks the caller to read it and
        to call again with the model, or "" where the body names none.
        """
        path = request.path
        key = None
        if request.query is None and self._table.reads_path_and_key_only:
            first = request.headers.first
            key = (path, first(b"anthropic-version") is None, first(b"x-goog-api-key") is None)
            known = self._recent.get(key)
            if known is not None:
                return known
        if self._reads_path and is_ambiguous(path):
            return _AMBIGUOUS
        route = self._table.find(request, model)
        if route is None:
            return _NO_ROUTE
        if isinstance(route, NeedsModel):
            return route
        entry = self._entries[route]
        if entry.sole is None:
            return _choose(entry, request, model)
        if key is not None and len(path) <= RECENT_PATH_MAX:
            if len(self._recent) >= RECENT_MAX:
                self._recent.clear()
            self._recent[key] = entry.sole
        return entry.sole

    def route_of(self, request: RequestView) -> Route | None:
        """The route alone, where it can be told without the body; for refusals and logs."""
        found = self._table.find(request, None)
        return found if isinstance(found, Route) else None

    def entries(self) -> Sequence[RouteEntry]:
        """Every route with its policies; for checks and explanations."""
        return tuple(self._entries.values())

    def acquire(self) -> None:
        """One more exchange is served by this snapshot."""
        self._active += 1

    def release(self) -> None:
        """One exchange less; the last one of a retired snapshot lets its plugins stop."""
        self._active -= 1
        if not self._active and self._drained is not None:
            self._finish()

    def retire(self, drained: Callable[[], None]) -> None:
        """Calls `drained` once, as soon as no exchange is left; no new one may begin."""
        self._drained = drained
        if not self._active:
            self._finish()

    def _finish(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained()


def _choose(entry: RouteEntry, request: RequestView, model: str | None) -> Resolution:
    route = entry.route
    path = route.forwarded_path(request.path)
    for candidate in entry.candidates:
        matcher = candidate.matcher
        if not matcher.matches_head(request, path):
            continue
        if candidate.needs_model and model is None:
            model = route.model_of(request)
            if model is None:
                return NEEDS_MODEL
        if not matcher.needs_model or matcher.matches_model(model or ""):
            return candidate.binding
    return _NO_POLICY
