"""Who the client is, for each peer and each chain that proxies and liars can write."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gateway.plugin.headers import Headers
from gateway.proxy import client_address
from gateway.proxy.client_address import ClientAddresses, ForwardedHeader

TRUSTED = ["10.0.0.0/8", "2001:db8:aaaa::/48", "fe80::/10"]


def headers(*fields: tuple[str, str]) -> Headers:
    return Headers([(name.encode(), value.encode("latin-1")) for name, value in fields])


@dataclass(frozen=True)
class Case:
    """`xff`, `fwd`: the lines of X-Forwarded-For and Forwarded; `client` None: not known."""

    promise: str
    peer: str
    client: str | None
    xff: list[str] = field(default_factory=list)
    fwd: list[str] = field(default_factory=list)
    reads: ForwardedHeader = "auto"


PEER = [
    Case("a direct client is its peer", "203.0.113.9", "203.0.113.9"),
    Case("a direct v6 client is its peer", "2001:db8::9", "2001:db8::9"),
    Case("v6 is written in its short form", "2001:0DB8:0:0::0009", "2001:db8::9"),
    Case("a mapped peer is its v4 address", "::ffff:203.0.113.9", "203.0.113.9"),
    Case("a mapped peer in hex is its v4 address", "::ffff:cb00:7109", "203.0.113.9"),
    Case("the zone of a link-local peer is dropped", "fe90::1%eth0", "fe90::1"),
    Case("a peer that is no address is not known", "", None),
    Case("nor is a peer that is a name", "localhost", None),
    Case("a liar is its peer", "203.0.113.9", "203.0.113.9", ["10.0.0.1"]),
    Case("a liar with Forwarded is its peer", "203.0.113.9", "203.0.113.9", fwd=["for=10.0.0.1"]),
    Case("a liar with garbage is its peer", "203.0.113.9", "203.0.113.9", ["%%%"], ['for="']),
    Case("a mapped liar is its peer", "::ffff:203.0.113.9", "203.0.113.9", ["10.0.0.1"]),
    Case("a proxy without a header is the client", "10.0.0.1", "10.0.0.1"),
]

X_FORWARDED_FOR = [
    Case("one hop", "10.0.0.1", "203.0.113.9", ["203.0.113.9"]),
    Case("a mapped proxy is trusted as v4", "::ffff:10.0.0.1", "203.0.113.9", ["203.0.113.9"]),
    Case("a v6 proxy", "2001:db8:aaaa::1", "203.0.113.9", ["203.0.113.9"]),
    Case("a proxy with a zone", "fe80::1%eth0", "203.0.113.9", ["203.0.113.9"]),
    Case("two trusted hops", "10.0.0.1", "203.0.113.9", ["203.0.113.9, 10.0.0.2"]),
    Case(
        "what the client wrote is left of it", "10.0.0.1", "203.0.113.9", ["1.1.1.1, 203.0.113.9"]
    ),
    Case(
        "a forged trusted hop does not help", "10.0.0.1", "203.0.113.9", ["10.0.0.7, 203.0.113.9"]
    ),
    Case("garbage of the client is not reached", "10.0.0.1", "203.0.113.9", ["%%, 203.0.113.9"]),
    Case("an open quote of the client is nothing", "10.0.0.1", "203.0.113.9", ['", 203.0.113.9']),
    Case("all trusted: the leftmost", "10.0.0.1", "10.9.9.9", ["10.9.9.9, 10.0.0.2"]),
    Case("lines join in order", "10.0.0.1", "203.0.113.9", ["1.1.1.1", "203.0.113.9", "10.0.0.2"]),
    Case("a forged line does not help", "10.0.0.1", "203.0.113.9", ["10.0.0.3", "203.0.113.9"]),
    Case("no space, tabs", "10.0.0.1", "203.0.113.9", ["1.1.1.1,\t203.0.113.9\t,10.0.0.2 "]),
    Case("v4 with a port", "10.0.0.1", "203.0.113.9", ["203.0.113.9:51034"]),
    Case("bare v6", "10.0.0.1", "2001:db8::9", ["2001:db8::9"]),
    Case("v6 in brackets", "10.0.0.1", "2001:db8::9", ["[2001:db8::9]"]),
    Case("v6 in brackets with a port", "10.0.0.1", "2001:db8::9", ["[2001:DB8::9]:443"]),
    Case("a mapped hop is its v4 address", "10.0.0.1", "203.0.113.9", ["::ffff:203.0.113.9"]),
    Case(
        "a mapped hop is trusted as v4", "10.0.0.1", "203.0.113.9", ["203.0.113.9, ::ffff:10.0.0.2"]
    ),
    Case("a trusted v6 hop", "10.0.0.1", "203.0.113.9", ["203.0.113.9, 2001:db8:aaaa::2"]),
    Case("a v4 address in a v6 is not mapped", "10.0.0.1", "::cb00:7109", ["::203.0.113.9"]),
]

GARBAGE = [
    Case("leading zeros", "10.0.0.1", "10.0.0.1", ["203.0.113.010"]),
    Case("leading zeros that read as octal", "10.0.0.1", "10.0.0.1", ["012.0.0.1"]),
    Case("leading zeros in a mapped address", "10.0.0.1", "10.0.0.1", ["::ffff:203.0.113.09"]),
    Case("a short form of v4", "10.0.0.1", "10.0.0.1", ["203.0.9"]),
    Case("a number", "10.0.0.1", "10.0.0.1", ["3405803785"]),
    Case("hex", "10.0.0.1", "10.0.0.1", ["0xcb.0.0x71.9"]),
    Case("an octet over 255", "10.0.0.1", "10.0.0.1", ["203.0.113.256"]),
    Case("five octets", "10.0.0.1", "10.0.0.1", ["203.0.113.9.1"]),
    Case("digits of another script", "10.0.0.1", "10.0.0.1", ["203.0.113.\xb2"]),
    Case("a zone id in a header", "10.0.0.1", "10.0.0.1", ["fe80::1%eth0"]),
    Case("v4 in brackets", "10.0.0.1", "10.0.0.1", ["[203.0.113.9]"]),
    Case("an open bracket", "10.0.0.1", "10.0.0.1", ["[2001:db8::9"]),
    Case("text after the bracket", "10.0.0.1", "10.0.0.1", ["[2001:db8::9]x"]),
    Case("a port that is no number", "10.0.0.1", "10.0.0.1", ["203.0.113.9:http"]),
    Case("a port of six digits", "10.0.0.1", "10.0.0.1", ["203.0.113.9:123456"]),
    Case("a network", "10.0.0.1", "10.0.0.1", ["203.0.113.0/24"]),
    Case("two addresses without a comma", "10.0.0.1", "10.0.0.1", ["203.0.113.9 203.0.113.8"]),
    Case("quotes", "10.0.0.1", "10.0.0.1", ['"203.0.113.9"']),
    Case("unknown", "10.0.0.1", "10.0.0.1", ["unknown"]),
    Case("a name", "10.0.0.1", "10.0.0.1", ["client.example.com"]),
    Case("an empty header", "10.0.0.1", "10.0.0.1", [""]),
    Case("an empty newest element", "10.0.0.1", "10.0.0.1", ["203.0.113.9,"]),
    Case("an empty newest line", "10.0.0.1", "10.0.0.1", ["203.0.113.9", ""]),
    Case("the walk ends at the last good hop", "10.0.0.1", "10.0.0.2", ["1.1.1.1, _x, 10.0.0.2"]),
    Case("an empty hop within trusted ones", "10.0.0.1", "10.0.0.2", ["1.1.1.1,, 10.0.0.2"]),
    Case("a NUL", "10.0.0.1", "10.0.0.1", ["203.0.113.9\0"]),
]

FORWARDED = [
    Case("one hop", "10.0.0.1", "203.0.113.9", fwd=["for=203.0.113.9"]),
    Case("the name in any case", "10.0.0.1", "203.0.113.9", fwd=["For=203.0.113.9"]),
    Case("other pairs", "10.0.0.1", "203.0.113.9", fwd=["by=10.0.0.1;for=203.0.113.9;proto=https"]),
    Case(
        "space after the semicolon", "10.0.0.1", "203.0.113.9", fwd=["for=203.0.113.9; proto=http"]
    ),
    Case("a quoted v4", "10.0.0.1", "203.0.113.9", fwd=['for="203.0.113.9"']),
    Case("a quoted v4 with a port", "10.0.0.1", "203.0.113.9", fwd=['for="203.0.113.9:80"']),
    Case("an unquoted v4 with a port", "10.0.0.1", "203.0.113.9", fwd=["for=203.0.113.9:80"]),
    Case("a quoted v6", "10.0.0.1", "2001:db8::9", fwd=['for="[2001:db8::9]"']),
    Case("a quoted v6 with a port", "10.0.0.1", "2001:db8::9", fwd=['for="[2001:db8::9]:4711"']),
    Case("an obfuscated port", "10.0.0.1", "2001:db8::9", fwd=['for="[2001:db8::9]:_p"']),
    Case("a quoted mapped v6", "10.0.0.1", "203.0.113.9", fwd=['for="[::ffff:203.0.113.9]"']),
    Case("escapes in a quoted string", "10.0.0.1", "203.0.113.9", fwd=[r'for="203\.0.113.9"']),
    Case("two hops", "10.0.0.1", "203.0.113.9", fwd=["for=203.0.113.9, for=10.0.0.2"]),
    Case(
        "what the client wrote is left",
        "10.0.0.1",
        "203.0.113.9",
        fwd=["for=1.1.1.1,for=203.0.113.9"],
    ),
    Case("lines join in order", "10.0.0.1", "203.0.113.9", fwd=["for=1.1.1.1", "for=203.0.113.9"]),
    Case(
        "commas within quotes do not part",
        "10.0.0.1",
        "203.0.113.9",
        fwd=['for=203.0.113.9;host="a, for=6.6.6.6"'],
    ),
    Case(
        "semicolons within quotes do not part",
        "10.0.0.1",
        "203.0.113.9",
        fwd=['host="a;for=6.6.6.6";for=203.0.113.9'],
    ),
    Case(
        "an escaped quote does not end",
        "10.0.0.1",
        "203.0.113.9",
        fwd=[r'for=203.0.113.9;host="\", for=6.6.6.6"'],
    ),
    Case("unknown ends the walk", "10.0.0.1", "10.0.0.1", fwd=["for=unknown"]),
    Case(
        "an obfuscated hop ends the walk",
        "10.0.0.1",
        "10.0.0.2",
        fwd=["for=_SEVKISEK, for=10.0.0.2"],
    ),
    Case(
        "a hop without for ends the walk",
        "10.0.0.1",
        "10.0.0.1",
        fwd=["for=203.0.113.9, by=10.0.0.1"],
    ),
    Case(
        "for twice in a hop ends the walk",
        "10.0.0.1",
        "10.0.0.1",
        fwd=["for=203.0.113.9;for=1.1.1.1"],
    ),
    Case("leading zeros", "10.0.0.1", "10.0.0.1", fwd=["for=203.0.113.010"]),
    Case("v6 without brackets", "10.0.0.1", "10.0.0.1", fwd=['for="2001:db8::9"']),
    Case("a zone id", "10.0.0.1", "10.0.0.1", fwd=['for="[fe80::1%25eth0]"']),
    Case("an open quote swallows nothing", "10.0.0.1", None, fwd=['for="', "for=203.0.113.9"]),
    Case("an element that is no pair", "10.0.0.1", None, fwd=["203.0.113.9"]),
    Case("an empty field", "10.0.0.1", None, fwd=[""]),
    Case("an empty element", "10.0.0.1", None, fwd=["for=203.0.113.9,"]),
    Case("an empty value", "10.0.0.1", None, fwd=["for="]),
    Case("text after a quoted string", "10.0.0.1", None, fwd=['for="203.0.113.9"x']),
    Case("a bare control character", "10.0.0.1", None, fwd=['for=203.0.113.9;host="\x01"']),
    Case("more than is read", "10.0.0.1", None, fwd=["for=203.0.113.9," * 400 + "for=10.0.0.2"]),
]

BOTH = [
    Case("both agree", "10.0.0.1", "203.0.113.9", ["203.0.113.9"], ["for=203.0.113.9"]),
    Case("both agree on the client only", "10.0.0.1", "203.0.113.9", ["1.1.1.1, 203.0.113.9"],
         ["for=2.2.2.2, for=203.0.113.9, for=10.0.0.3"]),
    Case("a forged Forwarded", "10.0.0.1", None, ["203.0.113.9"], ["for=1.1.1.1"]),
    Case("a forged X-Forwarded-For", "10.0.0.1", None, ["1.1.1.1"], ["for=203.0.113.9"]),
    Case("a Forwarded that hides", "10.0.0.1", None, ["203.0.113.9"], ["for=unknown"]),
    Case("a broken Forwarded", "10.0.0.1", None, ["203.0.113.9"], ['for="']),
    Case("an empty list", "10.0.0.1", None, [""], ["for=203.0.113.9"]),
    Case("the operator says which", "10.0.0.1", "203.0.113.9", ["203.0.113.9"], ["for=1.1.1.1"],
         "x-forwarded-for"),
    Case("or the other", "10.0.0.1", "203.0.113.9", ["1.1.1.1"], ["for=203.0.113.9"], "forwarded"),
    Case("then the other is never read", "10.0.0.1", "10.0.0.1", ["1.1.1.1"], reads="forwarded"),
    Case("whichever it is", "10.0.0.1", "10.0.0.1", fwd=["for=1.1.1.1"], reads="x-forwarded-for"),
]  # fmt: skip

CASES = [*PEER, *X_FORWARDED_FOR, *GARBAGE, *FORWARDED, *BOTH]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.promise} {case.xff}{case.fwd}")
def test_the_client_is_who_can_be_vouched_for(case: Case) -> None:
    addresses = ClientAddresses(TRUSTED, case.reads)
    received = headers(
        *(("X-Forwarded-For", line) for line in case.xff),
        *(("FORWARDED", line) for line in case.fwd),
    )

    first = addresses.resolve(case.peer, received)

    assert first.address == (case.client and client_address.parse_peer(case.client))
    assert case.client is None or first.text == case.client
    assert addresses.resolve(case.peer, received) == first, "the remembered answer differs"


def test_an_address_that_is_not_known_is_recorded_as_the_peer() -> None:
    addresses = ClientAddresses(TRUSTED)
    received = headers(("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=1.1.1.1"))

    assert addresses.resolve("::ffff:10.0.0.1", received) == (None, "10.0.0.1")


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Forwarded-For ", "X-Real-IP", "Client-IP"])
def test_no_other_spelling_or_header_is_read(name: str) -> None:
    """A proxy drops the header that it knows, and passes the look-alike on."""
    addresses = ClientAddresses(TRUSTED)

    assert addresses.resolve("10.0.0.1", headers((name, "203.0.113.9"))).text == "10.0.0.1"


def test_without_trusted_proxies_no_header_is_read() -> None:
    addresses = ClientAddresses([])

    assert addresses.resolve("10.0.0.1", headers(("x-forwarded-for", "1.1.1.1"))).text == "10.0.0.1"


def test_a_trusted_proxy_must_be_a_network() -> None:
    with pytest.raises(ValueError, match=r"write 10\.0\.0\.0/8 for the network"):
        ClientAddresses(["10.0.0.1/8"])


def test_a_chain_of_proxies_longer_than_the_limit_ends_within_it() -> None:
    addresses = ClientAddresses(TRUSTED)
    chain = ", ".join(f"10.1.0.{number}" for number in range(100))

    assert addresses.resolve("10.0.0.1", headers(("x-forwarded-for", chain))).text == "10.1.0.68"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan from a whole IPv6 network must not fill the memory."""
    monkeypatch.setattr(client_address, "PEERS_MAX", 10)
    addresses = ClientAddresses(TRUSTED)

    for number in range(100):
        addresses.resolve(f"2001:db8::{number:x}", headers())
        addresses.resolve(f"10.0.0.{number}", headers(("x-forwarded-for", f"203.0.113.{number}")))

    memories = (addresses._untrusted, addresses._proxies, addresses._chains)
    assert [len(memory) <= 10 for memory in memories] == [True, True, True]


def test_a_long_chain_is_not_remembered() -> None:
    addresses = ClientAddresses(TRUSTED)

    addresses.resolve("10.0.0.1", headers(("x-forwarded-for", "1.1.1.1, " * 1000 + "2.2.2.2")))

    assert addresses._chains == {}


def test_an_untrusted_peer_costs_no_look_at_the_headers() -> None:
    """The fast path is one lookup."""
    addresses = ClientAddresses(TRUSTED)
    unreadable = headers()
    unreadable.raw = None  # type: ignore[assignment]  # reading it would fail

    assert addresses.resolve("203.0.113.9", unreadable).text == "203.0.113.9"
    assert addresses.resolve("203.0.113.9", unreadable).text == "203.0.113.9"
