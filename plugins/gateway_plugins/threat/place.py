"""Where a text stands, by what is said of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Place(StrEnum):
    """Where a text stands, which tells what it can do there."""

    ARGUMENTS = "arguments"
    RESULTS = "results"
    ANSWERS = "answers"
    PROSE = "prose"


ARGUMENTS: Final = Place.ARGUMENTS
RESULTS: Final = Place.RESULTS
ANSWERS: Final = Place.ANSWERS
PROSE: Final = Place.PROSE
# By names of their own: a look into an enumeration costs as much as the rest of `place_of`.

_OF_RESULTS: Final = frozenset({"tool_result", "document", "file_name"})


def place_of(kind: str, role: str, *, answering: bool) -> Place:
    """The place of a text, by what a `Span` says of it."""
    if kind == "tool_call_arguments":
        return ARGUMENTS
    if kind in _OF_RESULTS or (role == "tool" and kind != "tool_description"):
        return RESULTS
    return ANSWERS if answering else PROSE
