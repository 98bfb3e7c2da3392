"""One take on its way to a Redis and back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import hiredis

from gateway.plugin.limits import Demand, Grant
from gateway.state.redis.commands import standings_from
from gateway.state.redis.link import LinkStats
from gateway.state.redis.wire import Call


class Receipt(NamedTuple):
    """What an admitted take leaves: enough to correct it."""

    base: str
    demands: Sequence[Demand]
    number: int
    reply: Sequence[Any]

    @property
    def times(self) -> str:
        """When each demand was booked, as the store wants it back."""
        return ",".join([str(at) for at in self.reply[4::4]])


@dataclass(slots=True)
class StoreStats:
    """How takes ended: by the store's answer, from the share, or not at all."""

    answered: int = 0
    leased: int = 0
    unavailable: int = 0
    late: int = 0
    links: LinkStats = field(default_factory=LinkStats)


class TakeOwner(Protocol):
    """The store, as its takes see it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    @property
    def stats(self) -> StoreStats: ...

    def take_ended(self, number: int) -> None: ...

    def take_refused(self, call: Take, error: str) -> None: ...

    def take_lost(self, call: Take, *, sent: bool) -> None: ...

    def answer_away(self, call: Take) -> None: ...

    def give_back(self, grant: Grant) -> None: ...


class Take(Call):
    """A take under way."""

    __slots__ = ("base", "demands", "due", "future", "lease", "number", "owner")

    def __init__(
        self,
        owner: TakeOwner,
        base: str,
        demands: Sequence[Demand],
        number: int,
        command: bytes,
        *,
        lease: bool,
    ) -> None:
        super().__init__(command)
        self.owner = owner
        self.base = base
        self.demands = demands
        self.number = number
        self.lease = lease
        self.due = 0.0
        self.future: asyncio.Future[Grant] = owner.loop.create_future()

    def answered(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self.owner.take_refused(self, str(reply))
            return
        self.owner.take_ended(self.number)
        refused: int = reply[0]
        standings = standings_from(self.demands, reply, 1)
        if refused >= 0:
            grant = Grant(False, standings, refused)
        else:
            receipt = Receipt(self.base, self.demands, self.number, reply)
            grant = Grant(True, standings, -1, False, receipt)
        if not self.future.done():
            self.owner.stats.answered += 1
            self.future.set_result(grant)
        elif refused < 0:
            self.owner.give_back(grant)

    def expired(self) -> None:
        self.owner.answer_away(self)

    def lost(self, *, sent: bool) -> None:
        self.owner.take_lost(self, sent=sent)
