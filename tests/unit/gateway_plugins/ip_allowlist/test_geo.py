"""Who passes by country and autonomous system, and what holds where a database cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.plugin import ASN, COUNTRY, Reason, Reject
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.ip_allowlist import IpAllowlist
from tests.location_databases import write_countries, write_database, write_systems

DE, KP, NOWHERE = "192.0.2.1", "203.0.113.1", "198.51.100.1"
DE_V6 = "2001:db8:de::1"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    countries, systems = tmp_path / "countries.mmdb", tmp_path / "systems.mmdb"
    write_countries(
        countries, {"192.0.2.0/24": "DE", "203.0.113.0/24": "KP", "2001:db8:de::/48": "DE"}
    )
    write_systems(systems, {"192.0.2.0/24": 64496, "203.0.113.0/24": 64511})
    return {"database": str(countries), "asn_database": str(systems)}


@pytest.mark.parametrize(
    ("rules", "passing"),
    [
        ({"deny_countries": ["KP"]}, {DE, DE_V6, NOWHERE}),
        ({"deny_countries": ["KP"], "on_unknown": "deny"}, {DE}),
        ({"allow_countries": ["DE"]}, {DE, DE_V6}),
        ({"allow_countries": ["DE"], "on_unknown": "allow"}, {DE, DE_V6, NOWHERE}),
        ({"allow_countries": ["DE", "KP"], "deny_countries": ["KP"]}, {DE, DE_V6}),
        ({"deny_asns": [64511]}, {DE, DE_V6, NOWHERE}),
        ({"allow_asns": [64511]}, {KP}),
        ({"allow_asns": [64496], "deny_asns": [64496]}, set()),
        ({"allow_countries": ["DE"], "allow_asns": [64511]}, set()),
        ({"allow_countries": ["DE"], "deny_asns": [64511]}, {DE, DE_V6}),
        ({}, {DE, DE_V6, KP, NOWHERE}),
    ],
)
async def test_all_rules_must_hold(
    files: dict[str, str], rules: dict[str, Any], passing: set[str]
) -> None:
    """With `on_unknown: deny`, both databases have to know the address."""
    answers = {}
    async with running(IpAllowlist, {"geo": {**files, **rules}}) as plugin:
        for client in (DE, DE_V6, KP, NOWHERE):
            answers[client] = (await play(plugin, make_exchange(client_ip=client))).answer

    refused = {a.reason for a in answers.values() if isinstance(a, Reject)}
    assert {client for client, answer in answers.items() if answer is None} == passing
    assert refused <= {Reason.GEO_DENIED}


async def test_networks_and_places_must_both_hold(files: dict[str, str]) -> None:
    config = {"allow": ["192.0.2.0/25", KP], "geo": {**files, "allow_countries": ["DE"]}}
    async with running(IpAllowlist, config) as plugin:
        answers = [
            (await play(plugin, make_exchange(client_ip=ip))).answer
            for ip in (DE, "192.0.2.200", KP)
        ]

    assert [a and a.reason for a in answers if not hasattr(a, "body")] == [
        None,
        Reason.IP_DENIED,
        Reason.GEO_DENIED,
    ]


async def test_later_plugins_learn_country_and_system(files: dict[str, str]) -> None:
    async with running(IpAllowlist, {"geo": files}) as plugin:
        known, unknown = make_exchange(client_ip=DE), make_exchange(client_ip=NOWHERE)
        for x in (known, unknown, known):
            await play(plugin, x)

        assert plugin.provides == {COUNTRY, ASN}
    assert (known.fact(COUNTRY), known.fact(ASN)) == ("DE", 64496)
    assert (unknown.fact(COUNTRY), unknown.fact(ASN)) == (None, None)


async def test_only_the_facts_of_the_given_databases_are_promised(files: dict[str, str]) -> None:
    for key, fact in (("database", COUNTRY), ("asn_database", ASN)):
        async with running(IpAllowlist, {"geo": {key: files[key]}}) as plugin:
            assert plugin.provides == {fact}


async def test_a_country_is_where_the_address_is_used(tmp_path: Path) -> None:
    """`registered_country` says where the owner of the network sits, which is no location."""
    path = tmp_path / "countries.mmdb"
    record = {"registered_country": {"iso_code": "DE"}}
    write_database(path, "GeoLite2-Country", {"192.0.2.0/24": record})
    geo = {"database": str(path), "allow_countries": ["DE"]}

    async with running(IpAllowlist, {"geo": geo}) as plugin:
        assert (await play(plugin, make_exchange(client_ip=DE))).answer is not None


@pytest.mark.parametrize(
    "record",
    [{"country": "DE"}, {"country": {"iso_code": 5}}, {"country": {}}, {}, {"country": ["DE"]}],
)
async def test_a_record_of_another_shape_is_unknown(tmp_path: Path, record: dict[str, Any]) -> None:
    path = tmp_path / "countries.mmdb"
    write_database(path, "Own-Countries", {"192.0.2.0/24": record})
    geo = {"database": str(path), "allow_countries": ["DE"]}

    async with running(IpAllowlist, {"geo": geo}) as plugin:
        answer = (await play(plugin, make_exchange(client_ip=DE))).answer

    assert isinstance(answer, Reject)
    assert answer.reason is Reason.GEO_DENIED


async def test_a_v6_client_is_unknown_to_a_v4_database(tmp_path: Path) -> None:
    path = tmp_path / "countries.mmdb"
    write_countries(path, {"192.0.2.0/24": "DE"}, ip_version=4)
    geo = {"database": str(path), "allow_countries": ["DE"]}

    async with running(IpAllowlist, {"geo": geo}) as plugin:
        v4 = (await play(plugin, make_exchange(client_ip=DE))).answer
        v6 = (await play(plugin, make_exchange(client_ip=DE_V6))).answer

    assert v4 is None
    assert isinstance(v6, Reject)
    assert v6.reason is Reason.GEO_DENIED
