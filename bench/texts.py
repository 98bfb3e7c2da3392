"""Texts of ordinary prose, each different from the others, for requests and answers.

A proxy that inspects texts may remember what it has judged, as it may with the history of a
conversation. So that every figure is about new texts, none comes twice within a run's memory.
"""

from __future__ import annotations

import random

_WORDS = (  # noqa: SIM905  # a list of words reads better so
    "the a this our their every another some weekly quarterly open final early quiet green small "
    "team report garden river market library teacher weather budget meeting window bridge train "
    "kitchen letter project summer winter morning customer invoice parcel museum doctor village "
    "explains describes moves prepares compares finishes covers follows keeps builds changes "
    "under over near behind across between before after during without because while although "
    "slowly carefully again together usually often sometimes today tomorrow soon already"
).split()
_SENTENCE_WORDS = (6, 14)
_COMMAS = 0.08


def prose(seed: int, characters: int) -> str:
    """Sentences of plain English words, exactly `characters` long; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # the same for everybody
    text = ""
    while len(text) < characters:
        words = chance.choices(_WORDS, k=chance.randint(*_SENTENCE_WORDS))
        marked = [word + "," * (chance.random() < _COMMAS) for word in words]
        text += " ".join(marked).rstrip(",").capitalize() + ". "
    return text[: characters - 1] + "."
