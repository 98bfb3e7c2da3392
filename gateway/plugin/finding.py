"""What is found of a pattern. A text may have hundreds of them, so that this is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is made of findings itself
    from gateway.plugin.pattern import Pattern


class Finding:
    """A value in a text, from `start` to `stop`.

    `pattern` is the one that names it. `value` is free of disguises; of a run that a stream drops
    it is what was known when the run began. `continued` marks the rest of such a run: it has no
    replacement of its own. Where `pattern` is THE_REST or
    JSON_REST, `value` is empty.
    """

    __slots__ = ("continued", "pattern", "start", "stop", "value")

    def __init__(
        self, pattern: Pattern, start: int, stop: int, value: str, *, continued: bool = False
    ) -> None:
        self.pattern = pattern
        self.start = start
        self.stop = stop
        self.value = value
        self.continued = continued

    def __repr__(self) -> str:
        # No value: it may be a secret.
        return f"<Finding {self.pattern.name} {self.start}:{self.stop}>"
