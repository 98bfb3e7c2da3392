"""`*` stands for any run of characters, nothing else is special, and no text is slow."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.request_limits.globs import Globs


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "GPT-4o", False),
        ("gpt-4*", "gpt-4", True),
        ("gpt-4*", "gpt-4o-mini", True),
        ("gpt-4*", "xgpt-4", False),
        ("*-preview", "o1-preview", True),
        ("*-preview", "o1-preview-2", False),
        ("*claude*sonnet*", "us.anthropic.claude-3-sonnet-v1:0", True),
        ("*claude*sonnet*", "sonnet-claude", False),
        ("*", "", True),
        ("**", "x", True),
        ("", "", True),
        ("", "x", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("ab*ba", "aba", False),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("gpt.4", "gpt-4", False),
    ],
)
def test_a_star_stands_for_any_run(pattern: str, text: str, matches: bool) -> None:
    assert Globs([pattern]).match(text) == matches


@given(st.lists(st.text("ab*", max_size=8), max_size=4), st.text("ab", max_size=12))
def test_any_pattern_may_match(patterns: list[str], text: str) -> None:
    assert Globs(patterns).match(text) == any(fnmatch.fnmatchcase(text, p) for p in patterns)


def test_no_patterns_are_false() -> None:
    assert not Globs([])
    assert Globs([""])
