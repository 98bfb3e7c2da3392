"""Patterns that a plugin asks the core to look for, and what is found of them.

All plugins of a chain are served by one scan: a use says in `patterns` what it looks for, the chain
is compiled to one database for each direction, and `scanner` gives what was found of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from gateway.plugin.finding import Finding
from gateway.plugin.text import TextStream

Direction: TypeAlias = Literal["request", "response"]
Validator: TypeAlias = Callable[[str, str], bool]
"""Told the value and the text before it, up to BEFORE_CHARACTERS; says whether it counts.

Its method `prepare`, if it has one, is called when the chain is compiled. Its method `screen`, if
it has one, is told a whole text in UTF-8, and gives one by one the places of all bytes at which a
value that counts may begin, from left to right: others are not looked at. Its `alone`, if it has
one, may be asked instead about a value of ASCII: where it says False, the validator would. The same
holds for `within`, which is told a text in UTF-8 and where such a value begins and ends in it.
"""

BEFORE_CHARACTERS: Final = 48
"""How much of the text before a value `near` and a validator may look at."""
BOTH: Final[tuple[Direction, ...]] = ("request", "response")
WORD: Final = r"\w"
"""As `left` and `right`: no letter, digit or underscore stands there."""


@dataclass(frozen=True, slots=True)
class Pattern:
    r"""One form of text to look for.

    `name` tells it from others and may be shown; `kind` is its class, such as `email`.

    `expression` is in RE2's syntax, without anchors, look-around and back-references; `\w`, `\d`,
    `\s` and `\b` are ASCII. It matches the shown text with compatibility forms and invisible
    characters undone. A group `(?P<value>...)` narrows what counts as the value. It must have a
    longest match; an unbounded repetition at its end becomes `run`, one within it ends after 256.

    `left` and `right` are the inside of a character class that may not stand before or after; empty
    allows all. `apart` is a class as well: none of these may stand before where a digit stands
    before it, so that nothing begins within a longer number in groups.

    `run` is a class too: as many of these as follow belong to the value, without a bound and
    without `right`; then `closing`, an expression, if it follows. A stream drops a run as it comes.

    `near` is an expression that must match in the BEFORE_CHARACTERS before the value. `validator`
    sees the value without its run. `hint` is an expression for a part of every match, where a
    better one to search for is known than follows from `expression`. `seldom` says that what is
    searched for stands in few texts, so that it is only asked whether it is there: a text that is
    full of it costs no more. `crowded` says that much looks like it within longer words, such as
    digests, so that already the search asks what stands before it; a `hint` must then be how
    each match begins. Where values overlap, the lowest `rank` names them.
    """

    name: str
    kind: str
    expression: str = field(repr=False)
    left: str = WORD
    right: str = WORD
    apart: str = ""
    run: str = ""
    closing: str = ""
    near: str = ""
    validator: Validator | None = None
    hint: str = ""
    seldom: bool = False
    crowded: bool = False
    rank: int = 50
    directions: tuple[Direction, ...] = BOTH


VALUES_MAX: Final = 512
"""Values of one text that are told one by one, unless the use says otherwise."""
THE_REST: Final = Pattern("rest", "rest", "")
"""Names what stands behind them: it is not looked through, and counts as one value of any class."""
JSON_REST: Final = Pattern("rest", "rest", "", rank=51)
"""The same in the source of a JSON text, which is none any more without it."""


class OverBudgetError(Exception):
    """What was asked for would take longer than an event loop can wait: ask again in a thread."""


class Budget:
    """How many candidates may be looked at on an event loop; `left` counts down.

    A candidate takes some 5 microseconds, so that the default is less than two milliseconds.
    """

    __slots__ = ("left",)

    def __init__(self, candidates: int = 256) -> None:
        self.left = candidates


class ChannelScanner(Protocol):
    """Looks through one channel of a stream for one use."""

    def feed(self, text: TextStream) -> tuple[Sequence[Finding], int]:
        """What is found in `text.text`, and how many of its characters may be let go.

        No finding reaches beyond them, and nothing that comes later changes what was found in them.
        The rest must be held: nothing of it may be edited before it comes again.
        """
        ...


class Scanner(Protocol):
    """Finds the patterns of one use; the core sets it as `Plugin.scanner`."""

    def find(
        self,
        text: str,
        direction: Direction = "request",
        kind: str = "text",
        budget: Budget | None = None,
    ) -> Sequence[Finding]:
        """Everything in a whole text, in its order, without overlaps.

        Behind `values_max` values everything is one finding of THE_REST or JSON_REST. With a
        `budget` it raises OverBudgetError where that is spent.

        `kind` is the span's: in JSON's source, such as arguments of tools, escapes are undone.
        A text that was scanned before, for whatever use of the chain, costs a look-up.
        """
        ...

    def present(
        self,
        text: str,
        direction: Direction = "request",
        kind: str = "text",
        budget: Budget | None = None,
    ) -> Sequence[Pattern]:
        """The patterns of which a whole text has a match, whatever it overlaps with.

        However many there are, this costs the first of each. It is meant for uses that only ask
        whether something is there. `budget` is that of `find`.
        """
        ...

    def knows(self, text: str, direction: Direction = "request", kind: str = "text") -> bool:
        """Whether `find` would cost a look-up only."""
        ...

    def channel(
        self, direction: Direction = "response", *, whole_values: bool = False
    ) -> ChannelScanner:
        """For one channel of a stream; `whole_values` holds a run until its end is known."""
        ...
