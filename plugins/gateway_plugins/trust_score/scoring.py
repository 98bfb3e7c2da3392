"""The steps of `trust_score` that every exchange passes, apart from its class.

The class of a plugin stays interpreted, because the policy compiler reads it; what every request
runs through is here, and compiled (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.plugin import (
    PRINCIPAL,
    TRUST,
    TRUST_BAND,
    TRUST_STANDING,
    Exchange,
    Outcome,
    Reason,
    Reject,
    Runtime,
    duration_us,
)
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway.receipts.score import DRIFT_YELLOW, Alarm, band
from gateway_plugins.trust_score.config import TrustScoreConfig
from gateway_plugins.trust_score.consent import Consents
from gateway_plugins.trust_score.observed import (
    Facts,
    check_facts,
    consent_facts,
    receipt_facts,
)
from gateway_plugins.trust_score.override import Override
from gateway_plugins.trust_score.rolling import Rolling, Standing, Who
from gateway_plugins.trust_score.scored import Scores
from gateway_plugins.trust_score.shared import Shared

AGENT_CHARACTERS_MAX: Final = 256
AWAY: Final = Reject(Reason.STORE_UNAVAILABLE, "the trust scores of callers cannot be read now")
OVERRIDDEN: Final = Reject(Reason.OVERRIDDEN, "people have stopped the use of models here")
WITHDRAWN: Final = Reject(Reason.CONSENT_WITHDRAWN)

_ALARMS: Final = {
    "dlp": Alarm.DLP_BLOCK,
    "threat": Alarm.HIGH_THREAT,
    "injection": Alarm.HIGH_THREAT,
}
_ALARMS_OF_REASONS: Final = {
    Reason.CREDENTIAL_REVOKED.value: Alarm.KEY_COMPROMISE,
    Reason.TENANT_DENIED.value: Alarm.CROSS_TENANT,
}
_SECOND_US: Final = 1_000_000
_DENY: Final = Outcome.DENY
_PRINCIPAL: Final = PRINCIPAL
_TRUST: Final = TRUST
_BAND: Final = TRUST_BAND
_STANDING: Final = TRUST_STANDING
_ANONYMOUS: Final = ANONYMOUS_TENANT
_DRIFT_YELLOW: Final = DRIFT_YELLOW


class Scoring:
    """One configured use: judges callers by their standing, and scores what they did."""

    __slots__ = (
        "_agent_header", "_approval_header", "_checks", "_consents", "_count", "_is_needed",
        "_log", "_max_age_s", "_min_trust", "_monotonic", "_name", "_override", "_refuses_unknown",
        "_refuses_withdrawn", "_rolling", "_scope", "_scores", "_shared", "_wall",
        "standing_alarms",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  # the parts of one use, which its class made
        self,
        name: str,
        config: TrustScoreConfig,
        runtime: Runtime,
        rolling: Rolling,
        shared: Shared | None,
        consents: Consents | None,
        override: Override | None,
    ) -> None:
        self._rolling = rolling
        self._shared = shared
        self._consents = consents
        self._override = override
        self._scores = Scores(config.profile, config.table)
        self._checks = frozenset(config.checks)
        header = config.agent_header
        self._agent_header = None if header is None else header.lower().encode("latin-1")
        self._min_trust = config.min_trust
        self._refuses_unknown = config.on_unknown == "refuse"
        self._is_needed = config.min_trust > 0 and config.rolling.on_outage == "closed"
        consent, switch = config.consent, config.override
        self._refuses_withdrawn = consent is not None and consent.on_withdrawal == "refuse"
        self._scope = None if consent is None else consent.scope
        self._max_age_s = 0.0 if consent is None else duration_us(consent.max_age) / _SECOND_US
        self._approval_header = None if switch is None else switch.approval_header
        self._wall: Callable[[], float] = runtime.wall
        self._monotonic: Callable[[], float] = runtime.monotonic
        self._name = name
        self._count: Callable[[str, str], None] = runtime.count
        self._log = runtime.log
        self.standing_alarms: tuple[Alarm, ...] = ()
        """Of the log; they hold until it is looked at again."""

    # -- the request ----------------------------------------------------------------------------

    def head(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        override = self._override
        if override is not None and override.on:
            return OVERRIDDEN
        if self._consents is not None and self._refuses_withdrawn:
            consent = self._consents.find(x).consent
            if consent is not None and consent.withdrawn:
                return WITHDRAWN
        who, shared = self._who(x), self._shared
        if shared is not None and not shared.is_fresh(who, self._monotonic()):
            return self._learn(x, who, shared)
        return self._judge(x, who)

    async def _learn(self, x: Exchange, who: Who, shared: Shared) -> Reject | None:
        if not await shared.learn(who) and self._is_needed:
            return AWAY
        return self._judge(x, who)

    def _judge(self, x: Exchange, who: Who) -> Reject | None:
        standing = self._rolling.get(who)
        if standing is not None:
            x.facts[_STANDING] = standing.score
        if self._min_trust:
            if standing is None:
                if self._refuses_unknown:
                    return Reject(Reason.TRUST_TOO_LOW, "nothing is known of this caller")
            elif standing.score < self._min_trust:
                return Reject(Reason.TRUST_TOO_LOW, f"{standing.score} of 100")
        return None

    # -- the end --------------------------------------------------------------------------------

    def complete(self, x: Exchange) -> None:
        found = self._scores.of(self._facts(x))
        alarms = self._alarms(x)
        reasons = found.score.violated
        if alarms:
            reasons = (*sorted(alarm.value for alarm in alarms), *reasons)
        who, result = self._who(x), found.result
        standing, drift = self._rolling.add(who, result, reasons)
        if self._shared is not None:
            self._shared.tell(who, result)
        raised = found.band
        if alarms or drift >= _DRIFT_YELLOW:
            louder = band(found.score, drift=drift, alarms=alarms)
            raised = "" if louder is None else louder.value
        x.facts[_TRUST] = found.document
        if raised:
            x.facts[_BAND] = raised
            self._count(self._name, f"alert_{raised}")
        if raised != standing.band:
            self._tell(x, who, standing, raised)

    def _alarms(self, x: Exchange) -> set[Alarm]:
        """What raises a band whatever the score says."""
        alarms = set(self.standing_alarms)
        for v in x.verdicts:
            if v.outcome is _DENY and v.enforced:
                alarm = _ALARMS.get(v.plugin) or _ALARMS_OF_REASONS.get(v.reason)
                if alarm is not None:
                    alarms.add(alarm)
        return alarms

    def _facts(self, x: Exchange) -> Facts:
        facts = receipt_facts(x)
        facts.update(check_facts(x, self._checks))
        consents, override = self._consents, self._override
        if consents is not None:
            facts |= consent_facts(
                consents.find(x),
                scope=self._scope,
                max_age_s=self._max_age_s,
                now_s=self._wall(),
                served=not self._refuses_withdrawn,
            )
        if override is not None:
            facts["override_ready"] = override.ready
            facts["override_in_time"] = override.in_time(self._monotonic())
            header = self._approval_header
            if header is not None:
                facts["human_in_the_loop"] = bool(x.request.headers.get(header))
        return facts

    def _who(self, x: Exchange) -> Who:
        principal = x.facts.get(_PRINCIPAL)
        agent, header = "", self._agent_header
        if header is not None:
            named = x.request.headers.first(header)
            agent = "" if named is None else named.decode("latin-1")[:AGENT_CHARACTERS_MAX]
        if principal is None:
            return (_ANONYMOUS, "", agent)
        return (principal.tenant, principal.subject, agent)

    def _tell(self, x: Exchange, who: Who, standing: Standing, raised: str) -> None:
        """One line when the band of a caller changes, and not for each exchange."""
        standing.band = raised
        fields = {
            "band": raised or "none",
            "policy": x.policy,
            "tenant": who[0],
            "exchange": x.id,
            "rolling": standing.score,
            "reasons": standing.reasons,
        }
        self._log.warning("trust alert", extra={"fields": fields})
