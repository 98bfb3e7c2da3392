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
    TRUST,
    TRUST_BAND,
    TRUST_STANDING,
    Exchange,
    Plugin,
    Reject,
    Runtime,
    duration_us,
)
from gateway.plugin.scores import ScoreRule
from gateway.receipts.score import Alarm
from gateway_plugins.trust_score.config import TrustScoreConfig
from gateway_plugins.trust_score.consent import Consents
from gateway_plugins.trust_score.override import Override
from gateway_plugins.trust_score.resets import Reset, Resets
from gateway_plugins.trust_score.rolling import MILLI, Rolling
from gateway_plugins.trust_score.scoring import Scoring
from gateway_plugins.trust_score.shared import Shared

LOOK_INTERVAL_S: Final = 1.0
"""How often registry, switch and resets are looked at; the switch more often if it has to be."""

_SECOND_US: Final = 1_000_000

_OF_THE_LOG: Final = frozenset(Alarm) & {
    Alarm.CHAIN_FAILURE,
    Alarm.SIGNATURE_FAILURE,
    Alarm.ROLLBACK,
}


class TrustScore(Plugin):
    """Scores how far each exchange can be trusted, from observed facts alone."""

    name: ClassVar[str] = "trust_score"
    Config = TrustScoreConfig
    provides = frozenset({TRUST, TRUST_BAND, TRUST_STANDING})

    def __init__(self, config: TrustScoreConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._consents = None if config.consent is None else Consents(config.consent)
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
        self._scoring = Scoring(
            self.name, config, runtime, self._rolling, self._shared, self._consents, self._override
        )
        # The chain calls the compiled steps themselves, with no interpreted frame before them.
        self.on_request_headers = self._scoring.head  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_complete = self._scoring.complete  # type: ignore[method-assign]  # a hook is looked up on the instance
        self._resets = Resets(runtime.data_dir)
        self._watching: asyncio.Task[None] | None = None
        self._fault = ""

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

    def on_request_headers(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._scoring.head(x)

    def on_complete(self, x: Exchange) -> None:
        self._scoring.complete(x)

    def _count(self, event: str) -> None:
        self.runtime.count(self.name, event)

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
        self._scoring.standing_alarms = (Alarm(alarm),) if alarm in _OF_THE_LOG else ()
        fault = "" if self._consents is None else self._consents.refresh()
        return fault, self._resets.read()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()
