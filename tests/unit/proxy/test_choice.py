"""The policy of an exchange, where body and caller have to be asked first."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import RequestView
from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import RawHeader
from gateway.plugin.testing import make_headers
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.routes import NeedsModel
from gateway.policy.snapshot import Binding, Identify
from gateway.proxy.choice import choose, locate
from gateway.reasons import Reason
from gateway.settings import Dialect
from tests.policies import compiled, policy

AUTH = "{passport: {}}"


class Waiting:
    """One exchange's life, up to the choice; notes the order of what it is asked."""

    def __init__(self, target: str, model: str | Reject = "", **headers: str) -> None:
        self.x = Exchange("1", RequestView("POST", target, make_headers(headers)))
        self.received: list[RawHeader] | None = None
        self.steps: list[str] = []
        self._model = model

    async def read_model(self) -> str | Reject:
        self.steps.append("model")
        return self._model

    def bind(self, binding: Binding) -> None:
        self.steps.append(f"bind {binding.policy_name}".strip())
        locate(self.x, binding.route)


async def chosen(life: Waiting, *texts: str, **settings: Any) -> Binding | Reject | Reply:
    snapshot = compiled(*texts, **settings).snapshot
    found = snapshot.resolve(life.x.request, None)
    assert isinstance(found, NeedsModel | Identify)
    return await choose(life, snapshot, found)


ACME = policy(f"[{AUTH}]", name="acme", match="{tenants: [acme]}")
GLOBEX = policy(f"[{AUTH}]", name="globex", match="{tenants: [globex]}")


async def test_the_tenant_of_the_credential_chooses() -> None:
    life = Waiting("/openai/v1/x", **{"x-passport": "globex ann"})
    binding = await chosen(life, ACME, GLOBEX)

    assert isinstance(binding, Binding)
    assert binding.policy_name == "globex"
    assert life.steps == ["bind"]
    assert [(v.plugin, v.hook) for v in life.x.verdicts] == [("passport", "on_request_headers")]


@pytest.mark.parametrize("claim", ["x-tenant", "x-sealgate-tenant", "tenant", "x-tenant-id"])
async def test_what_a_client_says_of_its_tenant_is_no_tenant(claim: str) -> None:
    life = Waiting("/openai/v1/x?tenant=globex", **{"x-passport": "acme ann", claim: "globex"})
    binding = await chosen(life, ACME, GLOBEX)

    assert isinstance(binding, Binding)
    assert binding.policy_name == "acme"


async def test_a_caller_without_a_credential_is_refused_before_any_policy() -> None:
    life = Waiting("/openai/v1/x")
    answer = await chosen(life, ACME, GLOBEX)

    assert answer == Reject(Reason.CREDENTIAL_MISSING)
    assert life.steps == ["bind"]


async def test_a_tenant_that_no_policy_is_for_is_refused() -> None:
    life = Waiting("/openai/v1/x", **{"x-passport": "initech ann"})

    assert await chosen(life, ACME, GLOBEX) == Reject(Reason.NO_POLICY)


async def test_the_caller_is_asked_before_the_body_is_held() -> None:
    by_model = policy(f"[{AUTH}]", name="gpt", match="{tenants: [acme], models: ['gpt-*']}")
    refused = Waiting("/openai/v1/x", "gpt-4")
    life = Waiting("/openai/v1/x", "gpt-4", **{"x-passport": "acme ann"})

    assert await chosen(refused, by_model) == Reject(Reason.CREDENTIAL_MISSING)
    assert refused.steps == ["bind"]
    binding = await chosen(life, by_model)
    assert isinstance(binding, Binding)
    assert life.steps == ["bind", "model"]


async def test_a_body_that_hides_its_model_is_refused_for_a_known_caller_too() -> None:
    by_model = policy(f"[{AUTH}]", match="{tenants: [acme], models: ['gpt-*']}")
    hidden = Reject(Reason.UNINSPECTABLE)
    life = Waiting("/openai/v1/x", hidden, **{"x-passport": "acme ann"})

    assert await chosen(life, by_model) is hidden


async def test_a_route_by_model_is_found_first_and_then_the_caller_is_asked() -> None:
    routes = [{"name": "big", "match": {"models": ["big-*"]}, "upstream": "demo"}]
    life = Waiting("/v1/chat/completions", "big-1", **{"x-passport": "acme ann"})
    binding = await chosen(life, ACME, routes=routes)

    assert isinstance(binding, Binding)
    assert binding.route.name == "big"
    assert life.steps == ["model", "bind"]


async def test_the_route_stays_when_auth_takes_off_the_header_that_told_it() -> None:
    """`x-goog-api-key` makes a bare path Gemini's, and is a place where a gateway key comes in."""
    made = compiled(ACME)
    life = Waiting("/v1/models", **{"x-passport": "acme ann", "x-goog-api-key": "k"})
    found = made.snapshot.resolve(life.x.request, None)
    assert isinstance(found, Identify)
    life.x.request.headers.remove("x-goog-api-key")
    binding = await choose(life, made.snapshot, found)

    assert isinstance(binding, Binding)
    assert binding.route.name == "gemini"


async def test_what_came_is_kept_for_envoy_where_only_the_policy_answers() -> None:
    routes = [{"name": "authz", "match": {"path_prefix": "/"}, "ext_authz": True}]
    life = Waiting("/v1/x", **{"x-passport": "acme ann"})
    await chosen(life, ACME, routes=routes)

    assert life.received == [(b"x-passport", b"acme ann")]
    assert life.x.request.headers.raw == []


def test_an_exchange_is_located_by_its_route() -> None:
    route = compiled(policy()).snapshot.entries()[0].route
    x = Exchange("1", RequestView("GET", "/openai/v1/models?model=gpt-4", make_headers({})))
    locate(x, route)

    assert (x.route, x.upstream, x.dialect) == ("openai", "openai", Dialect.OPENAI)
    assert (x.path, x.model) == ("/v1/models", "gpt-4")
