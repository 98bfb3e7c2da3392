"""Refuses policies that would open the gateway to a network without asking who calls.

Where the listener is bound to a loopback address, only this machine can reach it. Anywhere else,
every policy through which an upstream can be reached must verify the caller: with a plugin that
refuses strangers (`auth`), enforced, without a condition, and refusing where it fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.errors import Problem
from gateway.networks import parse_address
from gateway.patterns import compile_patterns
from gateway.policy.instances import Instance
from gateway.policy.models import Mode
from gateway.policy.parser import WrittenPolicy, WrittenUse
from gateway.policy.routes import Route
from gateway.settings import Settings

HINT = (
    "add `auth` to the chain, bind listener.host to 127.0.0.1,"
    " or say --insecure where something in front of the gateway asks who calls"
)


def is_loopback(host: str) -> bool:
    """Whether a listener on `host` is reached from this machine only.

    A name other than `localhost` counts as reachable: what it resolves to may change.
    """
    address = parse_address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def open_policies(
    settings: Settings,
    policies: Sequence[WrittenPolicy],
    instances: Sequence[Instance],
    routes: Iterable[Route],
) -> list[Problem]:
    """One problem for each policy that serves whoever comes; none where that is wanted."""
    if settings.insecure or is_loopback(settings.listener.host):
        return []
    upstream_routes = [route.name for route in routes if route.upstream]
    return [
        policy.document.problem(
            ("chain",),
            f'"{policy.file.name}" serves every caller of {settings.listener.host or "any address"}'
            " without asking who it is",
            HINT,
            key=True,
        )
        for policy in policies
        if policy.file.mode is not Mode.OFF
        and _is_on_one_of(policy, upstream_routes)
        and not _asks_who(policy, instances)
    ]


def _is_on_one_of(policy: WrittenPolicy, routes: Iterable[str]) -> bool:
    on_route = compile_patterns(policy.file.match.routes)
    return on_route is None or any(on_route(name) for name in routes)


def _asks_who(policy: WrittenPolicy, instances: Sequence[Instance]) -> bool:
    if policy.file.mode is not Mode.ENFORCE:
        return False
    return any(_verifies(use, instances) for use in policy.uses)


def _verifies(use: WrittenUse, instances: Sequence[Instance]) -> bool:
    settings = use.settings
    if settings.mode is not Mode.ENFORCE or settings.when is not None:
        return False
    if (settings.on_error or use.plugin.on_error) != "reject":
        return False
    # Whether it does may depend on its configuration, so the instance is asked.
    return any(
        instance.plugin.refuses_strangers
        for instance in instances
        if type(instance.plugin) is use.plugin and instance.config == use.config
    )
