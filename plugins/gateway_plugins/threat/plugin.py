"""The plugin `threat`: one scan finds candidates, their structure and their place decide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import ClassVar, Final, TypeAlias

from gateway.plugin import (
    Budget,
    Direction,
    Exchange,
    Fact,
    OverBudgetError,
    Pattern,
    Plugin,
    Reason,
    Reject,
    Runtime,
    Span,
    TextStream,
    Uninspectable,
)
from gateway.scan.threats.code import code_map
from gateway.scan.threats.judge import Judge, Score, pattern_of, rules_for
from gateway.scan.threats.rule import Rule
from gateway_plugins.threat.config import Action, ThreatConfig
from gateway_plugins.threat.place import (
    ANSWERS,
    ARGUMENTS,
    PROSE,
    RESULTS,
    Place,
    place_of,
)
from gateway_plugins.threat.streams import RESTS, AnswerChannel, ArgumentsChannel

CHANNELS_MAX: Final = 1024
AT_ONCE_CHARACTERS: Final = 16_384
"""So much that is new is looked through on the loop; more in a thread."""
_Channels: TypeAlias = dict[str, AnswerChannel | ArgumentsChannel]


class Threats(Plugin):
    """Blocks what bites where it stands, and flags the rest with a score."""

    name: ClassVar[str] = "threat"
    Config = ThreatConfig
    reads_text = True
    config: ThreatConfig

    def __init__(self, config: ThreatConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.on_uninspectable = Uninspectable(config.on_uninspectable)
        self._actions = actions = config.actions()
        self._reads = {place: any(a != "off" for a in actions[place].values()) for place in Place}
        rules = _rules(config)
        self.patterns = [pattern_of(rule, directions) for rule, directions in rules if directions]
        self._judge = Judge((rule for rule, _ in rules), self._present, config.threshold)
        self._channels: Fact[_Channels] = Fact("threat.channels", dict)

    def _present(self, text: str, budget: Budget | None) -> Sequence[Pattern]:
        return self.scanner.present(text, "request", budget=budget) if self.patterns else ()

    # -- hooks

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._whole(x, x.request.spans(), answering=False)

    def on_response(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return None if x.response is None else self._whole(x, x.response.spans(), answering=True)

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        place = place_of(text.kind, text.role, answering=True)
        if not self._reads[place]:
            return None
        if place is RESULTS or text.channel == text.kind:
            # A text that comes whole in one event.
            return self._settle(x, place, self._scores(place, text.kind, text.text))
        channels = x.fact(self._channels)
        if channels is None:
            channels = {}
            x.facts[self._channels] = channels
        channel = channels.get(text.channel)
        if channel is None:
            if len(channels) >= CHANNELS_MAX:
                channels.clear()
            channel = channels[text.channel] = self._channel(place)
        scores = channel.feed(text)
        if text.final:
            channels.pop(text.channel, None)
        return self._settle(x, place, scores) if scores else None

    # -- inner

    def _whole(
        self, x: Exchange, spans: Sequence[Span], *, answering: bool
    ) -> Reject | Awaitable[Reject | None] | None:
        if self._is_much(spans):
            return self._aside(x, spans, answering=answering)
        try:
            reject, flagged = self._look(spans, Budget(), answering=answering)
        except OverBudgetError:
            return self._aside(x, spans, answering=answering)
        _flag(x, flagged)
        return reject

    def _is_much(self, spans: Sequence[Span]) -> bool:
        """Whether so much of it is new that other exchanges would wait for it."""
        if sum([len(span.text) for span in spans]) <= AT_ONCE_CHARACTERS or not self.patterns:
            return False
        knows = self.scanner.knows
        fresh = sum([len(s.text) for s in spans if not knows(s.text, "request")])
        return fresh > AT_ONCE_CHARACTERS

    async def _aside(self, x: Exchange, spans: Sequence[Span], *, answering: bool) -> Reject | None:
        reject, flagged = await asyncio.to_thread(self._look, spans, None, answering=answering)
        _flag(x, flagged)
        return reject

    def _look(
        self, spans: Iterable[Span], budget: Budget | None, *, answering: bool
    ) -> tuple[Reject | None, list[tuple[Place, Score]]]:
        flagged: list[tuple[Place, Score]] = []
        for span in spans:
            place = place_of(span.kind, span.role, answering=answering)
            if self._reads[place]:
                scores = self._scores(place, span.kind, span.text, budget)
                reject = self._judged(place, scores, flagged) if scores else None
                if reject is not None:
                    return reject, []
        return None, flagged

    def _scores(
        self, place: Place, kind: str, text: str, budget: Budget | None = None
    ) -> list[Score]:
        if place is ARGUMENTS:
            return self._judge.arguments(text, budget)
        if place is not ANSWERS:
            return self._judge.text(text, budget, decode=place is RESULTS)
        findings = self.scanner.find(text, "response", kind, budget)
        if not findings:
            return []
        code = code_map(text)
        return self._judge.scores(
            f for f in findings if f.pattern in RESTS or not code.holds(f.start)
        )

    def _channel(self, place: Place) -> AnswerChannel | ArgumentsChannel:
        if place is ANSWERS:
            return AnswerChannel(self.scanner.channel("response"), self._judge)
        return ArgumentsChannel(self._judge, lambda: self.scanner.channel("request"))

    def _settle(self, x: Exchange, place: Place, scores: Iterable[Score]) -> Reject | None:
        flagged: list[tuple[Place, Score]] = []
        reject = self._judged(place, scores, flagged)
        _flag(x, flagged)
        return reject

    def _judged(
        self, place: Place, scores: Iterable[Score], flagged: list[tuple[Place, Score]]
    ) -> Reject | None:
        actions = self._actions[place]
        for score in scores:
            action: Action = actions[score.threat]
            if action == "block" and score.bites:
                return Reject(Reason.THREAT_DETECTED, f"{score.threat} in {place}")
            if action != "off" and score.score >= self.config.flag_threshold:
                flagged.append((place, score))
        return None


def _flag(x: Exchange, flagged: Sequence[tuple[Place, Score]]) -> None:
    """The classes, the places and the highest score: codes, never text."""
    if flagged:
        x.flag(
            "threat",
            classes=",".join(sorted({score.threat.value for _, score in flagged})),
            places=",".join(sorted({place.value for place, _ in flagged})),
            score=f"{max(score.score for _, score in flagged):.2f}",
        )


def _rules(config: ThreatConfig) -> list[tuple[Rule, tuple[Direction, ...]]]:
    """The rules that this configuration needs, and in which scan.

    Arguments, results and prose are looked through with the scan of requests, whichever way they
    go, so that the text of an answer is never held back for a rule that it is not judged by.
    """
    actions = config.actions()
    asked = {
        threat
        for place in (ARGUMENTS, RESULTS, PROSE)
        for threat, action in actions[place].items()
        if action != "off"
    }
    answered = {threat for threat, action in actions[ANSWERS].items() if action != "off"}
    found: list[tuple[Rule, tuple[Direction, ...]]] = []
    for rule in rules_for(asked | answered, config.hosts):
        directions: tuple[Direction, ...] = ("request",) if rule.threat in asked else ()
        if rule.threat in answered and rule.bites_shown:
            directions = (*directions, "response")
        found.append((rule, directions))
    return found
