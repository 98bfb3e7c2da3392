"""What an exchange used, in tokens, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Tokens of one exchange; filled while the answer passes.

    `estimated` is true until the provider's own numbers arrived: until then `input_tokens` is the
    estimate from the request and `output_tokens` the one from the text so far. `input_tokens` holds
    all of the prompt; `cached_tokens` of it were read from the provider's cache and
    `cache_write_tokens` written to it. `reasoning_tokens` are part of `output_tokens`. `model` is
    the one that the answer names. `cut` says that the gateway ended the stream early.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = True
    model: str | None = None
    cut: bool = False

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.input_tokens + self.output_tokens


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
