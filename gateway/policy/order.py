"""Which policy is tried first, and the faults that only show when all policies are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.errors import Problem
from gateway.patterns import ANYTHING, compile_pattern
from gateway.policy.condition import text_of
from gateway.policy.models import Match
from gateway.policy.parser import WrittenPolicy
from gateway.suggestions import did_you_mean


def is_catch_all(policy: WrittenPolicy) -> bool:
    """Whether a policy is for every request."""
    return not text_of(policy.file.match)


def in_order(policies: Iterable[WrittenPolicy]) -> list[WrittenPolicy]:
    """Those of the profile first, then those that match something before those that match all.

    Within each of these, the order stays: that of the file names.
    """
    return sorted(policies, key=lambda p: (p.file.profile is None, is_catch_all(p)))


def order_problems(
    active: Sequence[WrittenPolicy], loaded: Sequence[WrittenPolicy], routes: Sequence[str]
) -> list[Problem]:
    """Names that stand twice, two policies for every request, routes not known.

    `active` are those of `loaded` that are not switched off.
    """
    problems = [*_same_names(loaded), *_same_level(active)]
    for policy in loaded:
        problems += _unknown_routes(policy, policy.file.match, ("match",), routes)
        for use in policy.uses:
            if use.settings.when is not None:
                path = (*use.path, "when")
                problems += _unknown_routes(policy, use.settings.when, path, routes)
    return problems


def _same_names(policies: Iterable[WrittenPolicy]) -> Iterable[Problem]:
    seen: dict[str, WrittenPolicy] = {}
    for policy in policies:
        first = seen.setdefault(policy.file.name, policy)
        if first is not policy:
            message = f'the name "{policy.file.name}" is taken by {_place(first, ("name",))}'
            hint = "names of policies are unique: logs and receipts carry them"
            yield policy.document.problem(("name",), message, hint)


def _same_level(policies: Iterable[WrittenPolicy]) -> Iterable[Problem]:
    seen: dict[str | None, WrittenPolicy] = {}
    for policy in policies:
        if not is_catch_all(policy):
            continue
        first = seen.setdefault(policy.file.profile, policy)
        if first is not policy:
            message = (
                f'"{policy.file.name}" matches every request, and so does '
                f'"{first.file.name}" ({_place(first, match_path(first))})'
            )
            hint = "give one of them a narrower match or a profile"
            yield policy.document.problem(match_path(policy), message, hint, key=True)


def match_path(policy: WrittenPolicy) -> tuple[str, ...]:
    """Where to point at what a policy matches: its `match`, or its name where it has none."""
    return ("match",) if ("match",) in policy.document.keys else ("name",)


def _place(policy: WrittenPolicy, path: tuple[str, ...]) -> str:
    document = policy.document
    line, column = document.position(path, key=True)
    return f"{document.file}:{line}:{column}"


def _unknown_routes(
    policy: WrittenPolicy, when: Match, path: tuple[str | int, ...], routes: Sequence[str]
) -> Iterable[Problem]:
    for index, pattern in enumerate(when.routes):
        matches = compile_pattern(pattern)
        if not any(matches(name) for name in routes):
            message = f'no route is called "{pattern}"'
            hint = did_you_mean(pattern, routes)
            yield policy.document.problem((*path, "routes", index), message, hint)


def unreachable(policies: Sequence[WrittenPolicy]) -> list[tuple[WrittenPolicy, WrittenPolicy]]:
    """Pairs of a policy that no request can reach and the earlier one that takes them all.

    `policies` are in order. Only policies of one level are compared: that a profile hides the
    policies of none is what profiles are for.
    """
    hidden = []
    for index, policy in enumerate(policies):
        for earlier in policies[:index]:
            same_level = earlier.file.profile == policy.file.profile
            if same_level and _covers(earlier.file.match, policy.file.match):
                hidden.append((policy, earlier))
                break
    return hidden


def _covers(wide: Match, narrow: Match) -> bool:
    """Whether every request that `narrow` matches is matched by `wide`."""
    for name in ("routes", "hosts", "paths", "methods", "models", "tenants"):
        if not _covers_values(getattr(wide, name), getattr(narrow, name)):
            return False
    given = {name.lower(): pattern for name, pattern in narrow.headers.items()}
    return all(
        name.lower() in given and compile_pattern(pattern)(given[name.lower()])
        for name, pattern in wide.headers.items()
    )


def _covers_values(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    if not wide or ANYTHING in wide:
        return True
    # A `*` in the narrow pattern is a character like any other here, and only `*` matches it.
    return bool(narrow) and all(any(compile_pattern(w)(n) for w in wide) for n in narrow)
