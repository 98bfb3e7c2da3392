"""Which policy is tried first, and which can never be reached."""

from __future__ import annotations

import pytest

from gateway.policy.condition import text_of
from gateway.policy.models import Match
from gateway.policy.order import in_order, unreachable
from tests.policies import compiled, policy


def ordered(*texts: str, profile: str | None = None) -> list[str]:
    return [p.file.name for p in in_order(compiled(*texts, profile=profile).policies)]


def test_narrow_policies_come_before_those_for_everything() -> None:
    assert ordered(
        policy(name="all"),
        policy(name="one", match="{paths: [/v1/a]}"),
        policy(name="two", match="{models: [gpt-*]}"),
    ) == ["one", "two", "all"]


def test_the_profile_comes_first_and_its_policy_for_everything_hides_the_others() -> None:
    texts = (
        policy(name="all"),
        policy(name="narrow", match="{paths: [/v1/a]}"),
        policy(name="strict_all", profile="strict"),
        policy(name="strict_narrow", profile="strict", match="{paths: [/v1/b]}"),
    )

    assert ordered(*texts) == ["narrow", "all"]
    assert ordered(*texts, profile="strict") == ["strict_narrow", "strict_all", "narrow", "all"]


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ("{routes: [openai]}", "{routes: [openai]}", True),
        ("{routes: [openai, vllm]}", "{routes: [openai]}", True),
        ("{routes: [openai]}", "{routes: [openai, vllm]}", False),
        ("{paths: ['/v1/*']}", "{paths: [/v1/chat, '/v1/files/*']}", True),
        ("{paths: ['/v1/*']}", "{paths: ['/v*']}", False),
        ("{paths: ['/v1/*']}", "{paths: ['/v1/*'], methods: [POST]}", True),
        ("{paths: ['/v1/*'], methods: [POST]}", "{paths: ['/v1/*']}", False),
        ("{headers: {X-A: '*'}}", "{headers: {x-a: '1'}}", True),
        ("{headers: {x-a: '1'}}", "{headers: {x-a: '2'}}", False),
        ("{headers: {x-a: '1'}}", "{routes: [openai]}", False),
        ("{models: ['gpt-*']}", "{models: [gpt-4]}", True),
    ],
)
def test_a_policy_is_hidden_where_an_earlier_one_takes_all_its_requests(
    first: str, second: str, hidden: bool
) -> None:
    policies = compiled(policy(name="a", match=first), policy(name="b", match=second)).policies

    pairs = [(p.file.name, e.file.name) for p, e in unreachable(in_order(policies))]

    assert pairs == ([("b", "a")] if hidden else [])


def test_that_a_profile_hides_the_others_is_no_fault() -> None:
    texts = (policy(name="all"), policy(name="strict", profile="strict"))

    assert unreachable(in_order(compiled(*texts, profile="strict").policies)) == []


def test_conditions_are_written_as_people_read_them() -> None:
    match = Match.model_validate(
        {"methods": ("post",), "models": ("a", "b"), "headers": {"x": "1"}}
    )

    assert text_of(match) == "methods POST, models a b, header x=1"
    assert text_of(Match.model_validate({"tenants": ("*",), "routes": ("*", "openai")})) == ""


def test_a_policy_for_one_tenant_is_hidden_by_one_for_more_of_them() -> None:
    texts = (
        policy("[{passport: {}}]", name="a", match="{tenants: ['acme*']}"),
        policy("[{passport: {}}]", name="b", match="{tenants: [acme-eu]}"),
        policy("[{passport: {}}]", name="c", match="{tenants: [globex]}"),
    )
    pairs = [
        (p.file.name, e.file.name) for p, e in unreachable(in_order(compiled(*texts).policies))
    ]

    assert pairs == [("b", "a")]
