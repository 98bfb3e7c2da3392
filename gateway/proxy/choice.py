"""Which policy serves an exchange, where that is more than a question of route and head.

The choice may hang on the model in the body, on who is calling, or on both. Who is calling is asked
first where that is possible: a body is not held for a caller who is refused anyway.
"""

from __future__ import annotations

from typing import Protocol

from gateway.chain.runner import run
from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import RawHeader
from gateway.plugin.identity import PRINCIPAL
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.routes import NeedsModel, Route
from gateway.policy.snapshot import Binding, Identify, Resolution, Snapshot
from gateway.providers.recognise import model_from_path, recognise_dialect
from gateway.proxy.answer import settle
from gateway.settings import Dialect


class Undecided(Protocol):
    """What the choice asks of an exchange's life."""

    x: Exchange
    received: list[RawHeader] | None

    async def read_model(self) -> str | Reject: ...
    def bind(self, binding: Binding) -> None: ...


async def choose(
    life: Undecided, snapshot: Snapshot, found: NeedsModel | Identify
) -> Binding | Reject | Reply:
    """Finds out what is missing until one policy is left, or says what is answered instead.

    Raises BodyError where the body that names the model cannot be had.
    """
    x = life.x
    model: str | None = None
    identified: Identify | None = None
    tenant: str | None = None
    while True:
        if isinstance(found, NeedsModel):
            named = await life.read_model()
            if isinstance(named, Reject):
                return named
            model = named
        else:
            identified = found
            answer = await _identify(life, found.binding)
            if answer is not None:
                return answer
            principal = x.facts.get(PRINCIPAL)
            tenant = None if principal is None else principal.tenant
        further: Resolution
        if identified is None:
            further = snapshot.resolve(x.request, model)
        else:
            # The route stays as it was: auth may have taken off the header that told it.
            further = identified.choose(x.request, model, tenant)
        if isinstance(further, (Binding, Reject)):
            return further
        found = further


async def _identify(life: Undecided, head: Binding) -> Reject | Reply | None:
    """Runs the steps that all policies of the route begin with, up to the one that tells who."""
    life.bind(head)
    if not head.route.upstream:
        life.received = list(life.x.request.headers.raw)
    return await settle(run(head.chain.request_headers, life.x))


def locate(x: Exchange, route: Route) -> None:
    """Notes the way of an exchange, of a refused one too: route, dialect, and model if it shows."""
    x.route, x.upstream, x.dialect = route.name, route.upstream, route.dialect
    path = x.request.path
    if route.strip_prefix:
        path = x.path = route.forwarded_path(path)
    if x.dialect is Dialect.UNKNOWN:
        x.dialect = recognise_dialect(path, x.request.query, x.request.headers)
    if x.model is None:
        # A query counts only where there is no body that could say something else.
        query = x.request.query if x.request.method == "GET" else None
        x.model = model_from_path(x.dialect, path, query)
