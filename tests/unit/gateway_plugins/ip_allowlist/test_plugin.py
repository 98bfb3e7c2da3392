"""Who passes, by address alone."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Reason, Reject, Runtime
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.ip_allowlist import IpAllowlist
from gateway_plugins.ip_allowlist import plugin as module

MIXED = {"allow": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"], "deny": ["10.9.0.0/16"]}
DENY_ONLY = {"deny": ["203.0.113.0/24", "2001:db8:bad::/48"]}
MAPPED = {"allow": ["::ffff:192.0.2.0/120"], "deny": ["::ffff:192.0.2.9"]}
ALL_V4 = {"allow": ["0.0.0.0/0"]}


@pytest.mark.parametrize(
    ("config", "client_ip", "passes"),
    [
        (MIXED, "10.0.0.0", True),
        (MIXED, "10.255.255.255", True),
        (MIXED, "11.0.0.0", False),
        (MIXED, "9.255.255.255", False),
        (MIXED, "192.0.2.7", True),
        (MIXED, "192.0.2.6", False),
        (MIXED, "192.0.2.8", False),
        (MIXED, "10.9.0.0", False),
        (MIXED, "10.9.255.255", False),
        (MIXED, "10.10.0.0", True),
        (MIXED, "2001:db8:ffff::1", True),
        (MIXED, "2001:db9::", False),
        (MIXED, "::ffff:10.1.1.1", True),
        (MIXED, "::ffff:10.9.1.1", False),
        (MIXED, "::10.1.1.1", False),
        (DENY_ONLY, "198.51.100.1", True),
        (DENY_ONLY, "203.0.113.200", False),
        (DENY_ONLY, "2001:db8:bad::1", False),
        (DENY_ONLY, "2001:db8:bae::1", True),
        (MAPPED, "192.0.2.1", True),
        (MAPPED, "192.0.2.9", False),
        (MAPPED, "192.0.3.1", False),
        (ALL_V4, "198.51.100.1", True),
        (ALL_V4, "2001:db8::1", False),
        (ALL_V4, "not known", False),
        (DENY_ONLY, "not known", False),
    ],
)
async def test_deny_beats_allow_and_an_empty_allow_list_admits(
    config: dict[str, Any], client_ip: str, passes: bool
) -> None:
    async with running(IpAllowlist, config) as plugin:
        first = (await play(plugin, make_exchange(client_ip=client_ip))).answer
        again = (await play(plugin, make_exchange(client_ip=client_ip))).answer

    assert (first is None) == passes
    assert passes or (isinstance(first, Reject) and first.reason is Reason.IP_DENIED)
    assert again == first, "the remembered verdict differs"


async def test_the_refusal_names_the_address_that_was_judged() -> None:
    """Behind a proxy that nobody listed as trusted, it is the proxy's: then this says so."""
    async with running(IpAllowlist, DENY_ONLY) as plugin:
        answer = (await play(plugin, make_exchange(client_ip="203.0.113.5"))).answer

    assert isinstance(answer, Reject)
    assert answer.message == "203.0.113.5"


async def test_without_databases_no_fact_is_promised() -> None:
    """A later plugin that requires the country must make such a policy fail to load."""
    async with running(IpAllowlist, DENY_ONLY) as plugin:
        assert plugin.provides == frozenset()
        assert plugin.runtime.tasks == set()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES_MAX", 10)
    async with running(IpAllowlist, DENY_ONLY) as plugin:
        for number in range(100):
            await play(plugin, make_exchange(client_ip=f"2001:db8::{number:x}"))

        assert len(plugin._known) <= 10


MANY = IpAllowlist(
    IpAllowlist.Config.model_validate(
        {"allow": [f"10.{n >> 8}.{n & 255}.0/24" for n in range(0, 10_000, 3)]}
    ),
    Runtime(),
)


@given(st.integers(0x0A000000 - 600, 0x0A000000 + 10_100 * 256).map(IPv4Address))
def test_thousands_of_networks_decide_as_one_by_one(address: IPv4Address) -> None:
    """One by one: the third octet's number in 10.0.0.0/8 says it."""
    number = (int(address) >> 8) - (10 << 16)

    answer = MANY.on_request_headers(make_exchange(client_ip=str(address)))

    assert (answer is None) == (0 <= number < 10_000 and number % 3 == 0)
