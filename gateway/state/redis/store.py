"""RedisStore: counters that all workers and nodes share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from gateway.plugin.limits import Algorithm, Demand, Grant, Standing, StoreUnavailableError
from gateway.state.lease import Lease
from gateway.state.memory import monotonic_us
from gateway.state.redis.commands import (
    Keys,
    read_command,
    renew_command,
    standings_from,
    take_command,
)
from gateway.state.redis.corrections import Correction, Corrections
from gateway.state.redis.link import MENDED_BY_A_NEW_CONNECTION, Link
from gateway.state.redis.routing import Router
from gateway.state.redis.takes import Receipt, StoreStats, Take
from gateway.state.redis.wire import Call, Question, ServerError, pack

HEARTBEAT_S = 1.0
"""Between two times a worker says that it lives."""
GRACE_BEATS = 3
"""A registry younger than this many heartbeats grants no new shares."""
RETRY_S = 0.005
"""Pause before a call goes out again while its slot moves between nodes."""

_ASKING = pack(("ASKING",))
_MOVING = ("TRYAGAIN", "CLUSTERDOWN")
_log = logging.getLogger("sealgate.stores")


class RedisStore:
    """A CounterStore in Redis; made anywhere, and used on the loop that called `open`."""

    def __init__(
        self,
        make_router: Callable[[RedisStore], Router],
        *,
        prefix: str = "sealgate",
        lease_fraction: float = 0.1,
        lease_valid_s: int = 600,
        corrections_max: int = 10_000,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._make_router = make_router
        self._keys = Keys(prefix)
        self._worker = secrets.token_hex(6)
        self._valid_us = lease_valid_s * 1_000_000
        self._heartbeat_s = heartbeat_s
        self.lease = Lease(lease_fraction, self._valid_us, monotonic_us)
        self.corrections = Corrections(
            self._worker,
            corrections_max,
            send=self._send_correction,
            on_done=self._correction_ended,
            on_refused=self._correction_refused,
        )
        self.stats = StoreStats()
        self._number = 0
        # Takes of which it is not known whether the store has done them, oldest first.
        self._open: dict[int, None] = {}
        self._router: Router | None = None
        self._heart: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop = _NO_LOOP

    def open(self) -> None:
        """Begins to connect; returns at once."""
        self.loop = asyncio.get_running_loop()
        self._router = self._make_router(self)
        self._heart = self.loop.create_task(self._beat(), name="store heartbeat")

    @property
    def router(self) -> Router | None:
        """The servers; None before `open` and after `close`."""
        return self._router

    def base(self, tag: str) -> str:
        """The beginning of the keys of `tag`."""
        return self._keys.base(tag)

    @property
    def connected(self) -> bool:
        """Whether every server is there, as far as is known."""
        return self._router is not None and all(link.ready for link in self._router.links())

    # -- takes --------------------------------------------------------------------------------

    def take(
        self, tag: str, demands: Sequence[Demand], *, lease: bool = False
    ) -> Grant | asyncio.Future[Grant]:
        """See CounterStore."""
        base = self._keys.base(tag)
        router = self._router
        link = None if router is None else router.link(base)
        if link is None or link.away:
            return self._away(base, demands, lease=lease)
        number = self._number = self._number + 1
        opened = self._open
        opened[number] = None
        confirmed = next(iter(opened)) - 1
        command = take_command(base, demands, self._worker, number, confirmed)
        call = Take(self, base, demands, number, command, lease=lease)
        call.due = link.send(call)
        return call.future

    def _away(self, base: str, demands: Sequence[Demand], *, lease: bool) -> Grant:
        if lease:
            with contextlib.suppress(StoreUnavailableError):
                grant = self.lease.take(base, demands)
                self.stats.leased += 1
                return grant
        self.stats.unavailable += 1
        raise StoreUnavailableError("the store is away" + (", and no share is left" * lease))

    def answer_away(self, call: Take) -> None:
        """Nobody answered in time: the share does, or the caller is told."""
        if call.future.done():
            return
        try:
            call.future.set_result(self._away(call.base, call.demands, lease=call.lease))
        except StoreUnavailableError as error:
            call.future.set_exception(error)

    def take_ended(self, number: int) -> None:
        """It is known whether the store has done this one."""
        self._open.pop(number, None)

    def take_lost(self, call: Take, *, sent: bool) -> None:
        """No answer will come. What was sent may have been done, and is taken back."""
        if sent:
            self._undo(call)
        else:
            self.take_ended(call.number)
        self.answer_away(call)

    def _undo(self, call: Take) -> None:
        nothing = [0] * len(call.demands)
        self.corrections.add(
            Correction(
                self.corrections, call.base, call.demands, nothing, take=call.number, times=""
            )
        )

    def take_refused(self, call: Take, error: str) -> None:
        """An error reply: the take was not done, and may be done elsewhere or in a moment."""
        router = self._router
        if router is None or call.future.done():
            self.take_ended(call.number)
            return
        target = router.redirect(error)
        if target is not None:
            link, ask = target
            link.send_at_once([Call(_ASKING), call] if ask else [call], call.due)
            return
        if not error.startswith(_MOVING):
            router.link(call.base).error_reply(error)
        passing = error.startswith((*_MOVING, *MENDED_BY_A_NEW_CONNECTION))
        if passing and self.loop.time() + RETRY_S < call.due:
            self.loop.call_later(RETRY_S, self._send_again, call)
        else:
            self.take_ended(call.number)
            self.answer_away(call)

    def _send_again(self, call: Take) -> None:
        if self._router is not None:
            self._router.link(call.base).send_at_once([call], call.due)

    def give_back(self, grant: Grant) -> None:
        """The answer came after the caller had gone."""
        self.stats.late += 1
        self.settle(grant, [0] * len(grant.standings))

    # -- corrections --------------------------------------------------------------------------

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        """See CounterStore."""
        if grant.leased:
            self.lease.settle(grant, amounts)
            return
        receipt: Receipt | None = grant.receipt
        if receipt is None or all(
            demand.amount == amount for demand, amount in zip(receipt.demands, amounts, strict=True)
        ):
            return
        base, demands, number, _ = receipt
        times = receipt.times
        self.corrections.add(
            Correction(self.corrections, base, demands, amounts, take=number, times=times)
        )

    def _send_correction(self, correction: Correction, at_once: bool) -> bool:
        if self._router is None:
            return False
        link = self._router.link(correction.base)
        if not link.ready:
            return False
        if at_once:
            link.send_at_once([correction])
        else:
            link.send(correction)
        return True

    def _correction_ended(self, correction: Correction) -> None:
        if not correction.times:
            self.take_ended(correction.take)

    def _correction_refused(self, correction: Correction, error: str) -> None:
        """It waits again, because its slot moves or the server cannot now."""
        router = self._router
        if router is None:
            return
        if router.redirect(error) is None and not error.startswith(_MOVING):
            router.link(correction.base).error_reply(error)
        if self._retry is None:
            self._retry = self.loop.call_later(RETRY_S, self.flush)

    def flush(self) -> None:
        """Sends the corrections that wait, as far as servers are there."""
        self._retry = None
        self.corrections.flush()

    def renew(self, grant: Grant) -> None:
        """See CounterStore."""
        if grant.leased:
            self.lease.renew(grant)
            return
        receipt: Receipt | None = grant.receipt
        if receipt is None or self._router is None:
            return
        demands = receipt.demands
        held = [i for i, d in enumerate(demands) if d.algorithm == Algorithm.SLOTS and d.amount]
        link = self._router.link(receipt.base)
        if held and link.ready:
            link.send(
                Call(renew_command(receipt.base, demands, held, self._worker, receipt.number))
            )

    async def read(self, tag: str, demands: Sequence[Demand]) -> tuple[Standing, ...]:
        """See CounterStore."""
        base = self._keys.base(tag)
        link = None if self._router is None else self._router.link(base)
        if link is None or link.away:
            raise StoreUnavailableError("the store is away")
        question = Question(read_command(base, demands))
        link.send(question)
        try:
            return standings_from(demands, await question.future, 0)
        except (ServerError, ConnectionError) as error:
            raise StoreUnavailableError(f"the store did not answer: {error}") from None

    # -- shares -------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Says that this worker lives, and learns its share."""
        while True:
            if self._router is not None:
                link = self._router.link(self._keys.registry)
                if link.ready:
                    await self._ask_for_share(link)
            if len(self.corrections):
                self.flush()  # their slots may have come to a node that was there all the time
            await asyncio.sleep(self._heartbeat_s)

    async def _ask_for_share(self, link: Link) -> None:
        asked_at = monotonic_us()
        grace_us = int(GRACE_BEATS * self._heartbeat_s * 1_000_000)
        words = (self._keys.registry, self._worker, self.lease.held, self._valid_us, grace_us)
        question = Question(pack(("FCALL", "sealgate_heartbeat", 1, *words)))
        link.send(question)
        try:
            share, _ = await question.future
        except ServerError as error:
            if self._router is not None:
                self._router.redirect(str(error))
        except ConnectionError:
            pass
        else:
            self.lease.grant(int(share), asked_at)

    # -- the end ------------------------------------------------------------------------------

    async def close(self) -> None:
        """Sends what can be sent within the deadline, gives an unused share back, hangs up."""
        router, self._router = self._router, None
        if self._heart is not None:
            self._heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._heart
        if self._retry is not None:
            self._retry.cancel()
        if router is None:
            return
        if not self.lease.used:  # else another worker could use it a second time
            words = ("FCALL", "sealgate_leave", 1, self._keys.registry, self._worker)
            link = router.link(self._keys.registry)
            if link.ready:
                link.send(Call(pack(words)))
        await asyncio.gather(*(link.drain() for link in router.links()))
        await router.close()
        if len(self.corrections):
            _log.warning("corrections dropped", extra={"fields": {"count": len(self.corrections)}})
            self.corrections.give_up()


_NO_LOOP: Any = None
