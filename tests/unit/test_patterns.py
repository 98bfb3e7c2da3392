"""Patterns: only the star is special."""

from __future__ import annotations

import pytest

from gateway.patterns import compile_pattern, compile_patterns


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "abbc", True),
        ("a*b*c", "acb", False),
        ("a**b", "ab", True),
        ("*x*", "x", True),
        ("*x*", "", False),
        ("*", "", True),
        ("a*bc*c", "abc", False),
        ("gpt-4.1*", "gpt-4x1", False),
        ("a?", "ab", False),
    ],
)
def test_only_the_star_is_special(pattern: str, text: str, expected: bool) -> None:
    assert compile_pattern(pattern)(text) is expected


def test_a_star_among_the_values_asks_nothing() -> None:
    assert compile_patterns(["a", "*"]) is None
    assert compile_patterns([]) is None


def test_any_of_several_values_will_do() -> None:
    matches = compile_patterns(["gpt-*", "o3", "*-mini"])

    assert matches is not None
    assert [matches(m) for m in ("gpt-4", "o3", "x-mini", "o4")] == [True, True, True, False]
