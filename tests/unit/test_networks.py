"""Addresses and networks: read strictly, found fast."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gateway.networks import NetworkSet, NetworkText, parse_address, parse_network


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.1/8", "host bits set; write 10.0.0.0/8 for the network or 10.0.0.1 for the one"),
        ("2001:db8::1/32", "write 2001:db8::/32 for the network or 2001:db8::1"),
        ("10.0.0.0/33", "the prefix of an IPv4 network is at most 32"),
        ("2001:db8::/129", "the prefix of an IPv6 network is at most 128"),
        ("10.0.0.0/255.0.0.0", "is not an IP network"),
        ("10.0.0.0/", "is not an IP network"),
        ("10.0.0.0/-8", "is not an IP network"),
        ("10.0.0.0/\N{SUPERSCRIPT TWO}", "is not an IP network"),
        ("010.0.0.0/8", "is not an IP network"),
        ("10.0.0.0 /8", "is not an IP network"),
        ("fe80::1%eth0", "is not an IP network"),
        ("example.com", "write one as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7"),
        ("", "is not an IP network"),
    ],
)
def test_a_bad_network_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_network(text)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_read_as_addresses_are_compared(text: str, network: str) -> None:
    assert parse_network(text) == ip_network(network)


@pytest.mark.parametrize("text", ["1.2.3.04", "1.2.3", "::1%lo", "1.2.3.4/32", "", "a", "::g"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_a_field_holds_the_text_as_written_and_the_error_names_the_mend() -> None:
    class Config(BaseModel):
        allow: tuple[NetworkText, ...]

    assert Config(allow=("10.0.0.0/8",)).allow == ("10.0.0.0/8",)
    with pytest.raises(ValidationError, match=r"write 10\.0\.0\.0/8"):
        Config(allow=("10.0.0.1/8",))


def test_an_empty_set_is_false_and_holds_nothing() -> None:
    empty = NetworkSet([])

    assert not empty
    assert ip_address("192.0.2.1") not in empty
    assert NetworkSet(["::/0"])


def test_v4_and_v6_do_not_mix() -> None:
    networks = NetworkSet(["0.0.0.0/0"])

    assert ip_address("1.2.3.4") in networks
    assert ip_address("::102:304") not in networks


networks_v4 = st.builds(
    lambda number, prefix: str(ip_network((number, prefix), strict=False)),
    st.integers(0, 2**12 - 1).map(lambda n: n << 20),
    st.integers(4, 32),
)
networks_v6 = st.builds(
    lambda number, prefix: str(ip_network((number, prefix), strict=False)),
    st.integers(2**112, 2**112 + 2**10).map(lambda n: n << 8),
    st.integers(100, 128),
)


@given(st.lists(networks_v4 | networks_v6, max_size=12), st.data())
def test_a_set_holds_exactly_what_its_networks_hold(
    written: list[str], data: st.DataObject
) -> None:
    networks = [ip_network(text) for text in written]
    edges = [a for n in networks for a in (int(n.network_address), int(n.broadcast_address))]
    near = [ip_address(max(0, edge + step)) for edge in edges for step in (-1, 0, 1)
            if max(0, edge + step) < 2**128]  # fmt: skip
    address = data.draw(st.sampled_from(near) if near else st.ip_addresses())

    assert (address in NetworkSet(written)) == any(address in network for network in networks)
