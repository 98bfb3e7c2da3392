"""One exchange as the draft of a receipt: everything but its place in the log and its signature.

Integers, texts and booleans only (what is absent is left out), and names of members in ASCII, so
that what the sequencer signs is the canonical JSON of RFC 8785. Nothing here is content, unless the
policy asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from gateway import __version__
from gateway.build import KIND
from gateway.plugin import (
    COST_MICROS,
    PRINCIPAL,
    REDACTIONS,
    TRUST,
    TRUST_BAND,
    Evidence,
    Exchange,
    Outcome,
    Usage,
    Verdict,
)
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway.receipts.receipt import EMPTY_TEXT_HASH
from gateway_plugins.receipt.names import Names
from gateway_plugins.receipt.reading import Reading

TEXT_CHARACTERS_MAX: Final = 512
"""Of a name that a client or a provider chose."""
NO_MODEL: Final = "none"
"""Stands at `interaction.model`, which the format requires, where no model is named."""

_GATEWAY: Final = {"build": KIND, "version": __version__}
_VERSION: Final = 1
_SEVERITY: Final = {"yellow": 1, "red": 2, "critical": 3}
_WEIGHT: Final = {
    outcome: weight
    for weight, outcome in enumerate(
        (Outcome.SKIP, Outcome.ALLOW, Outcome.FLAG, Outcome.EDIT, Outcome.ERROR, Outcome.DENY)
    )
}


class Moment:
    """Now, and wall-clock times of what was measured with the monotonic clock."""

    __slots__ = ("_offset", "_wall")

    def __init__(self, wall: float, monotonic: float) -> None:
        """The two clocks at one moment, in seconds."""
        self._wall = wall
        self._offset = wall - monotonic

    def ms(self, monotonic: float) -> int:
        """Milliseconds since 1970; 0 for what did not happen."""
        return int((self._offset + monotonic) * 1000) if monotonic else 0

    def text(self) -> str:
        """Now as ISO 8601 in UTC, with milliseconds."""
        second = int(self._wall)
        return f"{_date(second)}.{int((self._wall - second) * 1000):03d}Z"


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def draft_of(
    x: Exchange,
    evidence: Evidence,
    names: Names,
    now: Moment,
    mode: str,
) -> dict[str, Any]:
    """What is known at any time: with no end, no bodies and no texts yet."""
    model = x.model
    return {
        "timestamp": now.text(),
        "session_id": names.session_id,
        "agent_did": names.agent_did,
        "human_did": names.human_did,
        "mode": mode,
        "interaction": {
            "model": _short(model) if model else NO_MODEL,
            "provider": x.upstream or "none",
            "prompt_hash": EMPTY_TEXT_HASH,
            "response_hash": EMPTY_TEXT_HASH,
        },
        "metadata": {
            "sealgate": {
                "v": _VERSION,
                "ref": evidence.ref,
                "tenant": tenant_of(x),
                "request_id": x.id,
                "route": x.route,
                "dialect": x.dialect.value,
                "policy": {
                    "name": x.policy,
                    "version": x.policy_version,
                    "digest": evidence.policy_digest,
                },
                "gateway": _GATEWAY,
                **({} if names.principal is None else {"principal": names.principal}),
                "names": names.sources,
                "model": {"asked": _short(model)} if model else {},
                "digests": {},
                "bytes": {"in": 0, "out": 0},
                "stream": {"events": 0, "outcome": "gateway_crash"},
                "outcome": "failed",
                "reason": "",
                "status": 0,
                "verdicts": [],
                "redactions": {},
                "attempts": [],
                "times_ms": {
                    "received": now.ms(x.started_at),
                    "forwarded": 0,
                    "first_byte": 0,
                    "last_byte": 0,
                },
            }
        },
    }


def complete(
    draft: dict[str, Any],
    x: Exchange,
    evidence: Evidence,
    reading: Reading,
    now: Moment,
) -> None:
    """Fills the draft of an exchange that is over, of which `reading` has read all."""
    interaction = draft["interaction"]
    interaction["prompt_hash"] = reading.prompt_hash
    interaction["response_hash"] = reading.answer_hash
    asked = x.model or _model_of(reading.asked)
    usage = x.usage if x.usage is not None else reading.usage
    served = reading.served or (usage.model if usage is not None else None)
    if asked or served:
        interaction["model"] = _short(asked or served or "")
    sealgate = draft["metadata"]["sealgate"]
    sealgate["digests"] = reading.digests
    named = {"asked": asked, "served": served}
    sealgate["model"] = {key: _short(model) for key, model in named.items() if model}
    sealgate["bytes"] = {"in": x.bytes_in, "out": x.bytes_out}
    sealgate["stream"] = {"events": reading.events, "outcome": evidence.stream_outcome}
    sealgate["outcome"] = evidence.outcome
    sealgate["reason"] = evidence.reason
    sealgate["status"] = evidence.status
    sealgate["verdicts"] = verdicts_of(x.verdicts)
    if usage is not None:
        sealgate["usage"] = _usage(usage)
    sealgate["attempts"] = [
        {"target": a.target, "status": a.status, "outcome": a.reason or "ok"}
        for a in evidence.attempts
    ]
    times = sealgate["times_ms"]
    times["forwarded"] = now.ms(evidence.forwarded_at)
    times["first_byte"] = now.ms(evidence.first_byte_at)
    times["last_byte"] = now.ms(evidence.ended_at)
    _add_findings(sealgate, x, reading)
    trust = x.facts.get(TRUST)
    if trust is not None:
        _add_trust(draft, sealgate, trust)


def _add_findings(sealgate: dict[str, Any], x: Exchange, reading: Reading) -> None:
    """What is there only where somebody found it out."""
    coverage = _coverage(x)
    if coverage is not None:
        sealgate["coverage"] = coverage
    redactions = x.facts.get(REDACTIONS)
    if redactions:
        sealgate["redactions"] = dict(redactions)
    if reading.coded:
        sealgate["coded"] = reading.coded
    if reading.unread:
        sealgate["unread"] = reading.unread
    cost = x.facts.get(COST_MICROS)
    if cost is not None:
        sealgate["cost_micros"] = cost
    raised = x.facts.get(TRUST_BAND)
    if raised is not None:
        sealgate["band"], sealgate["severity"] = raised, _SEVERITY[raised]


def tenant_of(x: Exchange) -> str:
    """The tenant of the verified caller, or the one of whoever is not known."""
    principal = x.facts.get(PRINCIPAL)
    return ANONYMOUS_TENANT if principal is None else str(principal.tenant)


def verdicts_of(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """One entry per plugin and mode: the heaviest outcome of its hooks, and their time together."""
    found: dict[tuple[str, bool], list[Any]] = {}
    for verdict in verdicts:
        key = (verdict.plugin, verdict.enforced)
        entry = found.get(key)
        if entry is None:
            found[key] = [verdict.outcome, verdict.reason, verdict.duration_us]
            continue
        entry[2] += verdict.duration_us
        if _WEIGHT[verdict.outcome] > _WEIGHT[entry[0]]:
            entry[0], entry[1] = verdict.outcome, verdict.reason
    return [
        {
            "plugin": plugin,
            "mode": "enforce" if enforced else "shadow",
            "outcome": outcome,
            "reason": reason,
            "us": int(us),
        }
        for (plugin, enforced), (outcome, reason, us) in found.items()
    ]


def _coverage(x: Exchange) -> dict[str, Any] | None:
    coverage = x.coverage
    if coverage is None:
        return None
    found: dict[str, Any] = {name: part.level for name, part in coverage.parts()}
    gaps = coverage.gaps
    if gaps:
        found["gaps"] = gaps.split(",")
    return found


def _usage(usage: Usage) -> dict[str, Any]:
    found: dict[str, Any] = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    return {**found, "estimated": True} if usage.estimated else found


def _add_trust(draft: dict[str, Any], sealgate: dict[str, Any], trust: Mapping[str, Any]) -> None:
    """The score with its facts is ours; `telemetry` says the same in the words of the format."""
    sealgate["trust"] = dict(trust)
    draft["telemetry"] = {
        "sonate_principles": trust["points"],
        "overall_trust_score": trust["result"],
        "trust_status": trust["verdict"],
        "weight_source": trust["profile"],
        "weight_policy_id": f"{trust['table']}/{trust['profile']}",
    }


def _model_of(asked: Any) -> str | None:
    model = asked.get("model") if isinstance(asked, dict) else None
    return model if isinstance(model, str) else None


def _short(text: str) -> str:
    return text[:TEXT_CHARACTERS_MAX]
