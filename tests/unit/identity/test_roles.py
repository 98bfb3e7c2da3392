"""Roles as they are written, and the built-in ones."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.identity.access import RoleBook, Situation
from gateway.identity.permissions import ACROSS_TENANTS, CATALOGUE
from gateway.identity.roles import BUILTIN_ROLES, Role

NOW = Situation(0.0, model="gpt-4")
BOOK = RoleBook(BUILTIN_ROLES)


def allowed(role: str) -> set[str]:
    access = BOOK.access(frozenset({role}))
    return {p.name for p in CATALOGUE if access.permits(p.name, NOW)}


def test_the_built_in_roles_allow_what_their_page_says() -> None:
    everything = {p.name for p in CATALOGUE}
    data = {p.name for p in CATALOGUE if not p.admin}

    assert allowed("viewer") == {"models.list"}
    assert allowed("viewer") < allowed("user") < allowed("developer") < data
    assert data - allowed("developer") == {
        "models.write",
        "fine_tuning.write",
        "organization.read",
        "organization.write",
        "other",
    }
    assert allowed("admin") == everything


def test_roles_that_administer_call_no_model_and_the_others_administer_nothing() -> None:
    for role in ("tenant_admin", "security_admin", "auditor"):
        assert all(name.startswith("admin.") for name in allowed(role))
    for role in ("viewer", "user", "developer"):
        assert not any(name.startswith("admin.") for name in allowed(role))


def test_a_tenant_admin_stays_in_one_tenant_and_issues_no_token() -> None:
    mine = allowed("tenant_admin")

    assert ACROSS_TENANTS not in mine
    assert {"admin.keys.write", "admin.revocations.write"} <= mine
    assert not {"admin.tokens.write", "admin.roles.write", "admin.tenants.write"} & mine


def test_an_auditor_changes_nothing() -> None:
    assert not any(name.endswith(".write") for name in allowed("auditor"))


def test_no_built_in_role_denies_so_that_each_can_be_added_to_any_other() -> None:
    assert not any(role.deny for role in BUILTIN_ROLES.values())


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"allow": ["chat.creat"]}, 'did you mean "chat.create"?'),
        ({}, "neither allows nor denies"),
        ({"allow": [{"permissions": []}]}, "at least 1"),
        ({"allow": [{"permissions": ["*"], "hours": ["8-18"]}]}, "08:00-18:00"),
        ({"allow": [{"permissions": ["*"], "hours": ["08:00-08:00"]}]}, "no span of time"),
        ({"allow": [{"permissions": ["*"], "hours": ["24:00-08:00"]}]}, "no span of time"),
        ({"allow": [{"permissions": ["*"], "weekdays": ["monday"]}]}, "'mon'"),
        ({"allow": [{"permissions": ["*"], "timezone": "Mars/Olympus"}]}, "Europe/Berlin"),
        ({"allow": [{"permissions": ["*"], "timezone": "../../etc/passwd"}]}, "not known here"),
        ({"allow": [{"permissions": ["*"], "networks": ["10.0.0.1/8"]}]}, "host bits"),
        ({"allow": [{"permissions": ["*"], "output_tokens_max": 0}]}, "greater than"),
        ({"deny": [{"permissions": ["*"], "output_tokens_max": 9}]}, "Extra inputs"),
        ({"allow": [{"permissions": ["*"], "cost_max": 0.5}]}, 'as a text: "0.5"'),
        ({"allow": [{"permissions": ["*"], "cost_max": "0"}]}, "between 0.000001"),
        ({"allow": [{"permissions": ["*"], "cost_max": "a few"}]}, "is no amount"),
        ({"allow": [{"permissions": ["*"], "cost_max": "1", "currency": "$"}]}, "three capital"),
        ({"deny": [{"permissions": ["*"], "cost_max": "1"}]}, "Extra inputs"),
        ({"allow": ["*"], "grants": []}, "Extra inputs"),
    ],
)
def test_a_role_that_cannot_be_meant_is_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Role.model_validate(written)

    assert said in str(caught.value)


def test_a_role_survives_being_stored() -> None:
    role = Role.model_validate(
        {"allow": ["*", {"permissions": ["chat.*"], "hours": ["08:00-24:00"]}], "deny": ["files.*"]}
    )

    assert Role.model_validate_json(role.model_dump_json(exclude_defaults=True)) == role
