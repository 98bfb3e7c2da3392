"""A stream comes to what the whole text comes to, wherever it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugin import VALUES_MAX, Finding, Pattern, TextStream
from gateway.scan.binding import engine_for
from gateway.scan.scanner import UseScanner
from gateway.scan.upcoming import WINDOW

PATTERNS = [
    Pattern(
        "email",
        "email",
        r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,24}",
        left=r"\w.%+-",
    ),
    Pattern("card", "card", r"\d(?:[ -]?\d){12,18}", rank=10),
    Pattern("even", "even", r"\d{4}", validator=lambda value, _: int(value[-1]) % 2 == 0),
    Pattern("near", "near", r"\d{3}", near=r"(?i:secret)"),
    Pattern("jwt", "jwt", r"eyJ[A-Za-z0-9_-]{8,64}\.", run=r"\w.=-"),
    Pattern(
        "pem",
        "pem",
        r"-----BEGIN [A-Z ]{0,12}KEY-----\s{0,4}[A-Za-z0-9+/=]{8}",
        left="",
        run=r"A-Za-z0-9+/=\s",
        closing=r"-----END [A-Z ]{0,12}KEY-----",
    ),
    Pattern("password", "password", r"(?i:pass)\s{0,3}[:=]\s{0,3}(?P<value>\S{6,40})", right=r"\S"),
    Pattern("open", "custom", r"PRJ-\d+"),
    Pattern("words", "custom", r"\b(?:übergröße|x{2,5}y)\b", left=""),
]
FRAGMENTS = [
    "foo", "@", "bar.com", " ", "4111", "1112", "-", "eyJabcdefghij", ".", "pass", ":", "=", "PRJ-",
    "12", "\n", "-----BEGIN ", "KEY-----", "-----END ", "AAAAAAAA", "\u200b", "\uff41", "é", '"',
    ",", "secret", "übergröße", "xx", "y", "\U000e0041", "\u0663", "\u200b" * 30,
]  # fmt: skip
TEXTS = [
    "hello foo@bar.com and x",
    " my card 4111 1111 1111 1111 ok",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0. a@b.cc",
    "k -----BEGIN RSA KEY-----\nMIIEowIBAAKCAQEA\nMIIEowIB\n-----END RSA KEY----- end. more",
    "-----BEGIN KEY-----AAAAAAAAAAAA and then prose without an end. And more",
    "pass: hunter2xyz, foo and secret 123 4567",
    "PRJ-1234567 x PRJ- y xxxxy übergröße",
    "f\uff4f\u200bo@bar\u200b.com é pass = é\u200bäöüéé! x \uff11\uff12\uff13\uff14",
    "eyJabcdefghijkl.abc@foo.com x",
    "ab eyJabcdefghijkl.x-pass: foofoobar@x.yz 12",
]


@cache
def shared(values_max: int = VALUES_MAX) -> UseScanner:
    engine = engine_for(PATTERNS)
    return UseScanner(PATTERNS, {"request": engine, "response": engine}, values_max)


def spliced(text: str, found: Iterable[Finding]) -> str:
    out, last = "", 0
    for finding in found:
        assert finding.start >= last
        out += text[last : finding.start]
        out += "" if finding.continued else f"[{finding.pattern.kind}]"
        last = finding.stop
    return out + text[last:]


def streamed(scanner: UseScanner, text: str, cuts: Sequence[int], *, whole_values: bool) -> str:
    channel = scanner.channel("response", whole_values=whole_values)
    held, out = "", ""
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    for number, piece in enumerate([*pieces, ""]):
        stream = TextStream("c", held + piece, final=number == len(pieces))
        found, safe = channel.feed(stream)
        out += spliced(stream.text[:safe], found)
        held = stream.text[safe:]
    assert held == ""
    return out


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("whole_values", [False, True])
def test_every_single_cut_and_every_even_cut(text: str, whole_values: bool) -> None:
    scanner = shared()
    whole = spliced(text, scanner.find(text, "response"))
    assert whole != text

    for cut in range(len(text) + 1):
        assert streamed(scanner, text, [cut], whole_values=whole_values) == whole
    for size in range(1, 20):
        cuts = list(range(size, len(text), size))
        assert streamed(scanner, text, cuts, whole_values=whole_values) == whole


@pytest.fixture(params=[WINDOW, 7], autouse=True)
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Matches are looked for a few thousand characters at a time: here also a few."""
    monkeypatch.setattr("gateway.scan.upcoming.WINDOW", request.param)
    shared.cache_clear()  # what was found is remembered
    yield
    shared.cache_clear()


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_text_and_any_cuts(data: st.DataObject) -> None:
    values_max = data.draw(st.sampled_from([VALUES_MAX, 1, 2, 5]))
    text = "".join(data.draw(st.lists(st.sampled_from(FRAGMENTS), max_size=24)))
    scanner = shared(values_max)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    whole = spliced(text, scanner.find(text, "response"))

    for whole_values in (False, True):
        assert streamed(scanner, text, cuts, whole_values=whole_values) == whole


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_source_of_json_and_any_cuts(data: st.DataObject) -> None:
    said = "".join(data.draw(st.lists(st.sampled_from(FRAGMENTS), max_size=16)))
    text = orjson.dumps({"a": said}).decode()
    if data.draw(st.booleans()):
        text = text.replace("\u200b", r"\u200b")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    scanner = shared()
    whole = spliced(text, scanner.find(text, "response", "raw"))

    for whole_values in (False, True):
        assert streamed(scanner, text, cuts, whole_values=whole_values) == whole


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("whole_values", [False, True])
def test_a_large_piece_comes_to_what_small_ones_do(
    text: str, whole_values: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = shared()
    whole = spliced(text, scanner.find(text, "response"))
    for size in (1, 3, 7):
        monkeypatch.setattr("gateway.scan.channel._SLICE", size)
        for cut in (0, 5, len(text) // 2):
            assert streamed(scanner, text, [cut], whole_values=whole_values) == whole
