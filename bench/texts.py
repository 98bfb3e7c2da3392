"""Texts of ordinary prose, each different from the others, for requests and answers.

A proxy that inspects texts may remember what it has judged, as it may with the history of a
conversation. So that every figure is about new texts, none comes twice within a run's memory. The
words are those of Python's own documentation: whoever judges texts takes random words for odd ones,
and looks at them longer.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pydoc_data.topics import topics


@cache
def _manual() -> str:
    """The documentation's topics as one line of words and the marks between them."""
    text = " ".join(topics[name] for name in sorted(topics))
    words = re.sub(r"[^A-Za-z ,.;]+", " ", text)
    return re.sub(r" +([,.;]?)", lambda found: found[1] + " " * (not found[1]), words)


def prose(seed: int, characters: int) -> str:
    """A passage of exactly `characters` characters; the same for the same seed."""
    manual = _manual()
    start = random.Random(seed).randrange(len(manual) - characters)  # noqa: S311  # no secret
    return manual[start : start + characters - 1] + "."
