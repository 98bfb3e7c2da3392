"""What a trusted proxy may say of its callers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Principal, Reject, Runtime
from gateway.plugin.testing import make_headers
from gateway_plugins.auth.config import HeaderConfig
from gateway_plugins.auth.mesh import NamedByProxy
from tests.unit.gateway_plugins.auth.conftest import Administrator

FULL = {
    "subject": "x-user",
    "tenant_header": "x-tenant",
    "tenants": ["acme", "beta-*"],
    "roles_header": "x-groups",
    "roles": ["mesh"],
}


def told(
    runtime: Runtime, fields: list[tuple[str, str]], **config: Any
) -> Principal | Reject | None:
    named = NamedByProxy(HeaderConfig.model_validate(config or FULL), runtime)
    return named.identify(make_headers(fields))


def test_user_tenant_and_roles_are_read(runtime: Runtime) -> None:
    fields = [("X-User", "ada"), ("X-Tenant", "acme"), ("X-Groups", "a, b"), ("X-Groups", ",c")]
    found = told(runtime, fields)

    assert isinstance(found, Principal)
    assert (found.tenant, found.subject, found.method) == ("acme", "ada", "header")
    assert found.roles == {"mesh", "a", "b", "c"}


def test_silence_is_no_answer(runtime: Runtime) -> None:
    assert told(runtime, [("x-tenant", "acme")]) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("x-user", "ada")], "name no tenant"),
        ([("x-user", "ada"), ("x-tenant", "")], "name no tenant"),
        ([("x-user", "ada"), ("x-tenant", "other")], "may not speak for"),
        ([("x-user", "ada"), ("x-user", "root"), ("x-tenant", "acme")], "twice"),
        ([("x-user", "ada"), ("x-tenant", "acme"), ("x-tenant", "beta-1")], "twice"),
        ([("x-user", ""), ("x-tenant", "acme")], "not a name"),
        ([("x-user", "a" * 300), ("x-tenant", "acme")], "not a name"),
        ([("x-user", "a\x85b"), ("x-tenant", "acme")], "not a name"),
    ],
)
def test_what_cannot_be_is_refused(
    fields: list[tuple[str, str]], said: str, runtime: Runtime
) -> None:
    found = told(runtime, fields)

    assert isinstance(found, Reject)
    assert said in found.message


@pytest.mark.parametrize(("tenant", "found"), [(None, "default"), ("acme", "acme")])
def test_all_may_be_of_one_tenant(tenant: str | None, found: str, runtime: Runtime) -> None:
    principal = told(runtime, [("x-user", "ada")], subject="x-user", tenant=tenant)

    assert isinstance(principal, Principal)
    assert principal.tenant == found


async def test_a_caller_is_made_once_and_forgotten_with_a_revocation(
    runtime: Runtime, administrator: Administrator
) -> None:
    named = NamedByProxy(HeaderConfig(subject="x-user"), runtime)
    headers = make_headers({"x-user": "ada"})
    assert named.identify(headers) is named.identify(headers)
    administrator.revoke("subject", "ada")

    assert isinstance(named.identify(headers), Reject)
