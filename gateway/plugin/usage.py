"""What an exchange used, in tokens, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Tokens of one exchange; filled while the answer passes.

    `estimated` is true until the provider's own numbers arrived: until then `input_tokens` is the
    estimate from the request and `output_tokens` the one from the text so far. `input_tokens` holds
    all of the prompt; `cached_tokens` of it were read from the provider's cache and
    `cache_write_tokens` written to it. `reasoning_tokens` are part of `output_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = True
    model: str | None = None

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.input_tokens + self.output_tokens
