"""Lets a stream run as long as its budgets have room, and cuts it where they have none."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any

from gateway.plugin import Demand, Grant, StoreUnavailableError, StreamGuard, Usage
from gateway.providers.prices import Rates
from gateway_plugins.budget.taking import Reserved, Taking

Spawn = Callable[[Coroutine[Any, Any, None]], object]
_Asking = Generator[Awaitable[Grant], Grant | None, Grant | None]
_Steps = Generator[Awaitable[Grant], Grant | None, None]

_WAITING = sys.maxsize


class BudgetGuard(StreamGuard):
    """Reserves another step of tokens each time the stream has used up what was reserved.

    Where a step has no room, what is left is reserved; where nothing is left, the stream is cut.
    A store that went away while the stream runs lets it run: it was admitted in order.
    """

    __slots__ = ("_calls", "_rates", "_spawn", "_step", "_taking")

    def __init__(
        self,
        taking: Taking,
        calls: Sequence[Reserved],
        rates: Rates,
        *,
        reserved: int,
        step: int,
        spawn: Spawn,
    ) -> None:
        super().__init__(reserved)
        self._taking = taking
        self._calls = calls
        self._rates = rates
        self._step = step
        self._spawn = spawn

    def reached(self, usage: Usage) -> None:
        """See `StreamGuard`."""
        steps = self._steps(usage.output_tokens)
        self.at_output_tokens = _WAITING
        try:
            waiting = next(steps)
        except StopIteration:
            return
        # A store that is asked over the network: the stream runs on meanwhile.
        self._spawn(_drive(steps, waiting))

    def _steps(self, at: int) -> _Steps:
        tokens = self._step
        for call in self._calls:
            if not call.demands:
                continue
            grant = yield from self._take(call, tokens)
            if grant is not None and not grant.admitted:
                tokens = min(tokens, self._left(call, grant))
                grant = (yield from self._take(call, tokens)) if tokens > 0 else grant
                if grant is not None and not grant.admitted:
                    self.cut = True
                    return
            if grant is not None:
                call.more.append(grant)
        self.at_output_tokens = at + tokens

    def _take(self, call: Reserved, tokens: int) -> _Asking:
        answer = self._taking.take(call.tag, self._demands(call, tokens))
        if answer is None or isinstance(answer, Grant):
            return answer
        return (yield answer)

    def _demands(self, call: Reserved, tokens: int) -> list[Demand]:
        usage = Usage(output_tokens=tokens)
        return [
            Demand(
                demand.key,
                demand.algorithm,
                account.amount(usage, self._rates),
                demand.capacity,
                demand.window_us,
                report_only=demand.report_only,
            )
            for account, demand in zip(call.of.accounts, call.demands, strict=True)
        ]

    def _left(self, call: Reserved, grant: Grant) -> int:
        """The tokens that the fullest of the budgets still pays for."""
        accounts = zip(call.of.accounts, grant.standings, strict=True)
        return min(account.tokens_left(standing, self._rates) for account, standing in accounts)


async def _drive(steps: _Steps, waiting: Awaitable[Grant]) -> None:
    grant: Grant | None
    while True:
        try:
            grant = await waiting
        except StoreUnavailableError:
            grant = None
        try:
            waiting = steps.send(grant)
        except StopIteration:
            return
