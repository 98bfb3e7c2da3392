"""A store in memory whose clock and moods a test decides, and requests to a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.plugin import (
    PRINCIPAL,
    Demand,
    Exchange,
    Grant,
    Principal,
    Runtime,
    StoreUnavailableError,
    Usage,
)
from gateway.plugin.testing import make_exchange
from gateway.providers.prices import built_in
from gateway.state.memory import MemoryStore

WALL = 1_795_348_800.0
"""2026-11-22T12:00:00Z, a Sunday."""
built_in()  # read while no event loop runs, as the gateway does
MESSAGES = [{"role": "user", "content": "hello"}]


class Store(MemoryStore):
    """`away` makes it fail, `late` makes its answers wait for `answer`."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_us)
        self.now_us = 0
        self.away = False
        self.late = False
        self.taken: list[tuple[str, Sequence[Demand]]] = []
        self._promised: list[tuple[asyncio.Future[Grant], Grant]] = []

    def take(self, tag: str, demands: Sequence[Demand], *, lease: bool = False) -> Any:
        if self.away and not lease:
            raise StoreUnavailableError
        self.taken.append((tag, demands))
        grant = super().take(tag, demands)
        grant.leased = self.away
        if not self.late:
            return grant
        answer: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self._promised.append((answer, grant))
        return answer

    async def read(self, tag: str, demands: Sequence[Demand]) -> Any:
        if self.away:
            raise StoreUnavailableError
        return await super().read(tag, demands)

    async def answer(self) -> None:
        """Answers what was asked so far, and lets whoever waits for it go on."""
        promised, self._promised = self._promised, []
        for answer, grant in promised:
            answer.set_result(grant)
        for _ in range(5):
            await asyncio.sleep(0)

    def used(self, index: int = 0) -> int:
        """What the counter that was asked for last has counted."""
        tag, demands = self.taken[-1]
        demand = demands[index]
        return self._standings(tag, [demand], self.now_us)[0].used


class Clock:
    """Seconds since 1970, as the test sets them."""

    def __init__(self) -> None:
        self.now = WALL

    def __call__(self) -> float:
        return self.now


def runtime_of(store: Store, clock: Clock | None = None, **more: Any) -> Runtime:
    return Runtime(counters=lambda _: store, wall=clock or Clock(), **more)


def asked(
    *,
    model: str = "gpt-4o",
    path: str = "/v1/chat/completions",
    principal: Principal | None = None,
    **body: Any,
) -> Exchange:
    """A request that reserves its 60 or so bytes and what `max_tokens` says."""
    encoded = orjson.dumps({"model": model, "messages": MESSAGES, **body})
    x = make_exchange(target=path, body=encoded)
    x.policy, x.route = "p", "openai"
    if principal is not None:
        x.provide(PRINCIPAL, principal)
    return x


def used(x: Exchange, input_tokens: int, output_tokens: int, **more: Any) -> None:
    """What the provider counted."""
    x.usage = Usage(input_tokens, output_tokens, estimated=False, **more)
