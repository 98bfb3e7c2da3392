"""One text to learn from, and the languages that the generators speak."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = (
    "de fr es pt it nl pl ru uk cs sv tr ro hu el fi ar he fa hi bn id vi th zh ja ko"
).split()


@dataclass(frozen=True, slots=True)
class Row:
    """One text. `span` is where the attack stands, None where it is not known.

    `family` is the generator or the source; `bare` marks what only the head of data learns from:
    orders that are an attack only in data, and harmless texts that stand against them.
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


@dataclass(frozen=True, slots=True)
class Stock:
    """Harmless texts of the prepared sources that generators build with."""

    documents: list[str]
    requests: list[str]
    answers: list[str]


_DOCUMENT_CHARS_MIN = 150
_REQUEST_CHARS = range(12, 300)
_ANSWER_CHARS = range(2, 600)


def stock(rows: list[Row]) -> Stock:
    """What the harmless rows have to offer."""
    harmless = [row for row in rows if not row.label]
    return Stock(
        documents=[
            row.text
            for row in harmless
            if row.role in {"tool", "assistant"} and len(row.text) > _DOCUMENT_CHARS_MIN
        ],
        requests=[
            row.text
            for row in harmless
            if row.role == "user" and row.text.isascii() and len(row.text) in _REQUEST_CHARS
        ],
        answers=[
            row.text
            for row in harmless
            if row.role == "assistant" and len(row.text) in _ANSWER_CHARS
        ],
    )
