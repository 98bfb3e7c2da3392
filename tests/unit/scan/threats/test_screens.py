"""Where an address may be worth a look: never left out where the rule would find something."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.scan.patterns import ReadyPattern
from gateway.scan.re2_body import Re2Body
from gateway.scan.threats import exfiltration, target
from gateway.scan.threats.judge import pattern_of

BEGINNINGS = [
    "http://", "https://", "HTTPS://", "ftp://", "tftp://", "wss://", "file://", "netdoc://", "//",
    "http:\\\\", "xhttp://", "://", "jar:http://",
]  # fmt: skip
HOSTS = [
    "a.bc", "example.com", "10.0.0.1", "8.8.8.8", "127.1", "0x7f.1", "192.0.2.1", "1.2.3.04",
    "LOCALHOST", "x.local", "x.Internal.", "a.lvh.me", "lvh.me", "xlacolhost.com", "a.nip.io",
    "10.0.0.1.nip.io", "a.home.arpa", "redis", "[::1]", "ok.example@10.0.0.1", "223.1.1.1",
    "224.1.1.1", "a.bc.svc", "%31%30.0.0.1", "0", "256.1.1.1", "user:pw@a.bc", "a..bc",
    "thisisalabelofmorethantwentyeightletters.bc", "a.b.c.d.e.f.g.com", "-", ".", "[::2]",
    "[::ffff:10.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[fe80::1%25x]",
    "[1:2:3:4:5:6:7::]", "[x:.local]", "[2001:db8::1]", "[ff02::1]", "[fec0::1]", "[::01:2.3.4.05]",
    "8-8-8-8.nip.io", "a.8.8.8.300.nip.io", "0377.0x1", "09.1.1.1", "4294967296", "2130706433",
    "99999999999999999999999", "127%E3%80%820.0.1", "%6Cocalhost", "%00", "a%40b", "a_b.c",
]  # fmt: skip
ESCAPED = [
    "%e2%84%aa", "%E2", "%84", "%AA", "%c4%b0", "%C4", "%b0", "%e3%80%82", "%e3%80", "%f0%9f%98%80",
    "%ff", "%00", "%6c", "127", ".", "0", "1", "local", "host", ".local", "nternal", "a", "-", "%",
    "%4", "[", "]", ":", "%2e", "%5b", "%3a", "%ef%bc%91", "%d9%a1",
]  # fmt: skip
BEHIND = [
    "", "/", ":80", ":80/", ".", ",", ":", "@10.0.0.1/", "?", "#", "/a/b.png", "/?x=1", "?d=abc",
    "/?d=abcdefgh", "/?abcdefgh", "/#fragment", "#f", "?x=1&y=2;z=3#a.b", "/?a=b=c", "/?a+b+c+d",
    "/" + "aB3" * 14, "/?q=" + "aB3" * 8, "/?123456789", "/?k=a@b.co", "/?k=sk-1", "/{hole}",
    "/?eyJabcdefgh", "/%7Bhole%7D", "&x=%20", "?a=/b/c", "/" + "segment/" * 12,
    "/?" + "name=value&" * 40, "/" + "a" * 39, "[X Y]", "/?c=\u00e9", "/![a]", "/[XYZ]",
    "/[a][X+Y]", "/[",
]  # fmt: skip
AROUND = [
    "![a](", "[a](", "[[a](", "[a]: ", "[a]:<", "<img src=", "<IMG SRC='", '<a href = "', "url(",
    "URL('", "<a><b href=", "<img alt=\u00e9 src=//a.bc data=", ")", "'", '"', ">", " ", "\n", "]",
    "x", "=", "\u00e9", "[" + "\u00e9" * 119 + "](", "[" + "x" * 121 + "](", "[" + "[x" * 50 + "](",
]  # fmt: skip

TEXTS = st.lists(
    st.one_of(*map(st.sampled_from, (AROUND, BEGINNINGS, HOSTS, BEHIND))), max_size=9
).map("".join)
LINKS = st.tuples(*map(st.sampled_from, (AROUND, BEGINNINGS, HOSTS, BEHIND, AROUND))).map("".join)


@cache
def ready() -> list[tuple[ReadyPattern, Re2Body]]:
    rules = [*target.rules(()), *exfiltration.rules(())]
    made = [ReadyPattern(pattern_of(rule, ("request",))) for rule in rules]
    return [(each, each.re2_body()) for each in made if each.confirmation.screen is not None]


def found_by(each: ReadyPattern, body: Re2Body, text: str) -> set[int]:
    """Where RE2 and the look of the rule find something, whatever the screen says."""
    data = text.encode()
    found: set[int] = set()
    place = 0
    while place < len(data):
        spans = body.search(data, place, len(data))
        if spans[0][0] < 0:
            break
        start, stop = spans[2] if each.narrowed else spans[1]
        place = spans[1][0] + 1
        before = data[:start].decode("utf-8", "replace")
        if each.confirmation.accepts(data[start:stop].decode(), before[-48:]):
            found.add(spans[1][0])
    return found


@settings(max_examples=1500, deadline=None)
@given(st.one_of(LINKS, TEXTS))
def test_nothing_is_left_out(text: str) -> None:
    for each, body in ready():
        screen = each.confirmation.screen
        assert screen is not None
        told = list(screen(text.encode()))
        assert found_by(each, body, text) <= set(told)
        assert told == sorted(told)


@pytest.mark.skipif(not exfiltration.NATIVE, reason="not compiled")
@settings(max_examples=1500, deadline=None)
@given(st.one_of(LINKS, TEXTS))
@example("[" * 480 + "](//x?d=abcdefgh)")
@example("[![" + "\u00e9" * 117 + "](//x?d=abcdefgh)")
@example("<a \0href=//x?d=abcdefgh")
def test_in_c_no_place_is_told_in_vain(text: str) -> None:
    """A text may be full of addresses that carry nothing: none is looked at by itself."""
    for each, body in ready():
        screen = each.confirmation.screen
        assert screen is not None
        if each.pattern.name.startswith("threat_exfiltration"):
            assert list(screen(text.encode())) == sorted(found_by(each, body, text))


@pytest.mark.skipif(not target.NATIVE, reason="not compiled")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://a_.b/", "ws://a%2e.b", "ws://[2606::1]/", "ws://[:]", "http://a@b.cd", "http://300.1.1.1",
        "http://8.8.8.8.nip.io", "ws://[::2]", "ws://[::ffff:8.8.8.8]", "ws:\\\\a://b.c", "ws://%80.b",
        "ws://%e2%84%aa.b", "ws://%c4%b0.b", "ws://a%e3%80%82b", "ws://%E2.b", "ws://%c3%a9",
    ],
)  # fmt: skip
def test_in_c_a_public_host_in_any_spelling_is_not_looked_at(url: str) -> None:
    from gateway.scan.threats import _targets  # noqa: PLC0415  # only in a compiled build

    assert not list(_targets.targets(url.encode()))


@pytest.mark.skipif(not target.NATIVE, reason="not compiled")
@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(ESCAPED), max_size=6).map("".join))
def test_in_c_an_escaped_host_is_an_inner_one_as_it_is_in_python(host: str) -> None:
    from gateway.scan.threats import _targets  # noqa: PLC0415  # only in a compiled build

    url = f"ws://{host}"
    assert bool(list(_targets.targets(url.encode()))) == target.is_inner_host(target.host_of(url))


def test_only_two_characters_beyond_ascii_become_one_of_it_in_small_letters() -> None:
    """It is what `_targets.c` knows of them."""
    beyond = map(chr, range(128, 0x110000))
    assert [c for c in beyond if any(map(str.isascii, c.lower()))] == ["\u0130", "\u212a"]


def test_every_rule_with_addresses_has_a_screen() -> None:
    assert len(ready()) == 6


@pytest.mark.parametrize(
    "text",
    [
        "http://a.bc/ https://example.com, wss://a.b.com:80/x http://8.8.8.8/",
        "![a](https://a.bc/logo.png) [b](//a.bc) ![c](https://a.bc/?w=100&h=200)",
        "<a href='https://a.bc/x/y#part'> [d]: https://a.bc/ url(https://a.bc/s.css)",
    ],
)
def test_plain_addresses_are_not_looked_at(text: str) -> None:
    for each, _ in ready():
        screen = each.confirmation.screen
        assert screen is not None
        assert not list(screen(text.encode()))
