"""The patterns of one use: those of the library that it wants, and its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

from gateway.plugin import Direction, Pattern
from gateway.scan.engine import check_pattern
from gateway.scan.library import library
from gateway_plugins.dlp.config import (
    CANARY,
    CANARY_CHARACTERS_MIN,
    CustomConfig,
    DictionaryConfig,
    DlpConfig,
    is_reference,
)
from gateway_plugins.dlp.rules import Rules, expanded

_RANK: Final = 5
"""What the policy names itself comes before what the library knows."""


def patterns_for(config: DlpConfig, rules: Rules) -> list[Pattern]:
    """Everything to look for. Raises ValueError with the pattern that cannot be used, and why."""
    found = [pattern for name in expanded(config.classes) for pattern in library().get(name, ())]
    found += _own(config)
    return [limited for pattern in found for limited in _limited(pattern, rules)]


def _limited(pattern: Pattern, rules: Rules) -> Iterator[Pattern]:
    """The pattern, where something could be done with what it finds."""
    directions: tuple[Direction, ...] = tuple(
        direction
        for direction in get_args(Direction)
        if direction in pattern.directions and rules.wanted(pattern.kind, direction)
    )
    if directions == pattern.directions:
        yield pattern
    elif directions:
        yield replace(pattern, directions=directions)


def _own(config: DlpConfig) -> Iterator[Pattern]:
    for number, custom in enumerate(config.custom):
        yield _checked(_custom(custom), f"custom[{number}]")
    for number, dictionary in enumerate(config.dictionaries):
        yield _checked(_dictionary(dictionary), f"dictionaries[{number}]")
    for number, canary in enumerate(config.canaries):
        text = canary.get_secret_value()
        if len(text) < CANARY_CHARACTERS_MIN and not is_reference(text):
            raise ValueError(
                f"canaries[{number}] has less than {CANARY_CHARACTERS_MIN} characters: "
                "it would be found where nobody planted it"
            )
        pattern = Pattern(
            f"canary-{number}",
            CANARY,
            re.escape(text),
            left="",
            right="",
            rank=_RANK,
            directions=("response",),
        )
        yield _checked(pattern, f"canaries[{number}]")


def _checked(pattern: Pattern, where: str) -> Pattern:
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return pattern


def _custom(custom: CustomConfig) -> Pattern:
    edge = r"\w" if custom.whole_words else ""
    return Pattern(
        custom.name, custom.name, custom.pattern, edge, edge, near=custom.near, rank=_RANK
    )


def _dictionary(dictionary: DictionaryConfig) -> Pattern:
    """The longest word first, so that one that begins another does not hide it."""
    words = sorted(set(dictionary.words), key=lambda word: (-len(word), word))
    flag = "(?i:" if dictionary.ignore_case else "(?:"
    expression = flag + "|".join(re.escape(word) for word in words) + ")"
    return Pattern(dictionary.name, dictionary.name, expression, rank=_RANK)
