"""Scores that workers and nodes share: what the store says counts, and what it was not told waits.

    request   a score that the store told within the last second is gone by; else it is asked
    end       the result moves the worker's own copy at once, and is told to the store behind the
              exchange, which waits for nothing; the answer brings what others have added

While the store is away, results wait and are told when it is back. One whose answer was lost on the
way may count twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from gateway.plugin import StoreUnavailableError
from gateway.plugin.scores import ScoreRule, ScoreStore
from gateway_plugins.trust_score.resets import Reset
from gateway_plugins.trust_score.rolling import MILLI, Rolling, Who

FRESH_S: Final = 1.0
"""So long a worker goes by what the store told it last."""
WAITING_MAX: Final = 10_000
"""Results that wait for the store; of more, the oldest are lost to the others, and counted."""
BATCH_MAX: Final = 64
"""Results that are told at once."""
RETRY_S: Final = 0.5
"""Between two tries while the store is away."""
_DIGEST_DIGITS: Final = 32


class Shared:
    """The scores of one use in a store. `count` is told what happened, by a fixed word."""

    def __init__(
        self,
        store: ScoreStore,
        rolling: Rolling,
        rule: ScoreRule,
        table: str,
        count: Callable[[str], None],
    ) -> None:
        """Uses of the same `table` (of weights) and `rule` share their scores."""
        self._store = store
        self._rolling = rolling
        self._rule = rule
        self._kind = f"{table}:{rule.exchanges}:{rule.half_life_us}:{rule.floor_milli}"
        self._count = count
        self._waiting: deque[tuple[Who, int] | Reset] = deque()
        self._wake = asyncio.Event()

    def is_fresh(self, who: Who, now_s: float) -> bool:
        """Whether the worker's own copy may be gone by."""
        standing = self._rolling.get(who)
        return standing is not None and now_s - standing.learned_at_s < FRESH_S

    async def learn(self, who: Who) -> bool:
        """Brings the worker's copy up to date; False where the store is away."""
        tenant, subject, agent = who
        try:
            found = await self._store.read(self._owner(tenant, subject), _name(agent))
        except StoreUnavailableError:
            self._count("scores_away")
            return False
        if found is None:
            self._rolling.drop(who)
        else:
            self._rolling.learn(who, found.milli, found.exchanges)
        return True

    def tell(self, who: Who, result: int) -> None:
        """One more result, which goes to the store when it can."""
        if len(self._waiting) >= WAITING_MAX:
            self._drop_oldest()
        self._waiting.append((who, result))
        self._wake.set()

    def forget(self, reset: Reset) -> None:
        """The store forgets what an administrator reset, behind the results before it."""
        self._waiting.append(reset)
        self._wake.set()

    async def run(self) -> None:
        """Tells the store what waits, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if not await self.flush():
                    await asyncio.sleep(RETRY_S)

    def _drop_oldest(self) -> None:
        """Of results; what was reset stays reset."""
        for at, one in enumerate(self._waiting):
            if not isinstance(one, Reset):
                del self._waiting[at]
                self._count("score_not_shared")
                return

    async def close(self) -> None:
        """Tells what still waits, as far as the store is there."""
        while self._waiting and await self.flush():
            pass

    async def flush(self) -> bool:
        """Tells the store of a batch; False where it did not take all of it."""
        batch = self._batch()
        try:
            outcomes = await asyncio.gather(*map(self._told, batch), return_exceptions=True)
        except asyncio.CancelledError:
            self._waiting.extendleft(reversed(batch))  # `close` tells them
            raise
        left = []
        for one, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, StoreUnavailableError):
                left.append(one)
            elif outcome is not None:
                raise outcome
        self._waiting.extendleft(reversed(left))
        return not left

    def _batch(self) -> list[tuple[Who, int] | Reset]:
        """What may be told at once: a reset by itself, or the results up to the next one."""
        batch = [self._waiting.popleft()]
        while self._waiting and len(batch) < BATCH_MAX:
            if isinstance(batch[0], Reset) or isinstance(self._waiting[0], Reset):
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _told(self, one: tuple[Who, int] | Reset) -> None:
        if isinstance(one, Reset):
            name = None if one.agent is None else _name(one.agent)
            await self._store.forget(self._owner(one.tenant, one.subject), name)
        else:
            await self._move(*one)

    async def _move(self, who: Who, result: int) -> None:
        tenant, subject, agent = who
        owner = self._owner(tenant, subject)
        found = await self._store.move(owner, _name(agent), result * MILLI, self._rule)
        self._rolling.learn(who, found.milli, found.exchanges)

    def _owner(self, tenant: str, subject: str) -> str:
        # Digests, so that a store shows nobody who the callers are; the lengths keep them apart.
        return _digest(f"{self._kind}:{len(tenant)}:{tenant}{subject}")


def _name(agent: str) -> str:
    return _digest(agent)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
