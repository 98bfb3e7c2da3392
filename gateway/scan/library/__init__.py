"""What is looked for, by class: personal data, financial data, secrets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from gateway.plugin.pattern import Pattern
from gateway.scan.library.classes import CLASSES, GROUPS

__all__ = ["CLASSES", "GROUPS", "library", "patterns_of"]


@cache
def library() -> dict[str, tuple[Pattern, ...]]:
    """The patterns of every class; made when they are first asked for."""
    from gateway.scan.library.contact import contact_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.contexts import context_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.identity import identity_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.keys import key_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.network import network_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.payment import payment_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.private_keys import (  # noqa: PLC0415  # only where used
        private_key_patterns,
        token_patterns,
    )

    found: dict[str, list[Pattern]] = {name: [] for name in CLASSES}
    for patterns in (
        contact_patterns(), payment_patterns(), identity_patterns(), network_patterns(),
        key_patterns(), context_patterns(), private_key_patterns(), token_patterns(),
    ):  # fmt: skip
        for pattern in patterns:
            found[pattern.kind].append(pattern)
    return {name: tuple(patterns) for name, patterns in found.items()}


def patterns_of(names: Iterable[str]) -> list[Pattern]:
    """The patterns of classes and groups. Raises KeyError with a name that is neither."""
    wanted = dict.fromkeys(name for each in names for name in GROUPS.get(each, (each,)))
    return [pattern for name in wanted for pattern in library()[name]]
