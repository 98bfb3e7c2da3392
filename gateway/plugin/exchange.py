"""One request's life, as plugins see it."""

from __future__ import annotations

from typing import Any, TypeVar, cast
from urllib.parse import unquote_plus

from gateway.plugin.body import Body
from gateway.plugin.coverage import Coverage
from gateway.plugin.evidence import Evidence
from gateway.plugin.facts import Fact
from gateway.plugin.headers import Headers
from gateway.plugin.peer import Peer
from gateway.plugin.usage import StreamGuard, Usage
from gateway.plugin.verdict import Outcome, Verdict
from gateway.settings import Dialect

T = TypeVar("T")


class RequestView(Body):
    """The request as it was received.

    `target` is the request target on the wire (RFC 9112 section 3.2), `path` its part before `?`,
    neither decoded nor normalised; `query` is the rest, None where there is no `?`.
    `target_edited` tells that `target` is forwarded in place of what was received.
    """

    __slots__ = (
        "host",
        "http_version",
        "method",
        "path",
        "query",
        "scheme",
        "target",
        "target_edited",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers,
        *,
        host: str = "",
        scheme: str = "http",
        http_version: str = "1.1",
    ) -> None:
        self.begin(headers)
        self.method = method
        self.target = target
        path, mark, query = target.partition("?")
        self.path = path
        self.query: str | None = query if mark else None
        self.target_edited = False
        self.host = host
        self.scheme = scheme
        self.http_version = http_version

    def remove_from_query(self, name: str) -> None:
        """Takes every parameter called `name` off the query; every other byte of it stays.

        A name counts as it reads percent-decoded, so that no other spelling of it passes.
        """
        if self.query is None:
            return
        pairs = self.query.split("&")
        kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != name]
        if len(kept) == len(pairs):
            return
        self.query = "&".join(kept) if kept else None
        self.target = self.path if self.query is None else f"{self.path}?{self.query}"
        self.target_edited = True

    def copy(self) -> RequestView:
        twin = RequestView(
            self.method,
            self.target,
            self.headers.copy(),
            host=self.host,
            scheme=self.scheme,
            http_version=self.http_version,
        )
        self.copy_body_to(twin)
        return twin


class ResponseView(Body):
    """The response head, and its body where it was buffered.

    `local` is true for an answer of the gateway itself (a refusal, a preflight).
    `streamed` is true where the body passes event by event and `on_response` is not called.
    """

    __slots__ = ("local", "phrase", "status", "streamed")

    def __init__(
        self,
        status: int,
        phrase: bytes,
        headers: Headers,
        *,
        local: bool = False,
        streamed: bool = False,
    ) -> None:
        self.begin(headers)
        self.status = status
        self.phrase = phrase
        self.local = local
        self.streamed = streamed

    def copy(self) -> ResponseView:
        twin = ResponseView(
            self.status,
            self.phrase,
            self.headers.copy(),
            local=self.local,
            streamed=self.streamed,
        )
        self.copy_body_to(twin)
        return twin


class Exchange:
    """One request's life: what came, what was decided, what went back.

    `id` is the request id. `route`, `upstream` and `policy` are names; `policy_version` is the
    snapshot that serves this exchange from its first byte to its receipt. `path` is the path as it
    is forwarded, without the prefix of the route and before the upstream's own. `model` is known
    where the path names it or the body was read. Times are `Runtime.monotonic` seconds.
    `flagged` and `chain_state` belong to the chain's runner.

    `client_ip` is the text of the fact CLIENT_ADDRESS, or the peer's where that fact is not known.
    `peer` is the other end of the connection, None where there is none (a test, a replay).
    `body_bytes_max` is a limit on the request body that a plugin sets in `on_request_headers`; the
    core keeps to it while the body streams, so it also holds for a body of unknown length.
    `bytes_in` and `bytes_out` are the body bytes received from the client and sent to it; they are
    known in `on_complete`.

    `coverage` says what of the texts could be inspected; None where no plugin of the policy has
    `reads_text`.

    `usage` is what the exchange used, where a plugin of the policy has `needs_usage`: None until
    the request goes to the upstream, running while the answer streams, final in `on_complete`, and
    None there if nothing of the request was sent. `usage_asked` says that the gateway and not the
    client asked for the usage in a stream, so that the client is not shown it. `stream_guards` may
    end a stream early; a plugin adds its own before the answer begins.

    `evidence` is what the core notes for a receipt; None where no step of the policy leaves one,
    and in the copy that a use in shadow mode is shown.
    """

    __slots__ = (
        "body_bytes_max",
        "bytes_in",
        "bytes_out",
        "chain_state",
        "client_ip",
        "coverage",
        "dialect",
        "evidence",
        "facts",
        "flagged",
        "id",
        "model",
        "path",
        "peer",
        "policy",
        "policy_version",
        "request",
        "response",
        "route",
        "started_at",
        "stream_guards",
        "upstream",
        "usage",
        "usage_asked",
        "verdicts",
    )

    def __init__(
        self,
        id: str,  # noqa: A002  # the word of the field, read as x.id
        request: RequestView,
        *,
        client_ip: str = "",
        dialect: Dialect = Dialect.UNKNOWN,
        route: str = "",
        upstream: str = "",
        policy: str = "",
        policy_version: int = 0,
        started_at: float = 0.0,
    ) -> None:
        self.id = id
        self.request = request
        self.path = request.path
        self.response: ResponseView | None = None
        self.client_ip = client_ip
        self.peer: Peer | None = None
        self.dialect = dialect
        self.route = route
        self.upstream = upstream
        self.policy = policy
        self.policy_version = policy_version
        self.started_at = started_at
        self.model: str | None = None
        self.body_bytes_max: int | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.coverage: Coverage | None = None
        self.evidence: Evidence | None = None
        self.usage: Usage | None = None
        self.usage_asked = False
        self.stream_guards: tuple[StreamGuard, ...] = ()
        self.facts: dict[Fact[Any], Any] = {}
        self.verdicts: list[Verdict] = []
        self.flagged: tuple[str, dict[str, str]] | None = None
        self.chain_state: Any = None

    def fact(self, fact: Fact[T]) -> T | None:
        """What an earlier plugin found out, or None."""
        return cast("T | None", self.facts.get(fact))

    def provide(self, fact: Fact[T], value: T) -> None:
        """Says something that later plugins may rely on; the plugin must list it in `provides`."""
        self.facts[fact] = value

    def flag(self, reason: str, **labels: str) -> None:
        """Marks this exchange without changing it: the verdict of the running hook becomes `flag`.

        `reason` and `labels` go to logs, metrics and receipts: codes, never text of the body.
        """
        self.flagged = (reason, labels)

    def take_flag(self) -> tuple[str, dict[str, str]] | None:
        """Hands over what `flag` left since the last call; for the chain's runner."""
        flag, self.flagged = self.flagged, None
        return flag

    def shadow(self) -> Exchange:
        """A copy whose edits go nowhere: what a plugin in shadow mode is shown."""
        twin = Exchange(
            self.id,
            self.request.copy(),
            client_ip=self.client_ip,
            dialect=self.dialect,
            route=self.route,
            upstream=self.upstream,
            policy=self.policy,
            policy_version=self.policy_version,
            started_at=self.started_at,
        )
        twin.response = self.response.copy() if self.response is not None else None
        twin.model = self.model
        twin.path, twin.peer = self.path, self.peer
        twin.body_bytes_max = self.body_bytes_max
        twin.bytes_in, twin.bytes_out = self.bytes_in, self.bytes_out
        twin.coverage = self.coverage
        twin.usage = self.usage
        twin.facts = dict(self.facts)
        twin.verdicts = list(self.verdicts)
        return twin

    def outcome(self) -> Outcome:
        """The heaviest enforced verdict so far."""
        outcomes = {verdict.outcome for verdict in self.verdicts if verdict.enforced}
        for outcome in (Outcome.DENY, Outcome.ERROR, Outcome.EDIT, Outcome.FLAG):
            if outcome in outcomes:
                return outcome
        return Outcome.ALLOW
