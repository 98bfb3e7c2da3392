"""Which action a finding calls for: settled once for each combination that occurs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.plugin import Direction
from gateway.scan.library.classes import GROUPS
from gateway_plugins.dlp.config import CANARY, Action, DlpConfig, RuleConfig

_EDITS: Final = frozenset[Action](("mask", "redact", "hash", "tokenize"))


@dataclass(frozen=True, slots=True)
class _Rule:
    classes: frozenset[str]
    directions: frozenset[str]
    roles: frozenset[str]
    kinds: frozenset[str]
    action: Action


class Rules:
    """The rules of one use; the first that fits decides, else the policy's own action."""

    def __init__(self, config: DlpConfig) -> None:
        self._rules = [_compiled(rule) for rule in config.rules]
        self._default = config.action
        self._directions = frozenset(config.directions)
        self._known: dict[tuple[str, str, str, str], Action] = {}
        self._names = frozenset(
            [
                *expanded(config.classes),
                *(each.name for each in config.custom),
                *(each.name for each in config.dictionaries),
                *((CANARY,) if config.canaries else ()),
            ]
        )

    def action(self, name: str, direction: Direction, role: str, kind: str) -> Action:
        """What is done with a finding of the class `name`, in a text of this role and kind."""
        key = (name, direction, role, kind)
        known = self._known.get(key)
        if known is None:
            # Classes, roles and kinds come from closed lists: the table cannot grow on.
            known = self._known[key] = self._decide(*key)
        return known

    def rest_action(self, direction: Direction, role: str, kind: str, *, is_json: bool) -> Action:
        """What is done with text that was not looked through: it may hold a value of any class.

        JSON cannot be cut off and stay JSON, so that it is refused.
        """
        actions = {self.action(name, direction, role, kind) for name in self._names}
        if actions & _EDITS:
            return "block" if is_json else "redact"
        if "block" in actions:
            return "block"
        return "flag" if "flag" in actions else "allow"

    def wanted(self, name: str, direction: Direction) -> bool:
        """Whether anything could be done with a finding of this class there."""
        if direction not in self._directions:
            return False
        actions: list[Action] = []
        for rule in self._rules:
            if _fits(rule.classes, name) and _fits(rule.directions, direction):
                actions.append(_in(direction, rule.action))
                if not rule.roles and not rule.kinds:
                    break
        else:
            actions.append(_in(direction, self._default))
        return any(action != "allow" for action in actions)

    def _decide(self, name: str, direction: str, role: str, kind: str) -> Action:
        for rule in self._rules:
            if (
                _fits(rule.classes, name)
                and _fits(rule.directions, direction)
                and _fits(rule.roles, role)
                and _fits(rule.kinds, kind)
            ):
                return _in(direction, rule.action)
        return _in(direction, self._default)


def _in(direction: str, action: Action) -> Action:
    """What an action comes to there: answers are not tokenised, nobody could put values back."""
    return "allow" if action == "tokenize" and direction == "response" else action


def _fits(wanted: frozenset[str], value: str) -> bool:
    return not wanted or value in wanted


def _compiled(rule: RuleConfig) -> _Rule:
    return _Rule(
        frozenset(expanded(rule.classes)),
        frozenset(rule.directions),
        frozenset(rule.roles),
        frozenset(rule.kinds),
        rule.action,
    )


def expanded(names: Iterable[str]) -> list[str]:
    """Classes in the place of groups."""
    return list(dict.fromkeys(name for each in names for name in GROUPS.get(each, (each,))))
