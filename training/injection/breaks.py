"""Attacks that break off what was asked, and harmless texts that say almost the same.

In the middle of a question stands an order to answer something else; or the task is said to be
done, the input to have ended, and another one follows. People go on to a next task as well, or say
what to leave out: each form has its twins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias

from training.injection.rows import Row, attack_row

Say: TypeAlias = Callable[[str], str]

ATTACKS = (("break_done", 800), ("break_away", 650), ("break_end", 500))
TWINS = (("fine_next", 1100), ("fine_only", 900), ("fine_place", 500))
WITHIN, LINES, ASIDES = 1000, 300, 700
_WORDS_MIN = 4
_LINES = range(4, 25)


class Breaks:
    """The families, drawn from one grammar through `say`; `requests` are harmless ones."""

    def __init__(self, say: Say, requests: list[str], random: Random) -> None:
        self.say, self.random = say, random
        self.requests = [text for text in requests if len(text.split()) >= _WORDS_MIN]

    def rows(self) -> Iterator[Row]:
        """Every row of every family."""
        for _ in range(WITHIN):
            yield attack_row(self._within("break_within"), "user", "own break within")
        for rule, count in ATTACKS:
            for _ in range(count):
                yield attack_row(self._behind(self.say(rule)), "user", f"own {rule}")
        for _ in range(LINES):
            yield attack_row(self._below("break_say"), "user", "own break below")
        # Of a user they are harmless; a tool that sends them gives orders.
        for rule, count in TWINS:
            for _ in range(count):
                yield Row(self._behind(self.say(rule)), 0, "user", f"own {rule}")
        for _ in range(ASIDES):
            yield Row(self._within("fine_aside"), 0, "user", "own fine within")
        for _ in range(LINES):
            yield Row(self._below("fine_task"), 0, "user", "own fine below")

    def _request(self) -> str:
        return self.random.choice(self.requests)

    def _cased(self, text: str) -> str:
        return text.upper() if self.random.random() < 0.4 else text

    def _within(self, rule: str) -> str:
        """A request with something in it, in capitals or brackets now and then."""
        words = self._request().split(" ")
        at = self.random.randint(1, len(words) - 1)
        said = self._cased(self.say(rule))
        roll = self.random.random()
        if roll < 0.2:
            said = f"({said})"
        elif roll < 0.3:
            said = f"- {said} -"
        return " ".join((*words[:at], said, *words[at:]))

    def _behind(self, text: str) -> str:
        """Behind a request, or alone."""
        if self.random.random() < 0.45:
            return text
        return self._request() + self.random.choice((" ", ". ", "\n", "\n\n", " - ")) + text

    def _below(self, rule: str) -> str:
        """Far below a request, with ends of lines between them, as such or as they are written."""
        end = self.random.choice(("\n", "\n", "\\n", " \\n ", "\n\n"))
        gap = end * self.random.choice(_LINES)
        text = self.say(rule)
        first = self._request() if self.random.random() < 0.7 else ""
        return first + gap + text[:1].upper() + text[1:]
