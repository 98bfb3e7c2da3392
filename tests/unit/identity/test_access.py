"""What roles come to: deny wins, and what is not known permits nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from gateway.identity.access import (
    COMBINATIONS_MAX,
    UNBOUNDED,
    Access,
    RoleBook,
    Situation,
    is_for,
    reads_body,
)
from gateway.identity.roles import BUILTIN_ROLES, Role
from gateway.settings import Dialect

NOBODY: frozenset[str] = frozenset()


def role(**written: Any) -> Role:
    return Role.model_validate(written)


def at(text: str, **known: Any) -> Situation:
    """A situation at a time such as `2026-03-02T09:30` (UTC; that day is a Monday)."""
    return Situation(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp(), **known)


NOW = Situation(0.0)


def test_nothing_is_allowed_that_no_role_allows() -> None:
    assert not Access([]).permits("chat.create", NOW)
    assert not Access([role(allow=["files.*"])]).permits("chat.create", NOW)


def test_deny_wins_over_the_allowance_of_any_role() -> None:
    access = Access([role(allow=["*"]), role(allow=["files.*"]), role(deny=["files.write"])])

    assert access.permits("files.read", NOW)
    assert not access.permits("files.write", NOW)


def test_a_model_after_the_colon_bounds_the_grant() -> None:
    access = Access([role(allow=["chat.create:gpt-4*", "embeddings.*"])])
    rule = access.rule("chat.create")

    answers = [rule.judge(Situation(0.0, model=model)) for model in ("gpt-4o", "o3", "", None)]
    assert answers == [True, False, False, None]
    assert access.permits("embeddings.create", NOW)


def test_a_denied_model_does_not_return_in_capitals() -> None:
    access = Access([role(allow=["*"], deny=["*:gpt-5*"])])

    assert not access.permits("chat.create", Situation(0.0, model="GPT-5-mini"))
    assert access.permits("chat.create", Situation(0.0, model="gpt-4"))
    assert not access.permits("chat.create", NOW)
    assert access.permits("files.read", NOW)


def test_an_allowed_model_is_meant_as_it_is_written() -> None:
    access = Access([role(allow=["chat.create:gpt-4"])])

    assert not access.permits("chat.create", Situation(0.0, model="GPT-4"))


def test_models_of_pattern_and_conditions_must_both_match() -> None:
    grant = {"permissions": ["chat.create:gpt-*"], "models": ["*-mini"]}
    access = Access([role(allow=[grant])])

    models = ("gpt-4-mini", "gpt-4", "o3-mini")
    assert [access.permits("chat.create", Situation(0.0, model=m)) for m in models] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("ip", "allowed", "denied"),
    [("10.1.2.3", True, True), ("192.0.2.1", False, False), (None, False, True)],
)
def test_networks_bound_an_allowance_and_an_address_not_known_is_outside_of_it(
    ip: str | None, allowed: bool, denied: bool
) -> None:
    """The other way round in a prohibition: it holds unless it is known not to apply."""
    inside = {"permissions": ["chat.*"], "networks": ["10.0.0.0/8"]}
    situation = Situation(0.0, address=ip_address(ip) if ip else None)

    assert Access([role(allow=[inside])]).permits("chat.create", situation) is allowed
    refuses = not Access([role(allow=["*"], deny=[inside])]).permits("chat.create", situation)
    assert refuses is denied


@pytest.mark.parametrize(
    ("written", "time", "expected"),
    [
        ({"hours": ["08:00-18:00"]}, "2026-03-02T08:00", True),
        ({"hours": ["08:00-18:00"]}, "2026-03-02T17:59", True),
        ({"hours": ["08:00-18:00"]}, "2026-03-02T18:00", False),
        ({"hours": ["08:00-24:00"]}, "2026-03-02T23:59", True),
        ({"hours": ["22:00-06:00"]}, "2026-03-02T23:00", True),
        ({"hours": ["22:00-06:00"]}, "2026-03-02T05:59", True),
        ({"hours": ["22:00-06:00"]}, "2026-03-02T06:00", False),
        ({"hours": ["06:00-07:00", "20:00-21:00"]}, "2026-03-02T20:30", True),
        ({"weekdays": ["mon"]}, "2026-03-02T12:00", True),
        ({"weekdays": ["tue", "sun"]}, "2026-03-02T12:00", False),
        # Saturday morning belongs to the night that began on Friday.
        ({"weekdays": ["fri"], "hours": ["22:00-06:00"]}, "2026-03-07T05:00", True),
        ({"weekdays": ["sat"], "hours": ["22:00-06:00"]}, "2026-03-07T05:00", False),
        ({"weekdays": ["sun"], "hours": ["22:00-06:00"]}, "2026-03-02T05:00", True),
        # Monday 23:30 UTC is Tuesday in Berlin, in winter and in summer time.
        ({"weekdays": ["tue"], "timezone": "Europe/Berlin"}, "2026-03-02T23:30", True),
        ({"hours": ["09:00-10:00"], "timezone": "Europe/Berlin"}, "2026-03-02T08:30", True),
        ({"hours": ["09:00-10:00"], "timezone": "Europe/Berlin"}, "2026-07-06T07:30", True),
    ],
)
def test_days_and_hours_are_those_of_the_time_zone(
    written: dict[str, Any], time: str, expected: bool
) -> None:
    access = Access([role(allow=[{"permissions": ["chat.*"], **written}])])

    assert access.permits("chat.create", at(time)) is expected


def test_dialects_and_routes_bound_a_grant() -> None:
    grant = {"permissions": ["chat.*"], "dialects": ["openai"], "routes": ["team-*"]}
    access = Access([role(allow=[grant])])

    def permits(dialect: Dialect, route: str) -> bool:
        return access.permits("chat.create", Situation(0.0, dialect=dialect, route=route))

    assert permits(Dialect.OPENAI, "team-a")
    assert not permits(Dialect.OPENAI, "openai")
    assert not permits(Dialect.GEMINI, "team-a")


def test_a_bound_of_tokens_covers_only_what_generates_text() -> None:
    access = Access([role(allow=[{"permissions": ["*"], "output_tokens_max": 100}])])

    def permits(name: str, tokens: int | None) -> bool:
        return access.permits(name, Situation(0.0, output_tokens=tokens))

    assert permits("chat.create", 100)
    assert not permits("chat.create", 101)
    assert not permits("chat.create", UNBOUNDED)
    assert not permits("chat.create", None)
    assert not permits("images.create", 1)


def test_a_bound_of_cost_covers_only_what_names_a_model() -> None:
    access = Access([role(allow=[{"permissions": ["*"], "cost_max": "0.50"}])])

    def permits(name: str, cost: int | None, currency: str = "USD") -> bool:
        return access.permits(name, Situation(0.0, cost=cost, currency=currency))

    assert permits("chat.create", 500_000)
    assert permits("embeddings.create", 1)
    assert not permits("chat.create", 500_001)
    assert not permits("chat.create", None)
    assert not permits("chat.create", 1, "EUR")
    assert not permits("files.read", 0)


def test_scopes_bound_what_roles_allow_and_add_nothing() -> None:
    everything = role(allow=["*"])

    assert not Access([everything], ["chat.*"]).permits("files.read", NOW)
    assert Access([everything], ["chat.*"]).permits("chat.read", NOW)
    assert not Access([role(allow=["files.*"])], ["chat.*"]).permits("chat.read", NOW)
    assert not Access([everything], ["openid", "profile"]).permits("chat.read", NOW)
    bounded = Access([everything], ["chat.create:gpt-4*", "email"])
    assert bounded.permits("chat.create", Situation(0.0, model="gpt-4o"))
    assert not bounded.permits("chat.create", Situation(0.0, model="o3"))


def test_rules_without_conditions_are_settled_when_compiled() -> None:
    access = Access([role(allow=["chat.*", "images.*:dall-e*"], deny=["chat.write"])])

    assert access.rule("chat.create").always is True
    assert access.rule("chat.write").always is False
    assert access.rule("files.read").always is False
    assert access.rule("images.create").always is None
    assert access.rule("images.create").reads_body


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"allow": ["*"]}, False),
        ({"allow": ["chat.create:gpt-4"]}, True),
        ({"allow": ["chat.create:*"]}, False),
        ({"allow": ["*"], "deny": ["chat.create:gpt-5"]}, True),
        ({"deny": ["chat.create:gpt-5"]}, True),
        ({"allow": [{"permissions": ["*"], "output_tokens_max": 5}]}, True),
        ({"allow": [{"permissions": ["*"], "cost_max": "1"}]}, True),
        ({"allow": [{"permissions": ["*"], "networks": ["10.0.0.0/8"]}]}, False),
    ],
)
def test_a_role_tells_whether_it_reads_bodies(written: dict[str, Any], expected: bool) -> None:
    assert reads_body(role(**written)) is expected


def test_a_role_of_certain_tenants_means_nothing_to_the_others() -> None:
    book = RoleBook({"ops": role(allow=["*"], tenants=["acme", "acme-*"])})
    names = frozenset({"ops"})

    assert book.access(names, NOBODY, "acme-eu").permits("chat.create", NOW)
    assert not book.access(names, NOBODY, "globex").permits("chat.create", NOW)
    assert is_for(role(allow=["*"]), "anybody")


def test_roles_that_do_not_exist_add_nothing_and_those_that_are_broken_take_everything() -> None:
    book = RoleBook(BUILTIN_ROLES, broken=["odd"])

    assert book.access(frozenset({"user", "ghost"})).permits("chat.create", NOW)
    assert not book.access(frozenset({"ghost"})).permits("models.list", NOW)
    assert not book.access(frozenset({"admin", "odd"})).permits("models.list", NOW)


def test_a_combination_is_compiled_once_and_the_memory_is_bounded() -> None:
    book = RoleBook(BUILTIN_ROLES)
    names = frozenset({"user"})
    first = book.access(names)

    assert book.access(names) is first
    book._known = {(NOBODY, NOBODY, str(i)): first for i in range(COMBINATIONS_MAX)}
    book.access(names)
    assert len(book._known) == 1


def test_nobody_can_hand_out_more_than_they_have() -> None:
    book = RoleBook({**BUILTIN_ROLES, "gpt": role(allow=["chat.create:gpt-4*"])})
    mine, narrow = book.access(frozenset({"developer"})), book.access(frozenset({"gpt"}))

    assert narrow.missing_from(mine) == ()
    assert mine.missing_from(mine) == ()
    assert book.access(frozenset({"tenant_admin"})).missing_from(mine)[0] == "admin.keys.read"
    # What is bounded cannot be handed out: conditions are not compared.
    assert narrow.missing_from(narrow) == ("chat.create",)
