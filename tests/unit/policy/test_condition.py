"""`when`, as the runner asks it."""

from __future__ import annotations

import pytest

from gateway.chain.matching import Conditions, Matcher
from gateway.plugin import PRINCIPAL, TRUST_STANDING, Principal
from gateway.plugin.testing import make_exchange
from gateway.policy.condition import Condition
from gateway.policy.models import When
from gateway.policy.routes import Route
from gateway.settings import Dialect


@pytest.mark.parametrize(
    ("target", "model", "expected"),
    [
        ("/openai/v1/chat", "gpt-4", True),
        ("/openai/v1/chat", "o3", False),
        ("/openai/v1/chat", None, False),
        ("/openai/v1/files", "gpt-4", False),
    ],
)
def test_path_and_model_are_those_of_the_exchange(
    target: str, model: str | None, expected: bool
) -> None:
    when = When(paths=("/v1/chat",), models=("gpt-*",))
    route = Route("openai", "openai", Dialect.OPENAI, strip_prefix="/openai")
    condition = Condition(Matcher(Conditions(paths=when.paths, models=when.models)), route, when)

    assert condition(make_exchange(target=target, model=model)) is expected
    assert str(condition) == "paths /v1/chat, models gpt-*"


@pytest.mark.parametrize(
    ("written", "caller", "expected"),
    [
        ({"tenants": ("acme",)}, ("acme", "ann"), True),
        ({"tenants": ("acme",)}, ("globex", "ann"), False),
        ({"tenants": ("acme",)}, None, False),
        ({"subjects": ("*@acme.example",)}, ("acme", "ann@acme.example"), True),
        ({"subjects": ("bob",)}, ("acme", "ann"), False),
        ({"roles": ("admin", "ops-*")}, ("acme", "ann", "user", "ops-eu"), True),
        ({"roles": ("admin",)}, ("acme", "ann", "user"), False),
        ({"roles": ("admin",)}, ("acme", "ann"), False),
        ({"roles": ("*",)}, None, True),
        ({"tenants": ("acme",), "roles": ("admin",)}, ("acme", "ann", "user"), False),
    ],
)
def test_who_is_calling_is_what_the_credential_said(
    written: dict[str, tuple[str, ...]], caller: tuple[str, ...] | None, expected: bool
) -> None:
    when = When(**written)
    condition = Condition(Matcher(Conditions()), Route("openai", "", Dialect.OPENAI), when)
    x = make_exchange(headers={"x-tenant": "acme", "x-roles": "admin"})
    if caller is not None:
        tenant, subject, *roles = caller
        x.provide(PRINCIPAL, Principal(tenant, subject, "key", roles=frozenset(roles)))

    assert condition(x) is expected


@pytest.mark.parametrize(
    ("written", "standing", "expected"),
    [
        ({"min_trust": 60}, 60, True),
        ({"min_trust": 60}, 59, False),
        ({"min_trust": 60}, None, False),
        ({"min_trust": 0}, None, False),
        ({"max_trust": 40}, 40, True),
        ({"max_trust": 40}, 41, False),
        ({"max_trust": 40}, None, True),
        ({"min_trust": 20, "max_trust": 40}, 30, True),
        ({"min_trust": 20, "max_trust": 40}, 50, False),
    ],
)
def test_trust_is_the_rolling_score_of_the_caller(
    written: dict[str, int], standing: int | None, expected: bool
) -> None:
    """Nothing known is no trust: it earns nothing, and is spared nothing."""
    when = When.model_validate(written)
    condition = Condition(Matcher(Conditions()), Route("openai", "", Dialect.OPENAI), when)
    x = make_exchange()
    if standing is not None:
        x.provide(TRUST_STANDING, standing)

    assert condition(x) is expected
    assert str(condition) == ", ".join(f"{name} {value}" for name, value in written.items())
