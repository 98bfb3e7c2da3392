"""The steps that run before the policy is chosen, where that depends on who is calling.

Who is calling is known only after a step such as `auth`, and `auth` is a step of a policy. So on a
route whose policies differ by tenant, all that may serve the same requests begin with the same
steps, up to the one that tells the caller: their head. It runs once, then the policy is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.errors import Problem
from gateway.patterns import compile_patterns
from gateway.plugin.identity import PRINCIPAL
from gateway.policy.condition import text_of
from gateway.policy.models import Mode
from gateway.policy.parser import WrittenPolicy, WrittenUse


@dataclass
class Heads:
    """`lengths` has the policies that take part in a choice by tenant, each with its head's length.

    Steps that are switched off are not counted.
    """

    lengths: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def active_uses(policy: WrittenPolicy) -> tuple[WrittenUse, ...]:
    """The steps of a policy but for those that are switched off."""
    return tuple(use for use in policy.uses if use.settings.mode is not Mode.OFF)


def may_serve(policies: Sequence[WrittenPolicy], route: str) -> list[WrittenPolicy]:
    """The policies that may serve a request of `route`, up to the first that always does."""
    found: list[WrittenPolicy] = []
    for policy in policies:
        match = policy.file.match
        on_route = compile_patterns(match.routes)
        if on_route is not None and not on_route(route):
            continue
        found.append(policy)
        if not text_of(match.model_copy(update={"routes": ()})):
            break
    return found


def chosen_by_tenant(candidates: Sequence[WrittenPolicy]) -> Sequence[WrittenPolicy]:
    """Those of `candidates` that are tried once the caller is known.

    The first that is for certain tenants, and all after it.
    """
    for index, policy in enumerate(candidates):
        if policy.file.match.asks_tenant:
            return candidates[index:]
    return ()


def find_heads(policies: Sequence[WrittenPolicy], routes: Iterable[str]) -> Heads:
    """The heads of `policies`, which are in order, on all `routes`; and what is wrong with them."""
    heads = Heads()
    told: set[str] = set()
    for route in routes:
        group = chosen_by_tenant(may_serve(policies, route))
        for policy in group:
            if policy.file.name not in told:
                problem = _problem(policy, group[0], route)
                if problem is not None:
                    told.add(policy.file.name)
                    heads.problems.append(problem)
            heads.lengths[policy.file.name] = _length(group[0])
    return heads


def _length(policy: WrittenPolicy) -> int:
    """How many steps it takes to know the caller; 0 where no step tells."""
    for index, use in enumerate(active_uses(policy)):
        if PRINCIPAL in use.plugin.provides:
            return index + 1
    return 0


def _problem(policy: WrittenPolicy, first: WrittenPolicy, route: str) -> Problem | None:
    """Why `policy` cannot be chosen by tenant together with `first`, which is tried before."""
    if policy.file.mode is Mode.SHADOW:
        message = "a policy in shadow mode cannot be chosen by tenant: its auth would not count"
        hint = "give mode: shadow to each step after auth in place of the policy"
        return policy.document.problem(("mode",), message, hint)
    if policy is first:
        return _own_problem(policy)
    head = active_uses(first)[: _length(first)]
    own = active_uses(policy)
    for index, use in enumerate(head):
        if index < len(own) and same_step(own[index], use):
            continue
        return _differs(policy, own[index] if index < len(own) else None, first, use, route)
    return None


def _own_problem(policy: WrittenPolicy) -> Problem | None:
    """What is wrong with the first policy of a route that is for certain tenants."""
    length = _length(policy)
    if not length:
        message = "tenants are told apart by a step that knows the caller, and there is none"
        hint = "put auth into the chain"
        return policy.document.problem(("match", "tenants"), message, hint, key=True)
    use = active_uses(policy)[length - 1]
    if use.settings.mode is not Mode.ENFORCE or use.settings.when is not None:
        message = f"{use.plugin.name} tells the tenants apart, so it must always count"
        hint = "leave out its mode and when"
        return policy.document.problem(use.path, message, hint, key=True)
    return None


def same_step(one: WrittenUse, other: WrittenUse) -> bool:
    """Whether two steps do the same: plugin, configuration and what the use says."""
    return (
        one.plugin is other.plugin and one.config == other.config and one.settings == other.settings
    )


def _differs(
    policy: WrittenPolicy,
    own: WrittenUse | None,
    first: WrittenPolicy,
    use: WrittenUse,
    route: str,
) -> Problem:
    """Points at the first step that differs, or at the chain that is too short."""
    message = (
        f'on route {route} the tenant decides between "{first.file.name}" and '
        f'"{policy.file.name}", so both begin with the same steps up to auth'
    )
    place = first.document.position(use.path, key=True)
    hint = f"here {use.plugin.name} as in {first.document.file}:{place.line}"
    path = ("chain",) if own is None else own.path
    return policy.document.problem(path, message, hint, key=True)
