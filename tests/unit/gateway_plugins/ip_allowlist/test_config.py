"""What may be written below `ip_allowlist`, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.ip_allowlist.config import IpAllowlistConfig

COUNTRIES = {"database": "countries.mmdb"}
SYSTEMS = {"asn_database": "systems.mmdb"}


@pytest.mark.parametrize(
    "config",
    [
        {"allow": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:192.0.2.0/120"]},
        {"deny": ["203.0.113.0/24"]},
        {"geo": {**COUNTRIES, "allow_countries": ["DE", "NO"]}},
        {"geo": {**SYSTEMS, "deny_asns": [64496, 4294967295]}},
        {"geo": {**COUNTRIES, **SYSTEMS, "on_unknown": "deny"}},
    ],
)
def test_good_configurations_are_read(config: dict[str, Any]) -> None:
    read = IpAllowlistConfig.model_validate(config)

    assert read == IpAllowlistConfig.model_validate(read.model_dump())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"allow": ["10.0.0.1/8"]}, "write 10.0.0.0/8 for the network or 10.0.0.1 for the one"),
        ({"deny": ["2001:db8::1/32"]}, "write 2001:db8::/32 for the network"),
        ({"allow": ["010.0.0.1"]}, "is not an IP network"),
        ({"allow": ["office.example.com"]}, "is not an IP network"),
        ({"allow": "10.0.0.0/8"}, "valid tuple"),
        ({}, "nothing to check: give `allow`, `deny` or `geo`"),
        ({"allow": ["10.0.0.0/8"], "denied": []}, "Extra inputs are not permitted"),
        ({"geo": {}}, "name a `database` or an `asn_database`"),
        ({"geo": {"deny_countries": ["KP"]}}, "the country lists need `database`"),
        ({"geo": {**COUNTRIES, "deny_asns": [1]}}, "the ASN lists need `asn_database`"),
        ({"geo": {**SYSTEMS, "allow_countries": ["DE"]}}, "the country lists need `database`"),
        ({"geo": {**COUNTRIES, "deny_countries": ["de"]}}, "write two capital letters"),
        ({"geo": {**COUNTRIES, "deny_countries": ["DEU"]}}, "write two capital letters"),
        ({"geo": {**COUNTRIES, "deny_countries": [False]}}, 'quote the country "NO"'),
        ({"geo": {**SYSTEMS, "deny_asns": [-1]}}, "greater than or equal to 0"),
        ({"geo": {**SYSTEMS, "deny_asns": [4294967296]}}, "less than or equal to 4294967295"),
        ({"geo": {**SYSTEMS, "deny_asns": ["AS64496"]}}, "valid integer"),
        ({"geo": {**COUNTRIES, "on_unknown": "ask"}}, "'allow' or 'deny'"),
        ({"geo": {**COUNTRIES, "countries": ["DE"]}}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_configuration_says_what_to_write(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        IpAllowlistConfig.model_validate(config)

    assert said in str(caught.value)
