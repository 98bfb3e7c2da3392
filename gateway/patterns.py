"""Patterns with `*`, compiled: what policies, roles and scopes match names with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

Test: TypeAlias = Callable[[str], bool]

ANYTHING = "*"


def compile_pattern(pattern: str) -> Test:
    """A test for one pattern; its time is linear in the text, whatever the pattern."""
    if "*" not in pattern:
        return pattern.__eq__
    first, *middle, last = pattern.split("*")
    parts = [part for part in middle if part]
    if not parts and not last:
        return lambda text: text.startswith(first)

    def matches(text: str) -> bool:
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, stop = len(first), len(text) - len(last)
        for part in parts:
            found = text.find(part, at, stop)
            if found < 0:
                return False
            at = found + len(part)
        return at <= stop

    return matches


def compile_patterns(patterns: Iterable[str]) -> Test | None:
    """A test that any of `patterns` matches; None where every text passes."""
    plain: set[str] = set()
    tests: list[Test] = []
    for pattern in patterns:
        if pattern == ANYTHING:
            return None
        if "*" in pattern:
            tests.append(compile_pattern(pattern))
        else:
            plain.add(pattern)
    if not plain and not tests:
        return None
    if not tests:
        return plain.__contains__

    def matches(text: str) -> bool:
        return text in plain or any(test(text) for test in tests)

    return matches
