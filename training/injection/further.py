"""More made-up rows: lures for agents, requests to nobody, further languages, fiction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias

from training.injection.carriers import hide
from training.injection.disguise import romanised
from training.injection.rows import LANGUAGES, Row, attack_row

MORE_LANGUAGES = "no da sk bg hr sr ca ms tl sw ur ta lt sl af hx".split()
ROMANISED = ("ru", "uk", "el", "bg", "sr")
"""Languages that people also write in Latin letters."""

Say: TypeAlias = Callable[[str], str]
Document: TypeAlias = Callable[[], str]

_JOINTS = (". ", ", ", ": ", "! ", " - ", ".\n", "; ")
_GLUE = "!?.;:)(\\/|*#=+-_~^&%$@"
_SYLLABLES = (
    "ba ko ri tu mel dra sin vor plex ax ity ologi ement scr publ ster Ph qu zz ünd".split()
)
_PIECES = (
    "describing similarlyNow oppositeley revert sure hereby table json :// printf WriteLine manual "
    "bullet subset Theme tutorial ){ ]] formatting please? two steps instead sentences interface "
    "seeing Yes inverted markdown var return prose -- TextNode"
).split()


class Further:
    """The families, drawn from one grammar through `say`; `document` gives something harmless."""

    def __init__(self, say: Say, document: Document, random: Random) -> None:
        self.say, self.document, self.random = say, document, random

    def rows(self) -> Iterator[Row]:
        """Every row of every family."""
        yield from self._agents()
        yield from self._stray()
        yield from self._languages()
        yield from self._mixed()
        yield from self._direct()
        yield from self._tails()

    def _sentence(self, rule: str) -> str:
        text = self.say(rule)
        return text[:1].upper() + text[1:] if self.random.random() < 0.7 else text

    def _inside(self, rule: str, family: str, *, bare: bool = False) -> Row:
        order = self._sentence(rule)
        text, at = hide(order, self.document(), self.random)
        return Row(text, 1, "tool", family, (at, at + len(order)), bare)

    def _agents(self) -> Iterator[Row]:
        for _ in range(3000):
            yield self._inside("agent_attack", "own agent attack")
        for _ in range(500):
            yield attack_row(self._sentence("agent_attack"), "tool", "own agent attack")
        for _ in range(3000):
            yield self._inside("lure", "own lure", bare=True)
        for _ in range(900):
            yield attack_row(self._sentence("lure"), "tool", "own lure", bare=True)

    def _stray(self) -> Iterator[Row]:
        for _ in range(3000):
            yield self._inside("stray", "own stray", bare=True)
        for _ in range(700):
            yield attack_row(self._sentence("stray"), "tool", "own stray", bare=True)

    def _languages(self) -> Iterator[Row]:
        for language in MORE_LANGUAGES:
            for _ in range(120):
                yield attack_row(self._foreign(language), "user", "own more languages")
            for _ in range(35):
                yield self._inside(f"{language}.doc", "own more languages")
            for _ in range(90):
                yield Row(self._plain(language), 0, "user", "own benign more languages")

    def _foreign(self, language: str) -> str:
        shape = self.random.choice(("override", "order", "order", "leak", "leak", "free", "doc"))
        if shape == "order":
            goal = f"{language}.goal" if self.random.random() < 0.75 else "goal"
            joint = self.random.choice(_JOINTS)
            return f"{self._sentence(f'{language}.override')}{joint}{self.say(goal)}"
        if shape == "free":
            return f"{self.say(f'{language}.free')} {self.say(f'{language}.goal')}"
        return self._sentence(f"{language}.{shape}")

    def _plain(self, language: str) -> str:
        return " ".join(
            self._sentence(f"{language}.benign") for _ in range(self.random.randint(1, 3))
        )

    def _mixed(self) -> Iterator[Row]:
        """Two languages in one attack, a harmless beginning, and Latin letters for others."""
        everywhere = [*LANGUAGES, *MORE_LANGUAGES]
        for _ in range(1500):
            first, second = self.random.sample(everywhere, 2)
            head = self.say(f"{first}.{self.random.choice(('override', 'benign', 'free'))}")
            tail = self.say(f"{second}.{self.random.choice(('override', 'leak', 'free'))}")
            joint = self.random.choice(_JOINTS)
            yield attack_row(f"{head}{joint}{tail}", "user", "own mixed languages")
        for _ in range(500):
            first, second = self.random.sample(everywhere, 2)
            text = f"{self._plain(first)} {self._plain(second)}"
            yield Row(text, 0, "user", "own benign mixed languages")
        for language in ROMANISED:
            for _ in range(120):
                text = romanised(self._foreign(language))
                yield attack_row(text, "user", "own romanised")
                yield Row(romanised(self._plain(language)), 0, "user", "own benign romanised")

    def _direct(self) -> Iterator[Row]:
        for rule, count in (("fiction", 1200), ("guarded", 900)):
            for _ in range(count):
                yield attack_row(self._sentence(rule), "user", f"own {rule}")

    def _tails(self) -> Iterator[Row]:
        """Something harmful with a tail that an optimiser found, of four shapes."""
        for _ in range(1100):
            wish = self.say(self.random.choice(("harm", "harm", "harm_deed")))
            count = self.random.randint(8, 24)
            shape = self.random.choice((self._marked, self._joined, self._torn, self._cased))
            tail = " ".join(shape() for _ in range(count))
            yield attack_row(f"{wish[:1].upper()}{wish[1:]} {tail}", "user", "own tail")

    def _marked(self) -> str:
        piece = self.random.choice(_PIECES)
        marks = "".join(self.random.choices(_GLUE, k=self.random.randint(0, 3)))
        return piece + marks if self.random.random() < 0.5 else marks + piece

    def _joined(self) -> str:
        return "".join(self.random.choices(_PIECES, k=2))

    def _torn(self) -> str:
        return "".join(self.random.choices(_SYLLABLES, k=self.random.randint(1, 4)))

    def _cased(self) -> str:
        word = self._torn()
        return "".join(
            char.upper() if self.random.random() < 0.4 else char for char in word
        ) + self.random.choice(("", "", "()", "[]", '"', "@", "\\"))
