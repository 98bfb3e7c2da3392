"""One exchange as the draft of a receipt: everything but its place in the log and its signature.

Integers, texts and booleans only (what is absent is left out), and names of members in ASCII, so
that what the sequencer signs is the canonical JSON of RFC 8785. Nothing here is content, unless the
policy asks for it.

It is written as text, member by member: a value of dicts, made and then serialised, costs twice as
much, and this is done for every exchange while it is served.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway import __version__
from gateway.build import KIND
from gateway.plugin import (
    COST_MICROS,
    PRINCIPAL,
    REDACTIONS,
    TRUST,
    TRUST_BAND,
    Coverage,
    Evidence,
    Exchange,
    Outcome,
    Usage,
    Verdict,
)
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway.receipts.commitment import LABELS
from gateway.receipts.receipt import EMPTY_TEXT_HASH
from gateway_plugins.receipt.names import Names
from gateway_plugins.receipt.reading import Reading

TEXT_CHARACTERS_MAX: Final = 512
"""Of a name that a client or a provider chose."""
NO_MODEL: Final = "none"
"""Stands at `interaction.model`, which the format requires, where no model is named."""
QUOTED_MAX: Final = 4_096
"""Names whose spelling in JSON is remembered; then the memory starts anew."""

_GATEWAY: Final = orjson.dumps({"build": KIND, "version": __version__}).decode()
_VERSION: Final = 1
_SEVERITY: Final = {"yellow": 1, "red": 2, "critical": 3}
_WEIGHT: Final = {
    outcome: weight
    for weight, outcome in enumerate(
        (Outcome.SKIP, Outcome.ALLOW, Outcome.FLAG, Outcome.EDIT, Outcome.ERROR, Outcome.DENY)
    )
}
_ALLOW: Final = Outcome.ALLOW
_PRINCIPAL: Final = PRINCIPAL
_REDACTIONS: Final = REDACTIONS
_COST: Final = COST_MICROS
_TRUST: Final = TRUST
_BAND: Final = TRUST_BAND
_NOTHING: Final = (
    '"digests":{},"bytes":{"in":0,"out":0},"stream":{"events":0,"outcome":"gateway_crash"},'
    '"outcome":"failed","reason":"","status":0,"verdicts":[],"redactions":{},"attempts":[]'
)
"""What is not known of an exchange that has not ended."""

_quoted: Final[dict[str, str]] = {}
_allowed: Final[dict[str, str]] = {}


def quoted(text: str) -> str:
    """`text` as JSON, remembered: names come again. Raises ValueError for half a surrogate pair."""
    known = _quoted.get(text)
    if known is None:
        if len(_quoted) >= QUOTED_MAX:
            _quoted.clear()
        known = _quoted[text] = _json(text)
    return known


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _spelled(text: str) -> str:
    """`text` as JSON; not remembered, but an id is mostly letters and digits, as they are."""
    return f'"{text}"' if text.isascii() and text.isalnum() else _json(text)


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
        ms = int((self._wall - second) * 1000)
        return f"{_dates.of(second)}.{str(ms).zfill(3)}Z"


class _Dates:
    """The second that is written now: it is the same for many exchanges."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def of(self, second: int) -> str:
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return self._text


_dates: Final = _Dates()


class Drafts:
    """Writes the drafts of one use of the plugin."""

    __slots__ = ("_keeps", "_mode", "_places", "_telemetry", "_trust", "_trust_text")

    def __init__(self, mode: str, keep_characters: int) -> None:
        """`mode` is that of its receipts, which hold `keep_characters` of what was said."""
        self._keeps = keep_characters
        self._mode = quoted(mode)
        self._places: dict[tuple[str, int, str, str, int, str], str] = {}
        # The score that was written last: most exchanges come to the very same.
        self._trust: Mapping[str, Any] | None = None
        self._trust_text = self._telemetry = ""

    def opening(self, x: Exchange, evidence: Evidence, names: Names, now: Moment) -> str:
        """What is known at any time: with no end, no bodies and no texts yet."""
        model = x.model
        asked = quoted(_short(model)) if model else ""
        told = asked or quoted(NO_MODEL)
        interaction = _interaction(x, told, EMPTY_TEXT_HASH, EMPTY_TEXT_HASH)
        times = _times(now.ms(x.started_at), 0, 0, 0)
        named = f'"model":{{"asked":{asked}}}' if asked else '"model":{}'
        sealgate = f"{self._place(x, evidence, names)},{named},{_NOTHING},{times}"
        return self._whole(names, now, interaction, sealgate)

    def ending(
        self, x: Exchange, evidence: Evidence, names: Names, reading: Reading, now: Moment
    ) -> str:
        """An exchange that is over, of which `reading` has read all."""
        usage = x.usage if x.usage is not None else reading.usage
        asked = x.model or _model_of(reading.asked)
        served = reading.served or (usage.model if usage is not None else None)
        model = quoted(_short(asked or served or NO_MODEL))
        interaction = _interaction(x, model, reading.prompt_hash, reading.answer_hash)
        if self._keeps:
            interaction += f',"prompt":{_json(reading.prompt[: self._keeps])}'
            interaction += f',"response":{_json(reading.answer)}'
        times = _times(
            now.ms(x.started_at),
            now.ms(evidence.forwarded_at),
            now.ms(evidence.first_byte_at),
            now.ms(evidence.ended_at),
        )
        trust = x.facts.get(_TRUST)
        sealgate = (
            f"{self._place(x, evidence, names)},{_models(asked, served)},{_digests(reading)},"
            f'"bytes":{{"in":{x.bytes_in},"out":{x.bytes_out}}},'
            f'"stream":{{"events":{reading.events},"outcome":"{evidence.stream_outcome}"}},'
            f'"outcome":"{evidence.outcome}","reason":{quoted(evidence.reason)},'
            f'"status":{evidence.status},"verdicts":{verdicts_of(x.verdicts)},'
            f"{_attempts(evidence)},{times}{_findings(x, reading)}"
        )
        if usage is not None:
            sealgate += f',"usage":{_usage(usage)}'
        if trust is None:
            return self._whole(names, now, interaction, sealgate)
        if trust is not self._trust:
            self._trust, self._trust_text = trust, f',"trust":{_json(dict(trust))}'
            self._telemetry = _telemetry(trust)
        return self._whole(names, now, interaction, sealgate + self._trust_text, self._telemetry)

    def _whole(
        self, names: Names, now: Moment, interaction: str, sealgate: str, telemetry: str = ""
    ) -> str:
        return (
            f'{{"timestamp":"{now.text()}","session_id":{_spelled(names.session_id)},'
            f'"agent_did":{quoted(names.agent_did)},"human_did":{quoted(names.human_did)},'
            f'"mode":{self._mode},"interaction":{{{interaction}}},'
            f'"metadata":{{"sealgate":{{{sealgate}}}}}{telemetry}}}'
        )

    def _place(self, x: Exchange, evidence: Evidence, names: Names) -> str:
        """Which exchange it was, and what served it."""
        tenant = tenant_of(x)
        # An enum is hashed in Python: told apart by which object it is.
        dialect = id(x.dialect)
        key = (x.policy, x.policy_version, evidence.policy_digest, x.route, dialect, tenant)
        known = self._places.get(key)
        if known is None:
            if len(self._places) >= QUOTED_MAX:
                self._places.clear()
            known = self._places[key] = (
                f'"tenant":{quoted(tenant)},"route":{quoted(x.route)},'
                f'"dialect":"{x.dialect.value}","policy":{{"name":{quoted(x.policy)},'
                f'"version":{x.policy_version},"digest":"{evidence.policy_digest}"}},'
                f'"gateway":{_GATEWAY}'
            )
        principal = "" if names.principal is None else f'"principal":"{names.principal}",'
        return (
            f'"v":{_VERSION},"ref":"{evidence.ref}","request_id":{_spelled(x.id)},{principal}'
            f'{known},"names":{names.sources}'
        )


def _interaction(x: Exchange, model: str, prompt_hash: str, response_hash: str) -> str:
    return (
        f'"model":{model},"provider":{quoted(x.upstream or "none")},'
        f'"prompt_hash":"{prompt_hash}","response_hash":"{response_hash}"'
    )


def _times(received: int, forwarded: int, first_byte: int, last_byte: int) -> str:
    return (
        f'"times_ms":{{"received":{received},"forwarded":{forwarded},'
        f'"first_byte":{first_byte},"last_byte":{last_byte}}}'
    )


def _models(asked: str | None, served: str | None) -> str:
    if not asked:
        return f'"model":{{"served":{quoted(_short(served))}}}' if served else '"model":{}'
    if not served:
        return f'"model":{{"asked":{quoted(_short(asked))}}}'
    return f'"model":{{"asked":{quoted(_short(asked))},"served":{quoted(_short(served))}}}'


def _digests(reading: Reading) -> str:
    digests = reading.digests
    if len(digests) == len(LABELS):  # all four, in their order
        return (
            f'"digests":{{"request_received":"{digests["request_received"]}",'
            f'"request_forwarded":"{digests["request_forwarded"]}",'
            f'"response_received":"{digests["response_received"]}",'
            f'"response_returned":"{digests["response_returned"]}"}}'
        )
    members = [f'"{label}":"{digest}"' for label, digest in digests.items()]
    return f'"digests":{{{",".join(members)}}}'


def _attempts(evidence: Evidence) -> str:
    members = [
        f'{{"target":{quoted(a.target)},"status":{a.status},"outcome":{quoted(a.reason or "ok")}}}'
        for a in evidence.attempts
    ]
    return f'"attempts":[{",".join(members)}]'


def _findings(x: Exchange, reading: Reading) -> str:
    """What is there only where somebody found it out."""
    redactions = x.facts.get(_REDACTIONS)
    found = f',"redactions":{_json(dict(redactions))}' if redactions else ',"redactions":{}'
    coverage = x.coverage
    if coverage is not None:
        found += f',"coverage":{_coverage(coverage)}'
    if reading.coded:
        found += f',"coded":{_json(reading.coded)}'
    if reading.unread:
        found += f',"unread":{_json(reading.unread)}'
    cost = x.facts.get(_COST)
    if cost is not None:
        found += f',"cost_micros":{cost}'
    raised = x.facts.get(_BAND)
    if raised is not None:
        found += f',"band":"{raised}","severity":{_SEVERITY[raised]}'
    return found


def _coverage(coverage: Coverage) -> str:
    """How much of each part was inspected; here the parts are named, as that is said each time."""
    gaps = coverage.gaps
    named = f',"gaps":{_json(gaps.split(","))}' if gaps else ""
    return (
        f'{{"request":"{coverage.request.level}","response":"{coverage.response.level}",'
        f'"tools":"{coverage.tools.level}"{named}}}'
    )


def tenant_of(x: Exchange) -> str:
    """The tenant of the verified caller, or the one of whoever is not known."""
    principal = x.facts.get(_PRINCIPAL)
    return ANONYMOUS_TENANT if principal is None else str(principal.tenant)


class _Found:
    """The heaviest outcome of the hooks of one plugin in one mode, and their time together."""

    __slots__ = ("enforced", "outcome", "plugin", "reason", "us")

    def __init__(self, verdict: Verdict) -> None:
        self.plugin = verdict.plugin
        self.enforced = verdict.enforced
        self.outcome = verdict.outcome
        self.reason = verdict.reason
        self.us = verdict.duration_us

    def text(self) -> str:
        """All but the time, as it begins in JSON."""
        mode = "enforce" if self.enforced else "shadow"
        return (
            f'{{"plugin":{quoted(self.plugin)},"mode":"{mode}","outcome":"{self.outcome}",'
            f'"reason":{quoted(self.reason)},"us":'
        )


def verdicts_of(verdicts: list[Verdict]) -> str:
    """One entry per plugin and mode, as a JSON array."""
    # By one text, which is hashed once and for all; a pair would be hashed each time.
    found: dict[str, _Found] = {}
    for verdict in verdicts:
        key = verdict.plugin if verdict.enforced else f"\0{verdict.plugin}"
        entry = found.get(key)
        if entry is None:
            found[key] = _Found(verdict)
            continue
        entry.us += verdict.duration_us
        outcome = verdict.outcome
        if outcome is not entry.outcome and _WEIGHT[outcome] > _WEIGHT[entry.outcome]:
            entry.outcome, entry.reason = outcome, verdict.reason
    members: list[str] = []
    for key, entry in found.items():
        begun = _allowed_of(key, entry) if entry.outcome is _ALLOW else entry.text()
        members.append(f"{begun}{int(entry.us)}}}")
    return f"[{','.join(members)}]"


def _allowed_of(key: str, entry: _Found) -> str:
    """The text of what only allowed, remembered: most entries are that."""
    if entry.reason:
        return entry.text()
    known = _allowed.get(key)
    if known is None:
        if len(_allowed) >= QUOTED_MAX:
            _allowed.clear()
        known = _allowed[key] = entry.text()
    return known


def _usage(usage: Usage) -> str:
    estimated = ',"estimated":true' if usage.estimated else ""
    return (
        f'{{"input":{usage.input_tokens},"output":{usage.output_tokens},'
        f'"cached":{usage.cached_tokens},"reasoning":{usage.reasoning_tokens}{estimated}}}'
    )


def _telemetry(trust: Mapping[str, Any]) -> str:
    """The score with its facts is ours; this says the same in the words of the format."""
    told = {
        "sonate_principles": trust["points"],
        "overall_trust_score": trust["result"],
        "trust_status": trust["verdict"],
        "weight_source": trust["profile"],
        "weight_policy_id": f"{trust['table']}/{trust['profile']}",
    }
    return f',"telemetry":{_json(told)}'


def _model_of(asked: Any) -> str | None:
    model = asked.get("model") if isinstance(asked, dict) else None
    return model if isinstance(model, str) else None


def _short(text: str) -> str:
    return text[:TEXT_CHARACTERS_MAX]
