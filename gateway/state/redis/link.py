"""One server: a connection that is kept open, deadlines, and when not to wait for it.

Calls of one turn of the event loop leave in one write. While the server does not answer, the link
is `away` and nobody waits for it; a probe of its own finds out when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.state.redis.address import Address
from gateway.state.redis.dialing import Dialer, Prepare
from gateway.state.redis.wire import Batch, Call, ServerError, Wire, pack

FAILURES_MAX = 3
"""Batches in a row without an answer in time after which nobody waits any more."""
PROBE_S = 0.25
"""Between attempts while a server is away, and up to half of it more at random."""
STALL_S = 1.0
"""A connection that answers nothing for this long is given up."""

# Another server is the master now, it has lost our functions, or it wants to know who we are.
MENDED_BY_A_NEW_CONNECTION: tuple[str, ...] = (
    *("READONLY", "LOADING", "NOAUTH", "MASTERDOWN", "ERR Function not found"),
)
# It could not do this for anybody.
_OF_THE_SERVER = frozenset({"OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN", "BUSY", "NOPERM"})
_PING = pack(("PING",))
_log = logging.getLogger("sealgate.stores")


@dataclass(slots=True)
class LinkStats:
    """What happened on all links of a store."""

    commands: int = 0
    round_trips: int = 0
    timeouts: int = 0
    losses: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What the links of a store have in common; `on_ready` is told when one can be used (again)."""

    store: str
    dialer: Dialer
    prepare: Prepare
    deadline_s: float
    stats: LinkStats
    on_ready: Callable[[], None]


class Link:
    """Keeps a connection to what `locate` gives; calls before the first one wait for it."""

    def __init__(self, options: LinkOptions, locate: Callable[[], Awaitable[Address]]) -> None:
        self._options = options
        self._locate = locate
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._batch: Batch | None = None
        self._waiting: list[Batch] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self._failures = 0
        self._answers_seen = 0
        self._quiet_since = 0.0
        self._redial = asyncio.Event()
        self._closing = False
        self.away = False
        self._task = self._loop.create_task(self._keep(), name=f"store {options.store}")

    @property
    def ready(self) -> bool:
        """Connected, and answering as far as is known."""
        return self._wire is not None and not self.away

    def send(self, call: Call) -> float:
        """Sends a call with the others of this turn; returns its deadline in loop time."""
        batch = self._batch
        if batch is None:
            due = self._loop.time() + self._options.deadline_s
            batch = self._batch = Batch(due)
            self._loop.call_soon(self._flush)
        batch.calls.append(call)
        return batch.due

    def send_at_once(self, calls: list[Call], due: float = 0.0) -> None:
        """Sends calls that were under way before, with the deadline they have, or a new one."""
        self._dispatch(Batch(due or self._loop.time() + self._options.deadline_s, calls))

    def _flush(self) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            self._dispatch(batch)

    def _dispatch(self, batch: Batch) -> None:
        self._arm(batch.due)
        if self._wire is None:
            self._waiting.append(batch)
            if self.away:
                self._fail_waiting()
            return
        stats = self._options.stats
        stats.commands += len(batch.calls)
        stats.round_trips += 1
        self._wire.write(batch)

    # -- deadlines ----------------------------------------------------------------------------

    def _arm(self, due: float) -> None:
        """One timer at a time: it fires for the batch that is due first."""
        if self._timer is not None:
            if due >= self._timer_due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._timer_due
        sent = list(self._wire.batches) if self._wire is not None else []
        unsent, self._waiting = self._waiting, []
        for batch in sent:
            if batch.due <= now and not batch.expired:
                self._expire_batch(batch)
                self._failed()
        for batch in unsent:
            if batch.due <= now:
                self._expire_batch(batch)
                for call in batch.calls:
                    call.lost(sent=False)
                self._failed()
            else:
                self._waiting.append(batch)
        due = [batch.due for batch in (*sent, *self._waiting) if not batch.expired]
        if due and min(due) < math.inf:
            self._arm(min(due))

    def _expire_batch(self, batch: Batch) -> None:
        batch.expired = True
        calls = batch.open_calls()
        self._options.stats.timeouts += len(calls)
        for call in calls:
            call.expired()

    # -- the breaker --------------------------------------------------------------------------

    def _failed(self) -> None:
        if self._answered_since():
            self._failures = 0
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._go_away("it does not answer in time")

    def error_reply(self, text: str) -> None:
        """An error instead of an answer: whether it is the server's or only this call's."""
        self._options.stats.errors += 1
        word = text.partition(" ")[0]
        if text.startswith(MENDED_BY_A_NEW_CONNECTION):
            if self._wire is not None:
                self._wire.abort()
        elif word in _OF_THE_SERVER:
            self._go_away(word)

    def _answered_since(self) -> bool:
        answers = self._wire.answers if self._wire is not None else 0
        before, self._answers_seen = self._answers_seen, answers
        return answers != before

    def _go_away(self, why: str) -> None:
        if not self.away:
            self.away = True
            fields = {"store": self._options.store, "cause": why}
            _log.warning("store away", extra={"fields": fields})
        self._fail_waiting()
        self._schedule_probe()

    def _come_back(self) -> None:
        self._failures = 0
        if self.away:
            self.away = False
            _log.info("store back", extra={"fields": {"store": self._options.store}})
        self._options.on_ready()

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for batch in waiting:
            for call in batch.calls:
                call.lost(sent=False)

    def _schedule_probe(self) -> None:
        if self._probe is None and self._wire is not None:
            self._quiet_since = self._loop.time()
            self._answered_since()
            self._ask_probe()

    def _ask_probe(self) -> None:
        """Every PROBE_S, while a connected server is away: has it answered, or shall we hang up?"""
        self._probe = None
        wire = self._wire
        if wire is None or not self.away or self._closing:
            return
        if not wire.batches:
            wire.write(Batch(float("inf"), [_Probe(self)]))
        elif self._answered_since():
            self._quiet_since = self._loop.time()
        elif self._loop.time() - self._quiet_since > STALL_S:
            wire.abort()
            return
        self._probe = self._loop.call_later(PROBE_S, self._ask_probe)

    def probe_answered(self) -> None:
        """The server answers again, and everything that was asked before is answered too."""
        if self.away:
            self._come_back()

    # -- the connection -----------------------------------------------------------------------

    async def _keep(self) -> None:
        was_short = False
        while not self._closing:
            self._redial.clear()
            try:
                address = await self._locate()
                wire = await self._options.dialer.open(address, self._wire_lost)
                await self._take_over(wire)
            except Exception as error:  # noqa: BLE001  # whatever a server answers: ask it again
                self._go_away(f"{type(error).__name__}: {error}".removesuffix(": "))
                pause = PROBE_S * (1 + random.random() / 2)  # noqa: S311  # spreads attempts
                await asyncio.sleep(pause)
            else:
                connected_at = self._loop.time()
                await self._redial.wait()
                short = self._loop.time() - connected_at < PROBE_S
                if short and was_short:
                    # They come to nothing: another one at once would neither.
                    self._go_away("it hangs up")
                    await asyncio.sleep(PROBE_S)
                was_short = short

    async def _take_over(self, wire: Wire) -> None:
        try:
            async with asyncio.timeout(self._options.dialer.connect_timeout_s):
                await self._options.prepare(wire)
        except BaseException:
            wire.abort()
            raise
        if wire.ended:
            raise ConnectionError("the connection was lost")
        self._wire = wire
        self._answers_seen = wire.answers
        self._come_back()
        waiting, self._waiting = self._waiting, []
        for batch in waiting:
            self._dispatch(batch)

    def _wire_lost(self, wire: Wire) -> None:
        open_calls = [call for batch in wire.batches for call in batch.open_calls()]
        wire.batches.clear()
        if wire is self._wire:
            self._wire = None
            self._options.stats.losses += 1
            self._redial.set()
        for call in open_calls:
            call.lost(sent=True)

    async def drain(self) -> None:
        """Returns when everything that was sent is answered, expired or lost."""
        self._flush()
        with contextlib.suppress(ServerError, ConnectionError, TimeoutError):
            async with asyncio.timeout(self._options.deadline_s):
                if self._wire is not None:
                    await self._wire.ask("PING")

    async def close(self) -> None:
        """Hangs up."""
        self._closing = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for handle in (self._timer, self._probe):
            if handle is not None:
                handle.cancel()
        if self._wire is not None:
            self._wire.abort()
        self._fail_waiting()


class _Probe(Call):
    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        super().__init__(_PING)
        self._link = link

    def answered(self, reply: object) -> None:  # noqa: ARG002  # even an error is an answer
        self._link.probe_answered()
