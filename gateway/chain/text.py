"""Runs `on_text` over the pieces of a stream; each use gets one verdict for the whole of it."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import Final

from gateway.chain.compiled import Hook
from gateway.chain.faults import failure, overrun, refusal
from gateway.chain.shadow import state_of, twin_of
from gateway.plugin.coverage import Gap
from gateway.plugin.exchange import Exchange
from gateway.plugin.text import TextStream
from gateway.plugin.verdict import Outcome, Reject, Verdict
from gateway.reasons import Reason

WEIGHT: Final = {
    outcome: weight
    for weight, outcome in enumerate(
        (Outcome.SKIP, Outcome.ALLOW, Outcome.FLAG, Outcome.EDIT, Outcome.DENY, Outcome.ERROR)
    )
}


HELD_CHARACTERS_MAX: Final = 1_048_576
"""What one use may hold back of one channel."""


class TextUse:
    """One use in one stream: what it is shown, what it holds back, and its verdict so far."""

    __slots__ = ("held", "hook", "over", "seen", "verdict")

    def __init__(self, hook: Hook, x: Exchange) -> None:
        self.hook = hook
        holds = hook.when is None or hook.when(x)
        outcome, reason = (Outcome.ALLOW, "") if holds else (Outcome.SKIP, "when")
        self.verdict = Verdict(hook.plugin, hook.hook, outcome, 0.0, reason, hook.enforced)
        self.seen = x if hook.enforced else twin_of(x)
        self.over = not holds
        """No further piece is shown: the condition does not hold, or a shadow use refused."""
        self.held: dict[str, str] = {}
        """By channel."""

    def note(self, outcome: Outcome, reason: str = "") -> None:
        """The heaviest outcome of all pieces stands."""
        if WEIGHT[outcome] > WEIGHT[self.verdict.outcome]:
            self.verdict.outcome, self.verdict.reason = outcome, reason


def run_text(hooks: tuple[Hook, ...], x: Exchange, text: TextStream) -> Reject | None:
    """Shows one piece to every use in turn; each sees what those before it let go.

    Afterwards `text.text` is what goes on to the client.
    """
    state = x.chain_state
    uses = state.text if state is not None else None
    if uses is None:
        uses = _begin(hooks, x)
    final = text.final
    for use in uses:
        if use.over:
            continue
        if not text.text and not final:
            return None
        answer = _show(use, text)
        if answer is not None:
            use.over = True
            if use.hook.enforced:
                return answer
    return None


def _show(use: TextUse, text: TextStream) -> Reject | None:
    """One piece for one use; `text` is what it lets go then, if it is enforced."""
    hook, seen = use.hook, use.seen
    held = use.held.pop(text.channel, "") if use.held else ""
    shown = held + text.text
    piece = TextStream(
        text.channel, shown, final=text.final, role=text.role, kind=text.kind, fresh=len(held)
    )
    began = perf_counter()
    answer: Reject | None
    try:
        answer = hook.call(seen, piece)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        took_us = (perf_counter() - began) * 1e6
        answer = _failed(use, error)
    else:
        took_us = (perf_counter() - began) * 1e6
        if answer is not None or seen.flagged is not None or piece.text != shown:
            _note(use, answer, edited=piece.text != shown)
        if hook.timeout_s is not None and took_us > hook.timeout_s * 1e6:
            answer = answer or _overran(use)
    use.verdict.duration_us += took_us
    released = piece.text
    if piece.held and not piece.final:
        stop = max(0, len(released) - piece.held)
        kept, released = released[stop:], released[:stop]
        if len(kept) > HELD_CHARACTERS_MAX:
            use.note(Outcome.DENY, Reason.UNINSPECTABLE.value)
            return Reject(Reason.UNINSPECTABLE, "more text is held back than may be")
        use.held[text.channel] = kept
    if hook.enforced:
        text.text = released
    return answer


def held_text(x: Exchange, channel: str) -> str:
    """What of a channel is held back, in its order: the last use lets go first."""
    state = x.chain_state
    uses: list[TextUse] = (state.text if state is not None else None) or []
    held = [use.held[channel] for use in uses if channel in use.held and use.hook.enforced]
    return held[0] if len(held) == 1 else "".join(held[::-1])


def run_gaps(hooks: tuple[Hook, ...], x: Exchange, gaps: Collection[Gap]) -> Reject | None:
    """Asks every use what becomes of a part of the stream that cannot be shown."""
    state = x.chain_state
    uses = state.text if state is not None else None
    if uses is None:
        uses = _begin(hooks, x)
    for use in uses:
        if use.over:
            continue
        answer = use.hook.uninspectable.judge(use.seen, gaps)
        if answer is not None or use.seen.flagged is not None:
            _note(use, answer, edited=False)
        if answer is not None:
            use.over = True
            if use.hook.enforced:
                return answer
    return None


def _begin(hooks: tuple[Hook, ...], x: Exchange) -> list[TextUse]:
    uses = [TextUse(hook, x) for hook in hooks]
    state_of(x).text = uses
    x.verdicts.extend(use.verdict for use in uses)
    return uses


def _note(use: TextUse, answer: Reject | None, *, edited: bool) -> None:
    if answer is not None:
        use.note(Outcome.DENY, answer.code or answer.reason.value)
    elif edited:
        use.note(Outcome.EDIT)
    flag = use.seen.take_flag()
    if flag is not None:
        reason, labels = flag
        use.note(Outcome.FLAG, reason)
        use.verdict.labels = {**use.verdict.labels, **labels}


def _failed(use: TextUse, error: BaseException) -> Reject | None:
    use.seen.take_flag()
    verdict = failure(use.hook, error, 0.0)
    use.verdict.labels = {**use.verdict.labels, **verdict.labels}
    use.note(verdict.outcome, verdict.reason)
    return refusal(use.hook, verdict)


def _overran(use: TextUse) -> Reject | None:
    verdict = overrun(use.hook, 0.0)
    use.note(verdict.outcome, verdict.reason)
    return refusal(use.hook, verdict)
