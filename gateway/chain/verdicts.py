"""The verdicts of a hook that runs again and again in one exchange, kept as one of each use."""

from __future__ import annotations

from typing import Final

from gateway.chain.text import WEIGHT
from gateway.plugin.exchange import Exchange
from gateway.plugin.verdict import Verdict

_HOOK: Final = "on_request"


class VerdictFold:
    """Keeps the list of `x` short while its client sends one event after the other."""

    __slots__ = ("_kept", "_x")

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._kept: dict[tuple[str, int], Verdict] = {}

    def fold(self) -> None:
        """Puts what the hooks said of the last event to what they said of those before.

        The heaviest outcome stands, with its reason; times add up, labels are joined.
        """
        verdicts = self._x.verdicts
        rest: list[Verdict] = []
        numbers: dict[str, int] = {}
        known = {id(verdict) for verdict in self._kept.values()}
        for verdict in verdicts:
            if verdict.hook != _HOOK or id(verdict) in known:
                rest.append(verdict)
                continue
            # A policy may use a plugin twice: they are told apart by their order.
            number = numbers.get(verdict.plugin, 0)
            numbers[verdict.plugin] = number + 1
            key = (verdict.plugin, number)
            kept = self._kept.get(key)
            if kept is None:
                self._kept[key] = verdict
                rest.append(verdict)
            else:
                _add(kept, verdict)
        verdicts[:] = rest


def _add(kept: Verdict, fresh: Verdict) -> None:
    kept.duration_us += fresh.duration_us
    if fresh.labels:
        kept.labels = {**kept.labels, **fresh.labels}
    if WEIGHT[fresh.outcome] > WEIGHT[kept.outcome]:
        kept.outcome, kept.reason, kept.enforced = fresh.outcome, fresh.reason, fresh.enforced
