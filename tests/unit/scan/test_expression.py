"""One tree, three readers: what confirms, what searches, what tells lengths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Pattern
from gateway.scan.engine import make_ready
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
from gateway.scan.gate import DIGITS_GATE, begins_as, fills_runs, for_hyperscan, has_digits
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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"A{22}", True),
        (r"[12]\d{12}", True),
        (r"[12] ?\d{12}", True),
        (r"[1-9]\d{5}(?:19|20)\d{9}", False),
        (r"[1-9]\d{5}(?:11|20)\d{9}", True),
        (r"\d{3}-\d{3}", False),
        (r"sk-[A-Za-z]{20}", False),
        (r"(?:a|b)[bc]{9}", True),
        (r"\ba{9}", False),
    ],
)
def test_what_a_run_of_one_character_is_full_of(expression: str, *, expected: bool) -> None:
    assert fills_runs(bounded(parse(expression))) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"\d{5}", True),
        (r"\d{4}", False),
        (r"\d{3}[ -]?\d{2}", True),
        (r"\d{3}[ -]\d{2}", True),
        (r"\d{2}\d?\d{3}", True),
        (r"\d{2}[ -]{0,2}\d{3}", False),
        (r"\d{2} -\d{3}", False),
        (r"\d{2}-\d?-\d{3}", False),
        (r"\d{2}\.\d{3}", False),
        (r"[A-Z]{2}\d{6}", True),
        (r"[0-9A-F]{12}", False),
        (r"(?:\d{6}|A\d{7})x", True),
        (r"(?:\d{6}|ABC)x", False),
        (r"(?:\d{6}|\d{7})?x", False),
    ],
)
def test_what_is_sure_to_have_digits(expression: str, *, expected: bool) -> None:
    assert has_digits(bounded(parse(expression))) is expected


@given(st.data())
@pytest.mark.parametrize(
    "expression",
    [r"\d{2}\d?[ -]?\d{3}", r"[A-Z]\d{6,14}|\d{7,9}", r"\d?[ -]?\d{3}-\d{2}", r"(?:1|\d{6})\d{5}"],
)
def test_what_has_digits_is_found_by_their_gate(expression: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(re.compile(expression, re.ASCII), fullmatch=True))

    assert has_digits(bounded(parse(expression)))
    assert re.search(DIGITS_GATE, text.encode()) is not None


@pytest.mark.parametrize(
    ("expression", "hint", "expected"),
    [
        (r"\d{6}", r"\d{4}", True),
        (r"\d{4}", r"\d{6}", False),
        (r"AB\d{6}", r"\d{6}", False),
        (r"[1-9]\d{5}(?:19|20)\d{9}[\dX]", r"\d{12}", True),
        (r"(?:AB|C)\d{6}", r"[A-C]", True),
        (r"(?:AB|C)\d{6}", r"[A-C]\d", False),
        (r"A?\d{6}", r"\d{3}", False),
        (r"\d{2,4}x", r"\d{2}", True),
        (r"\d{2,4}x", r"\d{2}x", False),
        (r"(?P<value>\d{3})x", r"\d{3}x", True),
        (r"\bA\d", r"A\d", True),
        (r"\d{6}", r"\d{2,3}", False),
    ],
)
def test_what_is_sure_to_begin_as_its_hint(expression: str, hint: str, *, expected: bool) -> None:
    assert begins_as(bounded(parse(expression)), bounded(parse(hint))) is expected


def test_a_crowded_pattern_with_a_hint_for_its_middle_is_refused() -> None:
    """What stands before the hint would be taken for what stands before the value."""
    with pytest.raises(ExpressionError, match=r'"x": the hint of a crowded pattern must be'):
        make_ready(Pattern("x", "x", r"AB\d{6}", hint=r"\d{6}", crowded=True))
