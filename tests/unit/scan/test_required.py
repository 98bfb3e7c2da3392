"""A byte that is told to be required stands where it is told to in every match."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.expression import bounded, parse
from gateway.scan.required import REACH_MAX, Required, required
from tests.expression_texts import spelled
from tests.unit.scan.test_matcher import READY, TREES


def stands(found: Required, match: bytes) -> bool:
    return any(found.chars >> byte & 1 for byte in match[found.low : found.high + 1])


@pytest.mark.parametrize("ready", READY, ids=lambda ready: ready.pattern.name)
def test_every_match_of_every_pattern_has_it(ready: object) -> None:
    body, random = ready.body, Random(3)  # type: ignore[attr-defined]  # noqa: S311  # texts of a test
    found = required(body)
    if found is not None:
        for more in (0, 2, 30):
            match = spelled(body, random, more).encode("utf-8", "replace")
            assert stands(found, match), (found, match)


@settings(deadline=None, max_examples=400)
@given(TREES, st.integers(0, 9))
def test_every_match_of_any_expression_has_it(tree: object, seed: int) -> None:
    found = required(tree)  # type: ignore[arg-type]  # a tree
    if found is not None:
        match = spelled(tree, Random(seed)).encode("utf-8", "replace")  # type: ignore[arg-type]  # noqa: S311  # as above
        assert stands(found, match)


@pytest.mark.parametrize(
    ("expression", "chars", "low", "high"),
    [
        (r"[a-z]{1,64}@[a-z]{2,9}", "@", 1, 64),
        (r"(?:pass|secret)\s?[=:][a-z]{6,9}", "=:", 4, 7),
        (r"[a-zé]{1,10}@b", "@", 1, 40),
        (r"(?:[a-z]{2}\d{4}|[a-z]{3}\d{9})", "0123456789", 2, 3),
    ],
)
def test_the_one_that_is_seldom_is_told(expression: str, chars: str, low: int, high: int) -> None:
    bits = sum(1 << ord(char) for char in chars)
    assert required(bounded(parse(expression))) == (bits, low, high)


@pytest.mark.parametrize(
    "expression",
    ["ab", "[a-z]{3,9}", "é{9}", r"[a-z]*@", rf"(?:[a-z]{{1,900}}[.]?){{{REACH_MAX // 900 + 1}}}@"],
    ids=["near", "in every word", "beyond ASCII", "endless", "far away"],
)
def test_where_none_helps_there_is_none(expression: str) -> None:
    assert required(parse(expression)) is None
