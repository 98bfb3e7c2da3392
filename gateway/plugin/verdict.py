"""What a plugin answers, and the record that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.reasons import Reason


class Outcome(StrEnum):
    """What one hook of one plugin did; `skip` and `error` are never written as `allow`."""

    ALLOW = "allow"
    EDIT = "edit"
    DENY = "deny"
    FLAG = "flag"
    SKIP = "skip"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the exchange, in the error format of the client's dialect.

    `message` is shown to the client: no secret and no prompt text in it. `code` replaces the
    reason's own code on the wire, for plugins from outside (then `reason` is PLUGIN_DENIED).
    `status` replaces the reason's HTTP status. `retry_after_s` says when another try may work.
    """

    reason: Reason
    message: str = ""
    code: str = ""
    status: int = 0
    retry_after_s: float | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the client here, without the upstream: a preflight, a cached answer."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})
"""Of a verdict that has nothing more to say."""


class Verdict:
    """One plugin's finding in one exchange: data for receipt, metrics and log.

    `duration_us` is the time the hook held the exchange. `enforced` is false in shadow mode: then
    a `deny` says what would have been denied. `labels` may only be replaced, never changed.
    """

    # Not a dataclass: some are made for every exchange, and a compiled class of its own takes half.
    __slots__ = ("duration_us", "enforced", "hook", "labels", "outcome", "plugin", "reason")

    def __init__(  # noqa: PLR0917  # made for every hook: keywords would cost
        self,
        plugin: str,
        hook: str,
        outcome: Outcome,
        duration_us: float = 0.0,
        reason: str = "",
        enforced: bool = True,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> None:
        self.plugin = plugin
        self.hook = hook
        self.outcome = outcome
        self.duration_us = duration_us
        self.reason = reason
        self.enforced = enforced
        self.labels = labels

    def __repr__(self) -> str:
        shadow = "" if self.enforced else " (shadow)"
        reason = f": {self.reason}" if self.reason else ""
        return f"<Verdict {self.plugin}.{self.hook} {self.outcome.value}{reason}{shadow}>"
