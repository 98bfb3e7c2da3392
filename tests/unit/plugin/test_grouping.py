"""Who shares a count, and that different groups never do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gateway.plugin import PRINCIPAL, Exchange, Principal
from gateway.plugin.grouping import Per, facts_of, tag_of, value_of
from gateway.plugin.testing import make_exchange


class Config(BaseModel):
    per: Per


def per(written: str) -> tuple[str, ...]:
    return Config.model_validate_json(f'{{"per": {written}}}', strict=True).per


def caller(
    tenant: str = "acme", subject: str = "ann", key_id: str = "", model: str = "", ip: str = "::1"
) -> Exchange:
    x = make_exchange(client_ip=ip, model=model)
    x.provide(PRINCIPAL, Principal(tenant, subject, "key", key_id))
    return x


def test_one_word_is_a_list_of_one() -> None:
    assert per('"key"') == ("key",)
    assert per('["tenant", "header:x-team"]') == ("tenant", "header:x-team")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('"keys"', '"keys" is nothing to count by; the words are ip, key'),
        ('"header:X-Team"', "in small letters"),
        ('"header:"', "nothing to count by"),
        ("[]", "name at least one word"),
        ('["ip", "ip"]', "stands twice"),
        ('["ip", "global"]', "global stands alone"),
    ],
)
def test_what_cannot_be_counted_by_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        per(written)


def test_only_words_of_identity_need_a_principal() -> None:
    assert facts_of(["ip", "model", "route", "upstream", "header:x", "global"]) == frozenset()
    for word in ("key", "user", "tenant"):
        assert facts_of(["ip", word]) == {PRINCIPAL}


def test_a_host_with_ipv6_is_counted_by_its_network_and_with_ipv4_by_its_address() -> None:
    """A host is usually given a whole /64, so that its single addresses mean nothing."""
    ip = value_of(["ip"])

    assert ip(make_exchange(client_ip="2001:db8::1")) == "2001:db8::/64"
    assert ip(make_exchange(client_ip="2001:db8::ffff:1")) == "2001:db8::/64"
    assert ip(make_exchange(client_ip="2001:db8:0:1::1")) == "2001:db8:0:1::/64"
    assert ip(make_exchange(client_ip="192.0.2.7")) == "192.0.2.7"
    assert ip(make_exchange(client_ip="::not an address")) == "::not an address"


def test_callers_without_a_virtual_key_are_told_apart_as_users() -> None:
    key = value_of(["key"])

    assert key(caller(key_id="k1")) == "k1"
    assert key(caller(subject="ann")) != key(caller(subject="bob"))
    assert key(caller(tenant="a")) != key(caller(tenant="b"))


def test_users_of_different_tenants_are_different_users() -> None:
    user = value_of(["user"])

    assert user(caller("acme", "ann")) != user(caller("umbrella", "ann"))


def test_a_model_is_the_same_in_any_case() -> None:
    model = value_of(["model"])

    assert model(make_exchange(model="GPT-4O")) == model(make_exchange(model="gpt-4o"))
    assert model(make_exchange(model=None)) == ""


def test_the_value_of_a_header_is_not_in_the_group() -> None:
    """It may be a credential, and groups are keys in a database that others can read."""
    team = value_of(["header:x-team"])

    value = team(make_exchange(headers={"X-Team": "secret-team"}))

    assert "secret" not in value
    assert value == team(make_exchange(headers={"x-team": "secret-team"}))
    assert value != team(make_exchange(headers={"x-team": "other"}))
    assert team(make_exchange()) == ""


def test_a_caller_that_is_not_known_shares_one_group() -> None:
    for word in ("key", "user", "tenant"):
        assert value_of([word])(make_exchange()) == value_of([word])(make_exchange(model="m"))


@pytest.mark.parametrize(
    ("groups", "tag"),
    [
        ([["key"], ["key", "model"]], "key/k1"),
        ([["user"], ["user", "model"]], "user/4:acmeann"),
        ([["key"], ["tenant"]], "tenant/acme"),
        ([["key"], ["ip"]], "policy/p"),
        ([["global"]], "policy/p"),
        ([], "policy/p"),
    ],
)
def test_counters_of_one_call_live_together_and_of_callers_apart(
    groups: list[list[str]], tag: str
) -> None:
    x = caller(key_id="k1")
    x.policy = "p"

    assert tag_of(groups)(x) == tag
    assert tag_of(groups, "shared")(x) == "name/shared"


def test_long_values_stand_as_digests() -> None:
    model = value_of(["model"])

    assert len(model(make_exchange(model="m" * 10_000))) < 40
    assert model(make_exchange(model="m" * 10_000)) != model(make_exchange(model="m" * 10_001))


@given(
    first=st.tuples(*[st.text(max_size=6)] * 3),
    second=st.tuples(*[st.text(max_size=6)] * 3),
    words=st.permutations(["user", "model", "route"]),
)
def test_different_callers_are_never_in_the_same_group(
    first: tuple[str, str, str], second: tuple[str, str, str], words: list[str]
) -> None:
    """Whatever the names hold: no separator can be smuggled in."""
    group = value_of(words)

    def of(parts: tuple[str, str, str]) -> str:
        tenant, subject, model = parts
        return group(caller(tenant, subject, model=model))

    same = (*first[:2], first[2].casefold()) == (*second[:2], second[2].casefold())

    assert (of(first) == of(second)) == same
