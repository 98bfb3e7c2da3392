"""Addresses and URLs of servers."""

import pytest

from gateway.state.redis.address import Address, Url, parse_address, parse_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://example.com", Url(Address("example.com", 6379))),
        ("redis://example.com:7000/3", Url(Address("example.com", 7000), database=3)),
        ("rediss://[2001:db8::1]:7000/", Url(Address("2001:db8::1", 7000), tls=True)),
        (
            "redis://user:p%40ss%3A@h:1/0",
            Url(Address("h", 1), database=0, username="user", password="p@ss:"),
        ),
        ("redis://:secret@h", Url(Address("h", 6379), password="secret")),
        ("unix:/run/redis.sock", Url(Address(path="/run/redis.sock"))),
    ],
)
def test_urls(text: str, expected: Url) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("h", Address("h", 9)), ("h:1", Address("h", 1)), ("[::1]", Address("::1", 9))],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text, 9) == expected


@pytest.mark.parametrize("text", ["h:0", "h:65536", "h:x", ":6379"])
def test_a_wrong_address_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text)
    assert text not in str(caught.value)


def test_addresses_read_as_people_write_them() -> None:
    assert [str(Address("h", 1)), str(Address("::1", 1)), str(Address(path="/x"))] == [
        "h:1",
        "[::1]:1",
        "unix:/x",
    ]
