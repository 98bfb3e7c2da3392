"""What is told quickly is what the plain way tells."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn as luhn_reference
from stdnum import verhoeff as verhoeff_reference

from gateway.scan.library import contact, contexts, network
from gateway.scan.library.checks import (
    PLACEHOLDER,
    Said,
    digits,
    entropy,
    has_entropy,
    luhn,
    repeats,
    verhoeff,
)
from gateway.scan.patterns import ReadyPattern

VALUES = st.one_of(
    st.text(st.sampled_from("aAbB01xX_-./$(:=éß"), max_size=40),
    st.text(st.sampled_from("ab"), max_size=140),
    st.lists(
        st.sampled_from(["example", "your-", "sample", "${", "os.", "http://", "aaaa", "9f", "->"]),
        max_size=6,
    ).map("".join),
)
BEFORE = st.lists(
    st.sampled_from(
        ["tel. ", "phone", "call", "电话", "order no. ", "$", "#", "is ", " ", ", ", "1", "\n", "(",
         "v", "version ", "release-", "Chrome/", "é", "id", "\u0663"]
    ),
    max_size=7,
).map("".join)  # fmt: skip
IPV6 = st.lists(
    st.sampled_from(
        ["::", ":", "1", "fe80", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:", "1.2.3.4", "%eth0", "/64", " ",
         "x", "é", ".", "a::b", "12345", "-", ":1", "aa:bb:cc:dd:ee:ff", "d:"]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@given(VALUES, st.sampled_from([0.0, 2.2, 2.6, 3.0, 3.2, 3.5, 4.4]))
def test_entropy_is_compared_as_if_it_were_computed(text: str, bits: float) -> None:
    assert has_entropy(text, bits) == (entropy(text) >= bits)


@given(st.text(st.sampled_from("0123456789"), min_size=1, max_size=24))
def test_check_digits_are_those_of_the_package(number: str) -> None:
    assert luhn(number) == luhn_reference.is_valid(number)
    assert verhoeff(number) == verhoeff_reference.is_valid(number)


@given(st.text(max_size=30))
def test_digits_are_those_of_ascii(text: str) -> None:
    assert digits(text) == re.sub("[^0-9]", "", text)


@given(VALUES)
def test_a_dozen_of_the_same_is_seen(text: str) -> None:
    expected = len(text) <= 120 and re.search(r"(.)\1{11}", text.lower()) is not None
    assert repeats(text) == expected


@given(VALUES)
def test_one_search_tells_what_two_would(text: str) -> None:
    named = Said(PLACEHOLDER)(text)
    assert contexts._NO_SECRET(text) == (named or contexts._CODE_IN_SECRET(text))
    assert contexts._NO_PASSWORD(text) == (named or contexts._CODE(text))


@given(BEFORE)
def test_where_no_word_stands_nothing_names_a_number(before: str) -> None:
    assert contact.names_phone(before) == contact._PHONE_NEAR(before)
    if contact._NOT_PHONE(before):
        assert contact._has_word(before)
    assert network._names_version(before) == network._VERSION(before)


@given(
    st.lists(st.sampled_from(["0", "1", "01", "255", "10", "00", "199"]), min_size=4, max_size=5)
)
def test_an_ipv4_address_is_one_to_the_library(octets: list[str]) -> None:
    text = ".".join(octets)
    try:
        expected = str(IPv4Address(text)) not in {"255.255.255.255", "0.0.0.0"}
    except AddressValueError:
        expected = False
    assert network.is_ipv4(text, "") == expected


@settings(max_examples=500, deadline=None)
@given(IPV6)
def test_no_ipv6_address_is_left_out(text: str) -> None:
    (pattern,) = [p for p in network.network_patterns() if p.name == "ipv6"]
    ready = ReadyPattern(pattern)
    assert ready.confirmation.screen is not None
    data = text.encode()
    told = list(ready.confirmation.screen(data))
    body = ready.re2_body()
    assert told == sorted(set(told))
    place = 0
    while place < len(data):
        start, stop = body.search(data, place, len(data))[1]
        if start < 0:
            break
        if network.is_ipv6(data[start:stop].decode(), ""):
            assert start in told
        place = start + 1


@given(st.from_regex(r"\A(?:[0-9a-f]{0,4}:){2,9}(?:[0-9a-f]{1,4}|1\.2\.3\.4)?\Z"))
def test_an_ipv6_address_is_one_to_the_library(text: str) -> None:
    try:
        IPv6Address(text)
        expected = text != "::1" and ("::" not in text or any(c.isdigit() for c in text))
    except AddressValueError:
        expected = False
    assert network.is_ipv6(text, "") == expected


@given(st.text(max_size=20))
def test_a_street_has_a_number_and_words(text: str) -> None:
    expected = any(c.isdigit() for c in text) and sum(c.isalpha() for c in text) >= 6
    assert contact.is_address(text, "") == expected
    if text.isascii():
        assert contact.has_street(text) == expected


def test_times_and_hardware_addresses_are_not_looked_at() -> None:
    assert not list(network.Ipv6Check().screen(b"12:30:15 aa:bb:cc:dd:ee:ff std::vector a:b " * 50))


@pytest.mark.parametrize("number", ["+49 30 901820", "+049 30 901820", "+1 202 555 0143"])
def test_numbers_of_known_countries_are_valid(number: str) -> None:
    assert contact.PhoneCheck()(number, "")
