"""Scores each exchange from observed facts, and callers over time.

request    refuses while people have thrown the switch, whoever has withdrawn consent, and callers
           whose rolling score is below `min_trust`
end        scores the exchange, moves the caller's score, raises alerts; `receipt` writes it down
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import ClassVar, Final

from gateway.plugin import (
    PRINCIPAL,
    TRUST,
    TRUST_BAND,
    TRUST_STANDING,
    Exchange,
    Outcome,
    Plugin,
    Reason,
    Reject,
    Runtime,
    duration_us,
)
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway.plugin.scores import ScoreRule
from gateway.receipts.score import Alarm, Band, band
from gateway_plugins.trust_score.config import TrustScoreConfig
from gateway_plugins.trust_score.consent import NOWHERE, Consents, Found
from gateway_plugins.trust_score.observed import (
    Facts,
    check_facts,
    consent_facts,
    receipt_facts,
)
from gateway_plugins.trust_score.override import Override
from gateway_plugins.trust_score.resets import Reset, Resets
from gateway_plugins.trust_score.rolling import MILLI, Rolling, Standing, Who
from gateway_plugins.trust_score.scored import Scores
from gateway_plugins.trust_score.shared import Shared

AGENT_CHARACTERS_MAX: Final = 256
LOOK_INTERVAL_S: Final = 1.0
"""How often registry, switch and resets are looked at; the switch more often if it has to be."""

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

_OF_THE_LOG: Final = frozenset(Alarm) & {
    Alarm.CHAIN_FAILURE,
    Alarm.SIGNATURE_FAILURE,
    Alarm.ROLLBACK,
}

AWAY: Final = Reject(Reason.STORE_UNAVAILABLE, "the trust scores of callers cannot be read now")
OVERRIDDEN: Final = Reject(Reason.OVERRIDDEN, "people have stopped the use of models here")
WITHDRAWN: Final = Reject(Reason.CONSENT_WITHDRAWN)


class TrustScore(Plugin):
    """Scores how far each exchange can be trusted, from observed facts alone."""

    name: ClassVar[str] = "trust_score"
    Config = TrustScoreConfig
    provides = frozenset({TRUST, TRUST_BAND, TRUST_STANDING})

    def __init__(self, config: TrustScoreConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._checks = frozenset(config.checks)
        self._consents = None if config.consent is None else Consents(config.consent)
        self._max_age_s = 0.0
        if config.consent is not None:
            self._max_age_s = duration_us(config.consent.max_age) / _SECOND_US
        self._override = None
        self._interval_s = LOOK_INTERVAL_S
        if config.override is not None:
            within_s = duration_us(config.override.within) / _SECOND_US
            self._override = Override(config.override.file, within_s)
            self._interval_s = min(LOOK_INTERVAL_S, within_s / 2)
        half_life_us = duration_us(config.rolling.half_life)
        self._rolling = Rolling(
            exchanges=config.rolling.exchanges,
            half_life_s=half_life_us / _SECOND_US,
            floor=config.rolling.floor,
            monotonic=runtime.monotonic,
        )
        self._shared: Shared | None = None
        store = runtime.scores(config.rolling.store, config.min_trust > 0)
        if store is not None:
            rule = ScoreRule(config.rolling.exchanges, half_life_us, config.rolling.floor * MILLI)
            table = f"{config.profile}/{config.table}"
            self._shared = Shared(store, self._rolling, rule, table, self._count)
        self._telling: asyncio.Task[None] | None = None
        self._scores = Scores(config.profile, config.table)
        self._resets = Resets(runtime.data_dir)
        self._watching: asyncio.Task[None] | None = None
        self._fault = ""
        self._standing_alarms: tuple[Alarm, ...] = ()

    async def start(self) -> None:
        await self.look()
        if self._fault:
            raise ValueError(self._fault)
        self._watching = self.runtime.spawn(self._watch(), name="trust score")
        if self._shared is not None:
            self._telling = self.runtime.spawn(self._shared.run(), name="shared trust scores")

    async def stop(self) -> None:
        running = [task for task in (self._watching, self._telling) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if self._shared is not None:
            await self._shared.close()

    # -- the request ----------------------------------------------------------------------------

    def on_request_headers(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        override = self._override
        if override is not None and override.on:
            return OVERRIDDEN
        config = self.config
        if self._consents is not None and config.consent.on_withdrawal == "refuse":
            consent = self._consents.find(x).consent
            if consent is not None and consent.withdrawn:
                return WITHDRAWN
        who, shared = self._who(x), self._shared
        if shared is not None and not shared.is_fresh(who, self.runtime.monotonic()):
            return self._learn(x, who, shared)
        return self._judge(x, who)

    async def _learn(self, x: Exchange, who: Who, shared: Shared) -> Reject | None:
        is_needed = self.config.min_trust > 0 and self.config.rolling.on_outage == "closed"
        if not await shared.learn(who) and is_needed:
            return AWAY
        return self._judge(x, who)

    def _judge(self, x: Exchange, who: Who) -> Reject | None:
        config = self.config
        standing = self._rolling.get(who)
        if standing is not None:
            x.provide(TRUST_STANDING, standing.score)
        if config.min_trust:
            if standing is None:
                if config.on_unknown == "refuse":
                    return Reject(Reason.TRUST_TOO_LOW, "nothing is known of this caller")
            elif standing.score < config.min_trust:
                return Reject(Reason.TRUST_TOO_LOW, f"{standing.score} of 100")
        return None

    # -- the end --------------------------------------------------------------------------------

    def on_complete(self, x: Exchange) -> None:
        found = self._scores.of(self._facts(x))
        alarms = self._alarms(x)
        reasons = found.score.violated
        if alarms:
            reasons = (*sorted(alarm.value for alarm in alarms), *reasons)
        who, result = self._who(x), found.score.result
        standing, drift = self._rolling.add(who, result, reasons)
        if self._shared is not None:
            self._shared.tell(who, result)
        raised = band(found.score, drift=drift, alarms=alarms)
        x.provide(TRUST, found.document)
        if raised is not None:
            x.provide(TRUST_BAND, raised.value)
            self.runtime.count(self.name, f"alert_{raised.value}")
        self._tell(x, standing, raised)

    def _alarms(self, x: Exchange) -> set[Alarm]:
        """What raises a band whatever the score says."""
        alarms = set(self._standing_alarms)
        for v in x.verdicts:
            if v.outcome is Outcome.DENY and v.enforced:
                alarm = _ALARMS.get(v.plugin) or _ALARMS_OF_REASONS.get(v.reason)
                if alarm is not None:
                    alarms.add(alarm)
        return alarms

    def _facts(self, x: Exchange) -> Facts:
        facts = receipt_facts(x)
        facts.update(check_facts(x, self._checks))
        consents, config = self._consents, self.config.consent
        found: Found = NOWHERE if consents is None else consents.find(x)
        if config is not None:
            facts |= consent_facts(
                found,
                scope=config.scope,
                max_age_s=self._max_age_s,
                now_s=self.runtime.wall(),
                served=config.on_withdrawal != "refuse",
            )
        override = self._override
        if override is not None:
            facts["override_ready"] = override.ready
            facts["override_in_time"] = override.in_time(self.runtime.monotonic())
            header = self.config.override.approval_header
            if header is not None:
                facts["human_in_the_loop"] = bool(x.request.headers.get(header))
        return facts

    def _who(self, x: Exchange) -> Who:
        principal = x.facts.get(PRINCIPAL)
        header = self.config.agent_header
        agent = "" if header is None else x.request.headers.get(header) or ""
        if principal is None:
            return Who(ANONYMOUS_TENANT, "", agent[:AGENT_CHARACTERS_MAX])
        return Who(principal.tenant, principal.subject, agent[:AGENT_CHARACTERS_MAX])

    def _count(self, event: str) -> None:
        self.runtime.count(self.name, event)

    def _tell(self, x: Exchange, standing: Standing, raised: Band | None) -> None:
        """One line when the band of a caller changes, and not for each exchange."""
        name = "" if raised is None else raised.value
        if name == standing.band:
            return
        standing.band = name
        fields = {
            "band": name or "none",
            "policy": x.policy,
            "tenant": self._who(x).tenant,
            "exchange": x.id,
            "rolling": standing.score,
            "reasons": standing.reasons,
        }
        self.runtime.log.warning("trust alert", extra={"fields": fields})

    # -- what is watched ------------------------------------------------------------------------

    async def look(self) -> None:
        """Looks at registry, switch, resets and the state of the log once."""
        fault, resets = await asyncio.to_thread(self._look)
        if fault and fault != self._fault:
            self.runtime.log.error("consent not read", extra={"fields": {"error": fault}})
        self._fault = fault
        for reset in resets:
            count = self._rolling.reset(reset.tenant, reset.subject, reset.agent)
            if self._shared is not None:
                self._shared.forget(reset)
            fields = {"tenant": reset.tenant, "scores": count}
            self.runtime.log.info("trust score reset", extra={"fields": fields})

    def _look(self) -> tuple[str, list[Reset]]:
        if self._override is not None:
            self._override.look(self.runtime.monotonic())
        alarm = self.runtime.ledger_alarm()
        self._standing_alarms = (Alarm(alarm),) if alarm in _OF_THE_LOG else ()
        fault = "" if self._consents is None else self._consents.refresh()
        return fault, self._resets.read()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()
