"""What `sealgate scan --what threat` prints of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.errors import ConfigError, Problem
from gateway.plugin.finding import Finding
from gateway.plugin.pattern import Budget, Pattern
from gateway.scan.engine import Engine
from gateway.scan.scanner import UseScanner
from gateway.scan.threats.code import code_map
from gateway.scan.threats.fields import Language, language_of, values_of
from gateway.scan.threats.judge import Judge, Score, decoded, pattern_of, rules_for

PLACES: Final = ("arguments", "results", "answers", "prose")
"""Where a text may stand, as the plugin `threat` tells them apart."""
BLOCKING: Final = frozenset({"arguments", "answers"})
"""Where an attack is blocked, if the policy does not say otherwise."""
FLAGGED: Final = 0.5
"""The score from which something is flagged, if the policy does not say otherwise."""
_SHOWN_CHARS: Final = 80


class ThreatReport:
    """Says of texts what the rules find in them, where, and what it comes to."""

    def __init__(self) -> None:
        rules = rules_for()
        self._shown = frozenset(f"threat_{rule.name}" for rule in rules if rule.bites_shown)
        patterns = [pattern_of(rule, ("request",)) for rule in rules]
        self._scanner = UseScanner(patterns, {"request": Engine(patterns)})
        self._judge = Judge(rules, self._present)

    def describe(self, text: str, place: str) -> list[str]:
        """The lines of a text that stands in `place`, none where nothing is found in it.

        Raises ConfigError on an unknown place.
        """
        if place not in PLACES:
            hint = f"choose from {', '.join(PLACES)}"
            raise ConfigError([Problem("--place", 0, 0, f'unknown place "{place}"', hint)])
        lines: list[str] = []
        if place == "arguments":
            for name, value in values_of(text):
                language = language_of(name)
                scores = self._judge.value(value, language)
                where = f" in `{name}`" if name else ""
                if language is not Language.NONE:
                    where += f", which is meant to be {language.value}"
                lines += self._lines(place, scores, self._find(value), value, where)
            return lines
        if place == "answers":
            code = code_map(text)
            found = [
                finding
                for finding in self._find(text)
                if finding.pattern.name in self._shown and not code.holds(finding.start)
            ]
            return list(self._lines(place, self._judge.scores(found), found, text))
        scores = self._judge.text(text, decode=place == "results")
        return list(self._lines(place, scores, self._find(text), text))

    # -- inner

    def _find(self, text: str) -> Sequence[Finding]:
        return self._scanner.find(text, "request")

    def _present(self, text: str, budget: Budget | None = None) -> Sequence[Pattern]:
        return self._scanner.present(text, "request", budget=budget)

    def _lines(
        self,
        place: str,
        scores: Sequence[Score],
        found: Sequence[Finding],
        text: str,
        where: str = "",
    ) -> Iterator[str]:
        for score in sorted(scores, key=lambda score: -score.score):
            if score.score >= FLAGGED or score.bites:
                word = "blocked" if score.bites and place in BLOCKING else "flagged"
                yield f"{word}: {score.threat}, score {score.score:.2f}{where}"
                for rule in score.rules:
                    yield from self._places(rule, found, text)

    def _places(self, rule: str, found: Sequence[Finding], text: str) -> Iterator[str]:
        """Where a rule was found: in the text, or in what it says once it is decoded."""
        own = [finding for finding in found if finding.pattern.name == f"threat_{rule}"]
        for finding in own:
            shown = " ".join(text[finding.start : finding.stop].split())[:_SHOWN_CHARS]
            yield f"  {rule}: characters {finding.start} to {finding.stop}: {shown}"
        if own:
            return
        if self._has(rule, text):
            yield f"  {rule}: in a place that another rule names"
        else:
            views = [plain for plain in decoded(text) if self._has(rule, plain)]
            shown = " ".join(views[0].split())[:_SHOWN_CHARS] if views else ""
            yield f"  {rule}: once it is decoded: {shown}"

    def _has(self, rule: str, text: str) -> bool:
        return any(pattern.name == f"threat_{rule}" for pattern in self._present(text))


def describe_threats(text: str, place: str) -> list[str]:
    """See `ThreatReport.describe`."""
    return ThreatReport().describe(text, place)
