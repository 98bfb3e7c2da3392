"""The compiled chain: what the runner walks, with nothing left to decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.plugin.coverage import SHOWN_ONLY, Uninspectable
from gateway.plugin.evidence import Evidence
from gateway.plugin.exchange import Exchange

Predicate: TypeAlias = Callable[[Exchange], bool]


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook of one configured use of a plugin.

    `plugin` and `hook` are the names written into verdicts. `enforced` is false in shadow mode.
    `reject_on_error` says what an exception or a time-out means. `plain` marks the common case that
    the runner treats without a further question: enforced, no condition, no time limit. `answering`
    is true for the hooks of the response, whose edits are looked for there. `uninspectable` says
    what becomes of a stream that the use cannot read.
    """

    plugin: str
    hook: str
    call: Callable[..., Any]
    enforced: bool = True
    reject_on_error: bool = True
    timeout_s: float | None = None
    when: Predicate | None = None
    plain: bool = True
    answering: bool = False
    uninspectable: Uninspectable = SHOWN_ONLY


@dataclass(frozen=True, slots=True)
class Witness:
    """The step that leaves receipts: what makes its evidence, and its condition."""

    begin: Callable[[Exchange, str], Evidence | None]
    when: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """One tuple per hook, holding only the uses that override it.

    `request_headers`, `request` and `complete` stand in the order of the policy;
    `response_headers`, `response` and `text` in reverse, so that the first plugin sees the request
    first and the response last.
    """

    request_headers: tuple[Hook, ...] = ()
    request: tuple[Hook, ...] = ()
    response_headers: tuple[Hook, ...] = ()
    response: tuple[Hook, ...] = ()
    text: tuple[Hook, ...] = ()
    complete: tuple[Hook, ...] = ()
    needs_usage: bool = False
    """Whether a use reads `x.usage`."""
    reads_request: bool = False
    """Whether a use judges the texts of the request."""
    reads_answer: bool = False
    """Whether one judges those of the answer."""
    inspects_sockets: bool = False
    """Whether all that is asked of bodies can be asked of the messages of a WebSocket."""
    body_asks: tuple[Predicate, ...] | None = None
    """Each use's `wants_body`, where all that have `on_request` say so; else the body is needed."""
    witness: Witness | None = None
    """The first enforced use that has `begin_evidence`."""

    def wants_body(self, x: Exchange) -> bool:
        """Whether a hook of `request` has anything to look at in this exchange."""
        asks = self.body_asks
        if asks is None:
            return True
        for ask in asks:  # noqa: SIM110  # mypyc makes a list of a generator: `any` would ask all of them
            if ask(x):
                return True
        return False
