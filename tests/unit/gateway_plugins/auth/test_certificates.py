"""Whose a certificate is, and what a proxy tells of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import ClientCertificate, Principal, Reason, Reject, Runtime
from gateway_plugins.auth.certificates import Certificates, read_forwarded
from gateway_plugins.auth.config import MtlsConfig
from tests.unit.gateway_plugins.auth.conftest import NOW_S, Administrator

CERTIFICATE = ClientCertificate(
    fingerprint="ab",
    uris=("spiffe://prod/ns/agents/sa/crawler",),
    dns_names=("Crawler.acme.internal",),
    emails=("ada@example.com",),
    common_names=("Ada Lovelace",),
)


def identified(runtime: Runtime, *rules: dict[str, Any], **changed: Any) -> Principal | Reject:
    config = MtlsConfig.model_validate({"rules": list(rules)})
    return Certificates(config, runtime).identify(replace(CERTIFICATE, **changed))


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"uri": "spiffe://prod/ns/agents/sa/crawler"}, True),
        ({"uri": "spiffe://prod/ns/*/sa/*"}, True),
        ({"uri": "spiffe://prod/*"}, False),
        ({"uri": "spiffe://prod/ns/*/crawler"}, False),
        ({"uri": "spiffe://PROD/ns/agents/sa/crawler"}, False),
        ({"uri": "spiffe://prod/ns/agents/sa/craw"}, False),
        ({"dns": "crawler.acme.internal"}, True),
        ({"dns": "*.acme.internal"}, True),
        ({"dns": "*.internal"}, False),
        ({"dns": "crawlerxacme.internal"}, False),
        ({"email": "*@example.com"}, True),
        ({"email": "ada@*"}, True),
        ({"email": "*"}, False),
        ({"common_name": "Ada *"}, True),
        ({"common_name": "ada lovelace"}, False),
    ],
)
def test_a_rule_fits_whole_parts_of_one_kind_of_name(
    rule: dict[str, str], fits: bool, runtime: Runtime
) -> None:
    assert isinstance(identified(runtime, rule), Principal if fits else Reject)


def test_the_first_rule_that_fits_counts(runtime: Runtime) -> None:
    found = identified(
        runtime,
        {"uri": "spiffe://other/*"},
        {"common_name": "Ada *", "tenant": "acme", "subject": "ada", "roles": ["user"]},
        {"email": "*@example.com", "tenant": "other"},
    )

    assert isinstance(found, Principal)
    assert (found.tenant, found.subject, found.roles) == ("acme", "ada", {"user"})


@pytest.mark.parametrize("name", ["ada@example.com\0@evil", "a" * 300 + "@example.com"])
def test_odd_names_fit_nothing(name: str, runtime: Runtime) -> None:
    assert isinstance(identified(runtime, {"email": "*@*"}, emails=(name,)), Reject)


def test_a_certificate_that_ended_during_the_connection_is_refused(runtime: Runtime) -> None:
    rule = {"email": "ada@example.com"}
    refused = identified(runtime, rule, not_after=NOW_S)

    assert isinstance(identified(runtime, rule, not_after=NOW_S + 1), Principal)
    assert isinstance(refused, Reject)
    assert refused.reason is Reason.CREDENTIAL_EXPIRED


async def test_an_administrator_may_revoke_and_bind(
    runtime: Runtime, administrator: Administrator
) -> None:
    config = MtlsConfig.model_validate({"rules": [{"email": "*@example.com"}]})
    certificates = Certificates(config, runtime)
    assert isinstance(certificates.identify(CERTIFICATE), Principal)
    administrator.revoke("subject", "ada@example.com")
    refused = certificates.identify(CERTIFICATE)

    assert isinstance(refused, Reject)
    assert refused.reason is Reason.CREDENTIAL_REVOKED


@pytest.mark.parametrize(
    ("told", "uris", "dns_names"),
    [
        ("URI=spiffe://a/b", ("spiffe://a/b",), ()),
        ("By=spiffe://gw;Hash=abc;URI=spiffe://a/b;DNS=x.y", ("spiffe://a/b",), ("x.y",)),
        ('Hash=abc;Subject="CN=ada,OU=\\"x\\"; y";URI=spiffe://a', ("spiffe://a",), ()),
        ("uri=spiffe://a;dns=p;dns=q", ("spiffe://a",), ("p", "q")),
        ("URI=spiffe://old,URI=spiffe://new", ("spiffe://new",), ()),
        ("URI=spiffe://old, URI=spiffe://new", ("spiffe://new",), ()),
        ('URI=spiffe://old,Hash=1;URI="spiffe://n;e=w"', ("spiffe://n;e=w",), ()),
        ('Subject="CN=ada,URI=spiffe://forged"', (), ()),
        ("URI=;Hash=1", (), ()),
    ],
)
def test_the_newest_element_is_what_the_proxy_saw(
    told: str, uris: tuple[str, ...], dns_names: tuple[str, ...]
) -> None:
    found = read_forwarded(told)

    assert found is not None
    assert (found.uris, found.dns_names, found.common_names) == (uris, dns_names, ())


@pytest.mark.parametrize(
    "told",
    [
        "",
        "spiffe://a",
        'URI="spiffe://a',
        'Subject="x,URI=spiffe://forged,Hash=1;URI=spiffe://a',
        "URI=a;",
        "URI=a,",
        "URI=a b=c;=",
        'URI="a"b',
        "URI=" + "x" * 20_000,
    ],
)
def test_what_breaks_its_grammar_tells_nothing(told: str) -> None:
    assert read_forwarded(told) is None


@given(st.text(alphabet='",;=\\ aURI', max_size=40))
def test_nothing_in_an_older_element_reaches_the_newest(older: str) -> None:
    """A client may have written it, where the proxies append."""
    found = read_forwarded(f"{older},Hash=1;URI=spiffe://new")

    assert found is None or found.uris == ("spiffe://new",)


def test_a_broken_field_is_refused(runtime: Runtime) -> None:
    config = MtlsConfig.model_validate({"rules": [{"uri": "*"}]})
    refused = Certificates(config, runtime).identify_forwarded('URI="')

    assert isinstance(refused, Reject)
    assert "cannot be read" in refused.message
