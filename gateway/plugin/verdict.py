"""What a plugin answers, and the record that is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

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


@dataclass(slots=True)
class Verdict:
    """One plugin's finding in one exchange: data for receipt, metrics and log.

    `duration_us` is the time the hook held the exchange. `enforced` is false in shadow mode: then
    a `deny` says what would have been denied.
    """

    plugin: str
    hook: str
    outcome: Outcome
    duration_us: float = 0.0
    reason: str = ""
    enforced: bool = True
    labels: dict[str, str] = field(default_factory=dict)
