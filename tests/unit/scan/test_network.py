"""What is told from the bytes of an address is what the plain way tells."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.library.network import is_ipv6, is_mac

FRAGMENTS = [
    "::",
    ":",
    "1",
    "fe80",
    "A:b",
    "%eth0",
    "%",
    "/64",
    ".",
    "1.2.3.4",
    "g",
    "é",
    "\u0663",
    "12345",
    ":1:",
    "0",
    "-",
    "_",
    "`",
    "@",
    "dead:beef",
    "1:2:3:4:5:6:7",
    "a:b:c:d",
]


def plain_is_ipv6(value: str) -> bool:
    text = value.partition("/")[0]
    colons, shortened = text.count(":"), text.count("::")
    if not 2 <= colons <= 8 or value == "::1" or shortened > 1:
        return False
    if not shortened and colons != (6 if "." in text else 7):
        return False
    if shortened and not any(c.isdigit() for c in text):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join))
def test_an_ipv6_address_is_told_by_its_groups(value: str) -> None:
    assert is_ipv6(value, "") == plain_is_ipv6(value)


@given(st.lists(st.sampled_from(["00", "ff", "Ff", "0", "é", "İ", ":", "-", "."])).map("".join))
def test_a_hardware_address_has_two_kinds_of_characters(value: str) -> None:
    assert is_mac(value, "") == (len(set(value.lower()) - set(":-.")) > 1)
