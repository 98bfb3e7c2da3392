"""What claims come to, and what an issuer may not say."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.identity.claims import ClaimError, ClaimMapping, claim_at, number_at
from gateway.issuers import IssuerSettings
from gateway.plugin.identity import Principal


def mapped(told: dict[str, Any], **settings: Any) -> Principal:
    written = {"issuer": "https://id", "audience": "x", **settings}
    mapping = ClaimMapping(IssuerSettings.model_validate(written))
    return mapping.principal({"sub": "ada", **told}, 10.0)


def test_without_a_word_everybody_is_of_the_one_tenant() -> None:
    found = mapped({"tenant": "acme", "roles": ["admin"], "scope": "all"})

    assert (found.tenant, found.subject, found.roles) == ("default", "ada", frozenset())
    assert (found.scopes, found.claims) == (frozenset(), {})


def test_an_issuer_may_be_for_one_tenant() -> None:
    assert mapped({"tenant": "other"}, tenant="acme").tenant == "acme"


@pytest.mark.parametrize(
    ("claimed", "tenants", "admitted"),
    [
        ("acme", ["acme"], True),
        ("acme", ["acme", "beta"], True),
        ("acme", ["*"], True),
        ("acme-eu", ["acme-*"], True),
        ("beta", ["acme"], False),
        ("acme", ["acme-*"], False),
        ("ACME", ["acme"], False),
        ("acme ", ["acme"], False),
    ],
)
def test_an_issuer_speaks_only_for_its_tenants(
    claimed: str, tenants: list[str], admitted: bool
) -> None:
    if admitted:
        assert mapped({"org": claimed}, tenant_from="org", tenants=tenants).tenant == claimed
    else:
        with pytest.raises(ClaimError, match="may not speak for"):
            mapped({"org": claimed}, tenant_from="org", tenants=tenants)


@pytest.mark.parametrize("claimed", [None, "", 1, ["acme"], {"id": "acme"}, "a\0", "x" * 300])
def test_a_tenant_must_be_a_name(claimed: Any) -> None:
    with pytest.raises(ClaimError, match="`org` is missing or is not a name"):
        mapped({"org": claimed}, tenant_from="org", tenants=["*"])


def test_roles_come_from_lists_and_texts_at_any_depth() -> None:
    found = mapped(
        {"realm_access": {"roles": ["a", "b"]}, "https://x.example/roles": ["c"], "groups": "d e"},
        roles_from=["realm_access.roles", "https://x.example/roles", "groups", "missing"],
        roles=["all"],
    )

    assert found.roles == {"a", "b", "c", "d", "e", "all"}


def test_with_a_map_only_what_it_names_counts() -> None:
    found = mapped(
        {"groups": ["LLM-Admins", "LLM-Users", "Everyone", "admin"]},
        roles_from="groups",
        role_map={"LLM-Admins": ["admin", "user"], "LLM-Users": "user"},
    )

    assert found.roles == {"admin", "user"}


@pytest.mark.parametrize("value", [1, {"a": 1}, [1, None, {"x": 1}, "a\0b", ""], None, True])
def test_what_is_no_list_of_names_gives_no_roles(value: Any) -> None:
    assert mapped({"roles": value}, roles_from="roles").roles == frozenset()


def test_scopes_are_read_where_the_settings_say_so() -> None:
    assert mapped({"scope": "a b"}, scopes_from="scope").scopes == {"a", "b"}
    assert mapped({"scp": ["a", "b"]}, scopes_from="scp").scopes == {"a", "b"}


def test_only_named_claims_are_kept() -> None:
    found = mapped({"dept": "r", "email": "a@b", "x": {"y": 1}}, claims=["dept", "x.y", "none"])

    assert found.claims == {"dept": "r", "x.y": 1}


def test_the_user_may_be_named_by_another_claim_and_with_a_prefix() -> None:
    found = mapped({"email": "a@b"}, subject_from="email", subject_prefix="okta:")

    assert found.subject == "okta:a@b"


def test_a_name_with_dots_is_taken_as_it_stands_first() -> None:
    assert claim_at({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert claim_at({"a": {"b": 2}}, "a.b") == 2
    assert claim_at({"a": "b"}, "a.b") is None


@pytest.mark.parametrize("value", [0, 1, 1.5, 2**53 - 1])
def test_a_time_is_a_number(value: float) -> None:
    assert number_at({"exp": value}, "exp") == value


@pytest.mark.parametrize("value", [None, True, "1", [1], -1, 2**53, 1e300])
def test_what_is_no_time_is_an_error(value: Any) -> None:
    with pytest.raises(ClaimError):
        number_at({"exp": value}, "exp")
