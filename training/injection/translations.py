"""Catalogues of translations: one short text in many languages, as programs and systems keep them.

Attacks come in many languages as well, some in one text; a file that names the same thing in forty
languages is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias

from training.injection.further import MORE_LANGUAGES
from training.injection.rows import LANGUAGES, Row

Say: TypeAlias = Callable[[str], str]
Line: TypeAlias = tuple[str, str]
"""A language, and what it says."""

COUNT = 1500
_MANY = range(4, 41)
_WORDS = range(1, 7)
_KEYS = "title label summary comment name description hint caption message button help".split()
_CHARS_MAX = 3500


class Translations:
    """The family, drawn from one grammar through `say`."""

    def __init__(self, say: Say, random: Random) -> None:
        self.say, self.random = say, random

    def rows(self) -> Iterator[Row]:
        """Every row; most are what a tool reads, some are pasted by users."""
        for _ in range(COUNT):
            role = self.random.choice(("tool", "tool", "tool", "user"))
            yield Row(self._catalogue(), 0, role, "own benign translations")

    def _catalogue(self) -> str:
        shape = self.random.choice((_xml, _xml, _desktop, _json, _yaml, _gettext, _table, _options))
        found = ""
        while not found or (self.random.random() < 0.5 and len(found) < _CHARS_MAX):
            found += shape(self.random.choice(_KEYS), self._lines()) + "\n"
        return found[:_CHARS_MAX]

    def _lines(self) -> list[Line]:
        languages = [*LANGUAGES, *MORE_LANGUAGES]
        some = self.random.sample(languages, min(self.random.choice(_MANY), len(languages)))
        ordered = sorted(some, reverse=self.random.random() < 0.5)
        count = self.random.choice(_WORDS)
        return [(language, self._text(language, count)) for language in ordered]

    def _text(self, language: str, count: int) -> str:
        """So many words of something harmless; of languages without blanks as many letters."""
        words = self.say(f"{language}.benign").replace('"', "").split()
        at = self.random.randrange(len(words))
        return " ".join(words[at : at + count])[: 12 * count]


def _xml(key: str, lines: list[Line]) -> str:
    inner = "\n".join(f'  <{key} xml:lang="{name}">{text}</{key}>' for name, text in lines)
    return f"<{key}-list>\n{inner}\n</{key}-list>"


def _desktop(key: str, lines: list[Line]) -> str:
    return "\n".join(f"{key.title()}[{name}]={text}" for name, text in lines)


def _json(key: str, lines: list[Line]) -> str:
    inner = ",\n".join(f'    "{name}": "{text}"' for name, text in lines)
    return f'{{\n  "{key}": {{\n{inner}\n  }}\n}}'


def _yaml(key: str, lines: list[Line]) -> str:
    return f"{key}:\n" + "\n".join(f"  {name}: {text}" for name, text in lines)


def _gettext(key: str, lines: list[Line]) -> str:
    return "\n\n".join(f'# {name}\nmsgid "{key}"\nmsgstr "{text}"' for name, text in lines)


def _table(key: str, lines: list[Line]) -> str:
    return f"| language | {key} |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in lines)


def _options(key: str, lines: list[Line]) -> str:
    inner = "\n".join(f'  <option value="{name}">{text}</option>' for name, text in lines)
    return f'<select name="{key}">\n{inner}\n</select>'
