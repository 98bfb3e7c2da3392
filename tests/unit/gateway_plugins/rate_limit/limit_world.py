"""A store with a clock of the test's, and exchanges to send past a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.plugin import (
    PRINCIPAL,
    Demand,
    Exchange,
    Grant,
    Plugin,
    Principal,
    Reject,
    StoreUnavailableError,
    Usage,
)
from gateway.plugin.testing import Played, make_exchange, make_response, play
from gateway.state.memory import MemoryStore

PER_KEY = {"per": "key", "requests": 2, "window": "60s"}
WALL = 1_795_305_600.0
"""2026-11-22T00:00:00Z"""


class Store(MemoryStore):
    """In memory, with a clock of the test's; `away` makes it fail, `late` makes it wait."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_us)
        self.now_us = 0
        self.away = False
        self.late = False
        self.tags: list[str] = []
        self.taken: list[Sequence[Demand]] = []
        self.promised: list[tuple[asyncio.Future[Grant], Grant]] = []

    def take(self, tag: str, demands: Sequence[Demand], *, lease: bool = False) -> Any:
        self.tags.append(tag)
        self.taken.append(demands)
        if self.away and not lease:
            raise StoreUnavailableError
        grant = super().take(tag, demands)
        grant.leased = self.away
        if not self.late:
            return grant
        answer: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self.promised.append((answer, grant))
        return answer

    def answer(self) -> None:
        for answer, grant in self.promised:
            if answer.cancelled():
                self.settle(grant, [0] * len(grant.standings))
            else:
                answer.set_result(grant)
        self.promised.clear()


def call(
    key_id: str = "k1",
    *,
    tenant: str = "acme",
    limits: tuple[Mapping[str, Any], ...] = (),
    body: Any = None,
    principal: Principal | None = None,
    **more: Any,
) -> Exchange:
    x = make_exchange(body=None if body is None else orjson.dumps(body), **more)
    x.policy, x.route = "p", "demo"
    x.provide(PRINCIPAL, principal or Principal(tenant, "ann", "key", key_id, limits=limits))
    return x


async def send(
    plugin: Plugin, x: Exchange, *, usage: Usage | None = None, bytes_out: int = 0
) -> Played:
    """One whole exchange, answered by the upstream with 200."""
    x.usage = usage
    x.bytes_out = bytes_out
    x.bytes_in = len(x.request.body or b"")
    return await play(plugin, x, response=make_response())


def refused(played: Played) -> Reject:
    assert isinstance(played.answer, Reject), played
    return played.answer
