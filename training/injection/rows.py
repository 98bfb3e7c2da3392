"""One text to learn from, and the languages that the generators speak."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = (
    "de fr es pt it nl pl ru uk cs sv tr ro hu el fi ar he fa hi bn id vi th zh ja ko"
).split()


@dataclass(frozen=True, slots=True)
class Row:
    """One text. `span` is where the attack stands, None where it is not known.

    `family` is the generator or the source; `bare` marks orders that are an attack only in data.
    """

    text: str
    label: int
    role: str
    family: str
    span: tuple[int, int] | None = None
    bare: bool = False


def attack_row(text: str, role: str, family: str, *, bare: bool = False) -> Row:
    """An attack that is the whole text."""
    return Row(text, 1, role, family, (0, len(text)), bare)
