"""What is in force: for each route the policies that may apply, compiled; one request finds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.chain.compiled import Chain
from gateway.chain.matching import Matcher
from gateway.patterns import Test
from gateway.plugin.exchange import RequestView
from gateway.plugin.verdict import Reject
from gateway.policy.routes import NEEDS_MODEL, NeedsModel, Route, RouteTable, is_ambiguous
from gateway.reasons import Reason

__all__ = ["NEEDS_MODEL", "Binding", "Candidate", "Identify", "Route", "RouteEntry", "Snapshot"]


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
    asks_identity: bool
    """Whether the upstream is asked for an answer without content-encoding.

    Not for readers in shadow mode alone, which change nothing, the request neither.
    """

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
            asks_identity=chain.needs_usage
            or any(hook.enforced for hook in (*chain.response, *chain.text)),
        )

    @property
    def inspects_sockets(self) -> bool:
        """Whether this policy can be kept on the messages of a WebSocket."""
        return self.chain.inspects_sockets

    @property
    def reads_answer(self) -> bool:
        """Whether anything of the answer besides its head is read."""
        return self.needs_response_body or self.needs_text or self.needs_usage

    @property
    def reads_bodies(self) -> bool:
        """Whether anything besides the two heads is read."""
        return self.needs_request_body or self.reads_answer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that may apply to a route. `needs_model`: its match or a step of its chain asks.

    `tenants` is None where it is for all.
    """

    matcher: Matcher
    binding: Binding
    needs_model: bool
    tenants: Test | None = None


class RouteEntry:
    """The policies of one route, in the order in which they are tried.

    From the candidate number `late_from` on, the tenant decides: `head` runs before, and the chains
    of these candidates have no hook of it among those for the request's head.
    """

    __slots__ = ("candidates", "head", "head_needs_model", "late_from", "route", "sole")

    def __init__(
        self,
        route: Route,
        candidates: Sequence[Candidate],
        head: Binding | None = None,
        late_from: int | None = None,
        *,
        head_needs_model: bool = False,
    ) -> None:
        self.route = route
        self.candidates = tuple(candidates)
        self.head = head
        self.head_needs_model = head_needs_model
        self.late_from = len(self.candidates) if late_from is None else late_from
        first = self.candidates[0] if self.candidates and self.late_from else None
        always = first is not None and first.matcher.always and not first.needs_model
        self.sole = first.binding if first is not None and always else None
        """The policy of every request on this route, where the first one asks nothing."""


class Identify:
    """The answer of a search that cannot go on before it is known who is calling.

    The caller runs the hooks of `binding` for the request's head, then asks `choose`. It is made
    for one request: its candidates are those that match the request as it came.
    """

    __slots__ = ("_candidates", "binding")

    def __init__(self, binding: Binding, candidates: tuple[Candidate, ...]) -> None:
        self.binding = binding
        self._candidates = candidates

    def choose(
        self, request: RequestView, model: str | None, tenant: str | None
    ) -> Binding | Reject | NeedsModel:
        """The policy for a caller of `tenant`; None is a caller who is not known."""
        route = self.binding.route
        for candidate in self._candidates:
            tenants = candidate.tenants
            if tenants is not None and (tenant is None or not tenants(tenant)):
                continue
            if candidate.needs_model and model is None:
                model = route.model_of(request)
                if model is None:
                    return NEEDS_MODEL
            if candidate.matcher.matches_model(model or ""):
                return candidate.binding
        return _NO_POLICY


Resolution: TypeAlias = Binding | Reject | NeedsModel | Identify

_AMBIGUOUS: Final = Reject(
    Reason.AMBIGUOUS_REQUEST, "the path has a dot segment or a fragment; send the path it means"
)
_NO_ROUTE: Final = Reject(
    Reason.NO_ROUTE, "use a prefix such as /openai, or the API path of a known provider"
)
_NO_POLICY: Final = Reject(Reason.NO_POLICY)


RECENT_MAX: Final = 1024
RECENT_PATH_MAX: Final = 256
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
        to call again with the model, or "" where the body names none. An `Identify` asks to find
        out who is calling.
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
    for index, candidate in enumerate(entry.candidates):
        matcher = candidate.matcher
        if not matcher.matches_head(request, path):
            continue
        if index >= entry.late_from:
            return _identify(entry, index, request, path, model)
        if candidate.needs_model and model is None:
            model = route.model_of(request)
            if model is None:
                return NEEDS_MODEL
        if not matcher.needs_model or matcher.matches_model(model or ""):
            return candidate.binding
    return _NO_POLICY


def _identify(
    entry: RouteEntry, index: int, request: RequestView, path: str, model: str | None
) -> Resolution:
    """The tenant decides, and the candidate `index` is the first that may serve this request."""
    if entry.head is None:
        return _NO_POLICY
    if entry.head_needs_model and model is None and entry.route.model_of(request) is None:
        return NEEDS_MODEL
    late = entry.candidates[index:]
    matching = tuple(each for each in late if each.matcher.matches_head(request, path))
    return Identify(entry.head, matching)
