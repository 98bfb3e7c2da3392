"""What an exchange used, in tokens, as far as it is known."""

from __future__ import annotations


class Usage:
    """Tokens of one exchange; filled while the answer passes.

    `estimated` is true until the provider's own numbers arrived: until then `input_tokens` is the
    estimate from the request and `output_tokens` the one from the text so far. `input_tokens` holds
    all of the prompt; `cached_tokens` of it were read from the provider's cache and
    `cache_write_tokens` written to it. `reasoning_tokens` are part of `output_tokens`. `model` is
    the one that the answer names. `cut` says that the gateway ended the stream early.
    """

    # Not a dataclass: one is made for every exchange, and each event of a stream writes to it.
    __slots__ = (
        "cache_write_tokens",
        "cached_tokens",
        "cut",
        "estimated",
        "input_tokens",
        "model",
        "output_tokens",
        "reasoning_tokens",
    )

    def __init__(  # noqa: PLR0917  # the first ones are written by position in tests
        self,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        estimated: bool = True,
        model: str | None = None,
        cut: bool = False,
    ) -> None:
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.cached_tokens = cached_tokens
        self.cache_write_tokens = cache_write_tokens
        self.reasoning_tokens = reasoning_tokens
        self.estimated = estimated
        self.model = model
        self.cut = cut

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.input_tokens + self.output_tokens

    def _all(self) -> tuple[object, ...]:
        return (
            self.input_tokens,
            self.output_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.estimated,
            self.model,
            self.cut,
        )

    def __eq__(self, other: object) -> bool:
        return self._all() == other._all() if isinstance(other, Usage) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # what changes has no hash

    def __repr__(self) -> str:
        return f"<Usage {self._all()}>"
