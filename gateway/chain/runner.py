"""Runs compiled hooks: the one loop that every exchange passes at each of its steps.

What a hook came to is one `Verdict`:

    it answered None ........................ allow; edit if the message changed; flag if it flagged
    it answered Reject ...................... deny
    it answered Reply ....................... edit, reason `reply`
    its condition (`when`) does not hold .... skip
    it raised, or took longer than allowed .. error; then `on_error` decides

A shadow use lives the same life on a copy of the exchange, and its verdict says what would have
been; nothing else of it stays. The answers of response hooks to the gateway's own answer are
recorded the same way, because there is nothing left to refuse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter
from typing import Any, Final, cast

from gateway.chain.compiled import Hook
from gateway.chain.faults import failure, overrun, refusal
from gateway.chain.shadow import twin_of
from gateway.chain.text import run_gaps, run_text
from gateway.plugin.contract import Answer, Step
from gateway.plugin.exchange import Exchange, RequestView, ResponseView
from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Outcome, Reject, Reply, Verdict

__all__ = ["run", "run_complete", "run_gaps", "run_text"]

_ALLOW: Final = Outcome.ALLOW
_EDIT: Final = Outcome.EDIT
_WHEN: Final = "when"
_REPLY: Final = "reply"
_CANCELLED: Final = "cancelled"
_clock: Final = perf_counter


def run(hooks: tuple[Hook, ...], x: Exchange) -> Step:
    """Calls `hooks` in turn until one refuses or replies.

    Returns that answer or None at once, or an awaitable of it from the first hook that waits on.
    """
    if not hooks:
        return None
    message = cast("ResponseView", x.response) if hooks[0].answering else x.request
    verdicts = x.verdicts
    began = _clock()
    for index, hook in enumerate(hooks):
        if not hook.plain:
            step = _guarded(hook, x)
            began = _clock()
            if step is None:
                continue
            if isinstance(step, (Reject, Reply)):
                return step
            return _wait(step, hooks[index + 1 :], x)
        raw = message.headers.raw
        fields = len(raw)
        body = message.body
        try:
            answer = hook.call(x)
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            answer = _failed(hook, x, error, began)
            began = _clock()
            if answer is None:
                continue
            return answer
        ended = _clock()
        if answer is None and x.flagged is None:
            now = message.headers.raw
            same = now is raw and len(raw) == fields and message.body is body
            outcome = _ALLOW if same or not _changed(message, (raw, fields, body)) else _EDIT
            verdicts.append(Verdict(hook.plugin, hook.hook, outcome, (ended - began) * 1e6))
            began = ended
            continue
        call = _Call(hook, x, x, began, (raw, fields, body))
        if answer is not None and not isinstance(answer, (Reject, Reply)):
            return _wait(_settle_later(call, answer), hooks[index + 1 :], x)
        answer = _settle(call, answer, ended)
        if answer is not None:
            return answer
        began = _clock()
    return None


async def _wait(step: Awaitable[Answer], rest: tuple[Hook, ...], x: Exchange) -> Answer:
    """Waits for one hook, then runs the others."""
    answer = await step
    if answer is not None:
        return answer
    further = run(rest, x)
    if further is None or isinstance(further, (Reject, Reply)):
        return further
    return await further


def run_complete(hooks: tuple[Hook, ...], x: Exchange) -> Awaitable[None] | None:
    """Calls every hook, whatever the others do; an awaitable only if one waits."""
    for index, hook in enumerate(hooks):
        step = _completed(hook, x) if hook.plain else _guarded(hook, x)
        if step is not None and not isinstance(step, (Reject, Reply)):
            return _complete_later(step, hooks[index + 1 :], x)
    return None


def _completed(hook: Hook, x: Exchange) -> Step:
    """One plain hook of `on_complete`: there is no message left that it could change."""
    began = _clock()
    try:
        answer = hook.call(x)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        return _failed(hook, x, error, began)
    ended = _clock()
    if answer is None and x.flagged is None:
        x.verdicts.append(Verdict(hook.plugin, hook.hook, _ALLOW, (ended - began) * 1e6))
        return None
    message = x.request
    before = (message.headers.raw, len(message.headers.raw), message.body)
    call = _Call(hook, x, x, began, before)
    if answer is None or isinstance(answer, (Reject, Reply)):
        return _settle(call, answer, ended)
    return _settle_later(call, answer)


async def _complete_later(step: Awaitable[Answer], rest: tuple[Hook, ...], x: Exchange) -> None:
    await step
    further = run_complete(rest, x)
    if further is not None:
        await further


_Before = tuple[list[RawHeader], int, bytes | None]
"""What a message was before a hook: its fields, how many, its body."""


class _Call:
    """One call of a hook: `seen` is `x`, or the copy that a shadow use is shown."""

    __slots__ = ("before", "began", "hook", "seen", "x")

    def __init__(
        self, hook: Hook, x: Exchange, seen: Exchange, began: float, before: _Before
    ) -> None:
        self.hook = hook
        self.x = x
        self.seen = seen
        self.began = began
        self.before = before

    def took_us(self, ended: float) -> float:
        return (ended - self.began) * 1e6


def _guarded(hook: Hook, x: Exchange) -> Step:
    """One hook with a condition, a time limit or in shadow mode."""
    if hook.when is not None and not hook.when(x):
        x.verdicts.append(Verdict(hook.plugin, hook.hook, Outcome.SKIP, 0.0, _WHEN, hook.enforced))
        return None
    began = _clock()
    seen = x if hook.enforced else twin_of(x)
    message = _message(hook, seen)
    before = (message.headers.raw, len(message.headers.raw), message.body)
    call = _Call(hook, x, seen, began, before)
    try:
        answer = hook.call(seen)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        return _failed(hook, x, error, began)
    if answer is None or isinstance(answer, (Reject, Reply)):
        return _settle(call, answer, _clock())
    return _settle_later(call, answer)


async def _settle_later(call: _Call, step: Awaitable[Answer]) -> Answer:
    """Waits for what an `async def` hook comes to, no longer than its time limit."""
    hook, x = call.hook, call.x
    left_s = None if hook.timeout_s is None else hook.timeout_s - (_clock() - call.began)
    limit = asyncio.timeout(left_s)
    answer: Any
    try:
        async with limit:
            answer = await step
    except asyncio.CancelledError:
        # The client went away: what this hook would have said is not known.
        took_us = call.took_us(_clock())
        x.verdicts.append(
            Verdict(hook.plugin, hook.hook, Outcome.SKIP, took_us, _CANCELLED, hook.enforced)
        )
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        if isinstance(error, TimeoutError) and limit.expired():
            return _overran(hook, x, call.took_us(_clock()))
        return _failed(hook, x, error, call.began)
    if answer is not None and not isinstance(answer, (Reject, Reply)):
        return _failed(hook, x, TypeError(), call.began)
    return _settle(call, answer, _clock())


def _settle(call: _Call, answer: Answer, ended: float) -> Answer:
    """Records what a hook came to and returns the answer that counts."""
    hook, x, seen = call.hook, call.x, call.seen
    took_us = call.took_us(ended)
    flag = seen.take_flag()
    verdict = Verdict(hook.plugin, hook.hook, _ALLOW, took_us)
    if seen is not x:
        x.chain_state.keep_facts(x, seen)
    if isinstance(answer, Reject):
        verdict.outcome, verdict.reason = Outcome.DENY, answer.code or answer.reason.value
    elif hook.timeout_s is not None and took_us > hook.timeout_s * 1e6:
        return _overran(hook, x, took_us)
    elif answer is not None:
        verdict.outcome, verdict.reason = Outcome.EDIT, _REPLY
    elif _changed(_message(hook, seen), call.before):
        verdict.outcome = Outcome.EDIT
    if flag is not None:
        _add_flag(verdict, flag)
    return _count(hook, x, verdict, answer)


def _add_flag(verdict: Verdict, flag: tuple[str, dict[str, str]]) -> None:
    """A flag beside a heavier outcome leaves its labels; alone it is the outcome."""
    reason, verdict.labels = flag
    if verdict.outcome is Outcome.ALLOW:
        verdict.outcome = Outcome.FLAG
    verdict.reason = verdict.reason or reason


def _changed(message: RequestView | ResponseView, before: _Before) -> bool:
    raw, fields, body = before
    now = message.headers.raw
    if message.body is not body or len(now) != fields:
        return True
    return now is not raw and now != raw


def _overran(hook: Hook, x: Exchange, took_us: float) -> Answer:
    verdict = overrun(hook, took_us)
    return _count(hook, x, verdict, refusal(hook, verdict))


def _failed(hook: Hook, x: Exchange, error: BaseException, began: float) -> Answer:
    x.take_flag()
    verdict = failure(hook, error, (_clock() - began) * 1e6)
    return _count(hook, x, verdict, refusal(hook, verdict))


def _count(hook: Hook, x: Exchange, verdict: Verdict, answer: Answer) -> Answer:
    """Keeps the verdict; an answer counts if it is enforced and something is left to refuse."""
    response = x.response
    idle = answer is not None and hook.answering and response is not None and response.local
    verdict.enforced = hook.enforced and not idle
    x.verdicts.append(verdict)
    return answer if verdict.enforced else None


def _message(hook: Hook, seen: Exchange) -> RequestView | ResponseView:
    return cast("ResponseView", seen.response) if hook.answering else seen.request
