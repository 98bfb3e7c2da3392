"""One tree, three readers: what confirms, what searches, what tells lengths."""

from __future__ import annotations

import re

import pytest

from gateway.scan.expression import (
    ExpressionError,
    bounded,
    character_class,
    for_re2,
    inverted,
    lengths,
    parse,
    trailing_run,
)
from gateway.scan.gate import for_hyperscan
from gateway.scan.patterns import compiled


def found(expression: str, text: str) -> str | None:
    data = text.encode()
    spans = compiled(f"({for_re2(bounded(parse(expression)))})")(data, 0, len(data))
    start, stop = spans[1]
    return None if start < 0 else data[start:stop].decode()


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [
        (r"a{2,3}", "xaaaa", "aaa"),
        (r"a{2,3}?", "xaaaa", "aa"),
        (r"(?i:k)s", "ks KS", "ks"),
        (r"(?i)\bübung\b", "Die ÜBUNG", None),  # \b is ASCII: no edge beside Ü
        (r"(?i)übung", "Die ÜBUNG", "ÜBUNG"),
        (r"[^a-y]", "abcz", "z"),
        (r"\d+", "٣ 12", "12"),
        (r"(?:ab|cd)+", "xabcdz", "abcd"),
        (r"a.c", "a\nc abc", "abc"),
        (r"(?s:a.c)", "a\nc abc", "a\nc"),
    ],
)
def test_what_confirms_reads_as_it_is_written(
    expression: str, text: str, expected: str | None
) -> None:
    assert found(expression, text) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(", "not a regular expression"),
        (r"(a)\1", "a back-reference"),
        ("(?=a)a", "look-around"),
        ("(?<!a)b", "look-around"),
        ("^a", "an anchor"),
        ("a$", "an anchor"),
        ("(?>a)", "an atomic group"),
        ("a++", "a possessive repetition"),
    ],
)
def test_what_is_not_linear_is_refused_by_name(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        parse(expression)


def test_lengths_are_those_of_the_shortest_and_the_longest_match() -> None:
    assert lengths(parse(r"a{2,5}(?:b|cde)?\b")) == (2, 8)
    assert lengths(bounded(parse("ab*c"))) == (2, 258)


def test_the_last_unbounded_class_is_a_run() -> None:
    split = trailing_run(parse(r"sk-(?P<value>[a-z]{4,})"))

    assert split is not None
    assert lengths(split[0]) == (7, 7)
    assert split[1] == ((97, 122),)
    assert trailing_run(parse("a{2,3}")) is None


def test_a_class_and_its_inverse_share_nothing() -> None:
    ranges = character_class(r"\w.-")
    others = inverted(ranges)

    assert inverted(others) == ranges
    assert sum(b - a + 1 for a, b in (*ranges, *others)) == 0x110000


def gate_matches(expression: str, text: str, left: str = "") -> bool:
    ranges = character_class(left) if left else ()
    gate = for_hyperscan(bounded(parse(expression)), ranges)
    return re.search(gate, text.encode()) is not None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"[A-Za-z0-9.]{1,64}@[a-z]{1,20}\.[a-z]{2,9}", "x jane@example.org"),
        (r"(?i:übung)\d{3}", "ÜBUNG123"),
        (r"[äöü]{3,9}x", "äöüx"),
        (r"[^a]{3,5}b", "éééb"),
        (r"\d{4}(?:[ -]?\d{4}){3}", "4111-1111 1111 1111"),
        (r"(?:GB|DE)\d{2}", "GB12"),
    ],
)
def test_what_is_searched_for_is_never_narrower(expression: str, text: str) -> None:
    assert found(expression, text) is not None
    assert gate_matches(expression, text)
