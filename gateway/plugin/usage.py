"""What a plugin is told of the tokens of an exchange, and how it may end one early.

A plugin derives from `StreamGuard`, so that it stays interpreted; `Usage` is compiled.
"""

from __future__ import annotations

from gateway.plugin.tokens import Usage

__all__ = ["StreamGuard", "Usage"]


class StreamGuard:
    """Ends a stream early, in the words of the client's dialect and at the end of an event.

    `reached` is called when the answer has come to `at_output_tokens` (so far estimated). It raises
    `at_output_tokens` to let the stream go on, or sets `cut`, at once or later. This one cuts.
    """

    __slots__ = ("at_output_tokens", "cut")

    def __init__(self, at_output_tokens: int) -> None:
        self.at_output_tokens = at_output_tokens
        self.cut = False

    def reached(self, usage: Usage) -> None:
        """The answer has come to `at_output_tokens`: plain `def`, because a stream cannot wait."""
        del usage
        self.cut = True
