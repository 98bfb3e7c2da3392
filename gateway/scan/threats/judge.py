"""What the findings of a text come to: how sure they are, and whether they bite there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from gateway.plugin.finding import Finding
from gateway.plugin.pattern import JSON_REST, THE_REST, Budget, Direction, Pattern
from gateway.scan.entities import unescaped
from gateway.scan.threats import command, exfiltration, markup, sql, target
from gateway.scan.threats.fields import Language, is_long, language_of, values_of
from gateway.scan.threats.rule import Rule, Threat

Look: TypeAlias = Callable[[str, Budget | None], Sequence[Pattern]]
"""Gives those of the rules' patterns that a whole text has a match of."""

BITES: Final = 0.7
"""The score from which a finding in an argument counts as an attack."""
SURE_BITES: Final = 0.97
"""The same in a text that is long: a program or a document holds much that looks like one."""
_PATH_SCORED: Final = 0.6
_PATH_BITES: Final = 0.75
_STATEMENT_WEIGHT: Final = 0.5
_DECODED_MAX: Final = 65_536
_LEVELS: Final = 2
_PERCENT: Final = re.compile(rb"%([0-9a-fA-F]{2})")
_HEX: Final = "0123456789abcdefABCDEF"
_BYTES: Final = {(a + b).encode(): bytes.fromhex(a + b) for a in _HEX for b in _HEX}

_MEANT: Final[dict[Language, frozenset[Threat]]] = {
    Language.NONE: frozenset(),
    Language.CODE: frozenset(Threat) - {Threat.EXFILTRATION},
    Language.SHELL: frozenset({Threat.COMMAND, Threat.PATH, Threat.SSRF, Threat.MARKUP, Threat.SQL,
                               Threat.TEMPLATE}),
    Language.SQL: frozenset({Threat.COMMAND, Threat.DIRECTORY}),
    Language.URL: frozenset({Threat.COMMAND}),
    Language.PATH: frozenset(),
}  # fmt: skip
"""What a value of a language holds by its nature, so that it is no attack there."""


class Score(NamedTuple):
    """What one class comes to in one text, from 0 to 1; `bites` tells whether it is an attack."""

    threat: Threat
    score: float
    rules: tuple[str, ...]
    bites: bool


def rules_for(
    threats: Iterable[Threat] = tuple(Threat), hosts: tuple[str, ...] = ()
) -> tuple[Rule, ...]:
    """The rules of these classes; links to and targets on `hosts` are none."""
    every = (
        *sql.RULES, *markup.RULES, *command.RULES, *target.rules(hosts),
        *exfiltration.rules(hosts),
    )  # fmt: skip
    wanted = frozenset(threats)
    return tuple(rule for rule in every if rule.threat in wanted)


def pattern_of(rule: Rule, directions: tuple[Direction, ...]) -> Pattern:
    """The rule for the scan that all plugins share."""
    return Pattern(
        f"threat_{rule.name}", f"threat_{rule.threat}", rule.expression,
        left="", right=rule.right, hint=rule.hint, validator=rule.confirm,
        rank=round(100 - 100 * rule.weight), directions=directions,
    )  # fmt: skip


class Judge:
    """Scores texts by the rules of one use."""

    __slots__ = ("_look", "_rules", "_threshold")

    def __init__(self, rules: Iterable[Rule], look: Look, threshold: float = BITES) -> None:
        self._threshold = threshold
        self._rules = {f"threat_{rule.name}": rule for rule in rules}
        self._look = look

    def text(self, text: str, budget: Budget | None = None, *, decode: bool = False) -> list[Score]:
        """A text that is no argument, as a whole. Raises OverBudgetError."""
        return self._settled(self._scores(text, budget, decode=decode), text)

    def scores(self, findings: Iterable[Finding]) -> list[Score]:
        """What these findings come to, whatever stands around them.

        What was not looked through, because too much stands before it, counts as everything.
        """
        patterns = [finding.pattern for finding in findings]
        weights = (
            self._of_all()
            if THE_REST in patterns or JSON_REST in patterns
            else self._weights(patterns)
        )
        return self._settled([_score(threat, each, 1.0) for threat, each in weights.items()])

    def arguments(self, arguments: str, budget: Budget | None = None) -> list[Score]:
        """The arguments of a call, value by value; the highest score of each class.

        Raises OverBudgetError.
        """
        best: dict[Threat, Score] = {}
        for name, text in values_of(arguments):
            for score in self.value(text, language_of(name), budget):
                known = best.get(score.threat)
                if known is None or (score.bites, score.score) > (known.bites, known.score):
                    best[score.threat] = score
        return list(best.values())

    def value(
        self, text: str, language: Language = Language.NONE, budget: Budget | None = None
    ) -> list[Score]:
        """One value that a tool will be given. Raises OverBudgetError."""
        scores = self._scores(text, budget, decode=True)
        if language is Language.NONE and command.is_path(text):
            scores = [_of_path(score) for score in scores]
        return self._settled(scores, text, _MEANT[language]) if scores else scores

    # -- inner

    def _settled(
        self, scores: Sequence[Score], text: str = "", meant: frozenset[Threat] = frozenset()
    ) -> list[Score]:
        least = max(self._threshold, SURE_BITES) if is_long(text) else self._threshold
        return [
            score._replace(bites=score.score >= least and score.threat not in meant)
            for score in scores
        ]

    def _weights(self, patterns: Iterable[Pattern]) -> dict[Threat, dict[str, float]]:
        """The weight of each rule that was found, by class."""
        found: dict[Threat, dict[str, float]] = {}
        for pattern in patterns:
            rule = self._rules.get(pattern.name)
            if rule is not None:
                found.setdefault(rule.threat, {})[rule.name] = rule.weight
        return found

    def _of_all(self) -> dict[Threat, dict[str, float]]:
        """As if every rule were found."""
        found: dict[Threat, dict[str, float]] = {}
        for rule in self._rules.values():
            found.setdefault(rule.threat, {})[rule.name] = rule.weight
        return found

    def _scores(self, text: str, budget: Budget | None, *, decode: bool) -> list[Score]:
        found = self._weights(self._look(text, budget))
        for plain in decoded(text) if decode else ():
            for threat, weights in self._weights(self._look(plain, budget)).items():
                found.setdefault(threat, {}).update(weights)
        if not found:
            return []
        statement = Threat.SQL in found and sql.is_statement(text)
        return [
            _score(threat, weights, _STATEMENT_WEIGHT if statement and threat == "sql" else 1.0)
            for threat, weights in found.items()
        ]


def _of_path(score: Score) -> Score:
    """A value that names a file of the system, and is not meant to be a path."""
    if score.threat is not Threat.PATH or score.score < _PATH_SCORED:
        return score
    return score._replace(score=max(score.score, _PATH_BITES))


def _score(threat: Threat, weights: dict[str, float], factor: float) -> Score:
    """Independent signs: the chance that not all of them mislead."""
    misleading = 1.0
    for weight in weights.values():
        misleading *= 1 - weight * factor
    return Score(threat, round(1 - misleading, 3), tuple(sorted(weights)), bites=False)


def decoded(text: str) -> list[str]:
    """What a text says once its percent signs and entities are decoded, up to two levels deep."""
    found: list[str] = []
    if len(text) > _DECODED_MAX or ("%" not in text and "&" not in text):
        return found
    for _ in range(_LEVELS):
        plain = _unquoted(text.replace("+", " ")) if "%" in text else text
        if "&" in plain and ";" in plain:
            plain = unescaped(plain)
        if plain == text:
            break
        found.append(plain)
        text = plain
    return found


def _unquoted(text: str) -> str:
    """As `urllib.parse.unquote`, and quick where a text is full of percent signs, of any kind."""
    try:
        parts = _PERCENT.split(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair, of which no code is made
        return unquote(text)
    if len(parts) == 1:
        return text
    parts[1::2] = [_BYTES[code] for code in parts[1::2]]
    return b"".join(parts).decode("utf-8", "replace")
