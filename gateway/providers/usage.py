"""What an answer used, read from the provider's own numbers, whole or streamed, in any dialect.

The form of the JSON tells how it is read, not the dialect of the route: behind one route may stand
a server that speaks another provider's form.

| form                      | input                                | output                      |
|---------------------------|--------------------------------------|-----------------------------|
| OpenAI chat, completions, | `prompt_tokens`                      | `completion_tokens`; or what|
| embeddings                |                                      | `total_tokens` leaves       |
| OpenAI responses          | `input_tokens`                       | `output_tokens`             |
| Anthropic messages        | `input_tokens` + cache read, created | `output_tokens`             |
| Bedrock converse, invoke  | `inputTokens` + cache read, written  | `outputTokens`              |
| Gemini                    | `promptTokenCount` +                 | `candidatesTokenCount` +    |
|                           | `toolUsePromptTokenCount`            | `thoughtsTokenCount`        |
| Ollama                    | `prompt_eval_count`                  | `eval_count`                |

Streams report cumulative numbers (Gemini, some vLLM) or one at the end; the last one counts.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.usage import Usage
from gateway.providers.answer_text import text_bytes

BYTES_PER_TOKEN: Final = 4
"""The estimate of text whose tokens nobody counted: a quarter of its UTF-8 bytes."""
MODEL_CHARACTERS_MAX: Final = 200

_TOKENS_MAX: Final = 1_000_000_000_000
"""A number above this is no count of tokens."""
_LAST_TYPES: Final = frozenset(
    {"message_delta", "response.completed", "response.incomplete", "response.failed"}
)
_METRICS: Final = "amazon-bedrock-invocationMetrics"
_NESTED: Final = ("message", "response", "x_groq")
_CACHE_READ: Final = (
    "cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount",
)  # fmt: skip
_CACHE_WRITE: Final = (
    "cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount",
)  # fmt: skip


class UsageReader:
    """Fills one `Usage` from the parsed events of a stream, or from one whole answer.

    `usage` holds the best knowledge at any time: what was reported, or what the text so far is
    estimated at, whichever is more.
    """

    __slots__ = ("_base", "_input_known", "_last_seen", "_reported", "_text_bytes", "usage")

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self._input_known = False
        self._last_seen = False
        self._base = 0
        """The input without what the cache gave, where the provider counts that apart."""
        self._reported: int | None = None
        """The output as it was reported last."""
        self._text_bytes = 0

    def event(self, event: dict[str, Any], name: bytes = b"", *, may_report: bool = True) -> None:
        """Takes one event; `name` is the frame's, where the framing and not the JSON names it.

        `may_report` is false where its bytes showed that it reports nothing (`may_report`).
        """
        usage = self.usage
        if usage.model is None:
            usage.model = _model(event)
        if may_report and self._report(event) and _is_last(event, name):
            self._last_seen = True
        if self._last_seen:
            return  # nothing is estimated any more
        size = text_bytes(event)
        if size:
            self._text_bytes += size
            estimate = -(-self._text_bytes // BYTES_PER_TOKEN)
            usage.output_tokens = max(usage.output_tokens, estimate)

    def whole(self, answer: Any) -> None:
        """Takes a whole answer: an object, or a list of them (Gemini's stream without SSE)."""
        for part in answer if isinstance(answer, list) else [answer]:
            if isinstance(part, dict):
                self.event(part)

    def unread(self, size: int) -> None:
        """Counts `size` bytes of text that nothing could be read from."""
        self._text_bytes += size
        if self._reported is None:
            self.usage.output_tokens = -(-self._text_bytes // BYTES_PER_TOKEN)

    def counted(self, input_tokens: int, output_tokens: int) -> None:
        """Takes numbers that came beside the body (Bedrock's headers), if it held none."""
        if self._reported is None:
            self._set_input(input_tokens)
            self._set_output(output_tokens)

    @property
    def reported(self) -> bool:
        """Whether the provider has said anything of what was used."""
        return self._input_known or self._reported is not None

    def close(self, *, complete: bool) -> None:
        """The answer is over; `complete` says that the provider ended it properly.

        Then what was reported last is the truth. Else it is so only if the report was a final one.
        """
        settled = complete or self._last_seen
        if settled and self._reported is not None:
            self.usage.output_tokens = self._reported
        known = self._input_known and self._reported is not None
        self.usage.estimated = not (known and settled)

    # -- inner

    def _report(self, event: dict[str, Any]) -> bool:
        found = event.get("usage")
        if type(found) is dict:
            return self._counts(found)
        found = event.get("usageMetadata")
        if type(found) is dict:
            return self._gemini(found)
        if "eval_count" in event or "prompt_eval_count" in event:
            return self._ollama(event)
        found = event.get(_METRICS)
        if type(found) is dict:
            return self._counts(found)
        for key in _NESTED:
            inner = event.get(key)
            if type(inner) is dict and type(found := inner.get("usage")) is dict:
                return self._counts(found)
        return False

    def _counts(self, found: dict[str, Any]) -> bool:
        prompt = _number(found, "prompt_tokens")
        output = _number(found, "completion_tokens", "output_tokens", "outputTokens",
                         "outputTokenCount")  # fmt: skip
        if prompt is not None:
            total = _number(found, "total_tokens") or 0
            # Some count reasoning in the total alone.
            output = max(output or 0, total - prompt)
            self._set_input(prompt)
        else:
            self._apart(found)
        self._details(found)
        if output is not None:
            self._set_output(output)
        return output is not None

    def _apart(self, found: dict[str, Any]) -> None:
        """The input where the cache may be counted apart; a stream's end may leave it out."""
        usage = self.usage
        base = _number(found, "input_tokens", "inputTokens", "inputTokenCount")
        read, write = _number(found, *_CACHE_READ), _number(found, *_CACHE_WRITE)
        if base is not None:
            self._base = base
        if read is not None:
            usage.cached_tokens = read
        if write is not None:
            usage.cache_write_tokens = write
        if "input_tokens_details" in found and read is None and write is None:
            usage.cached_tokens = usage.cache_write_tokens = 0
        if base is not None or self._input_known:
            self._set_input(self._base + usage.cached_tokens + usage.cache_write_tokens)

    def _details(self, found: dict[str, Any]) -> None:
        usage = self.usage
        details = found.get("prompt_tokens_details") or found.get("input_tokens_details")
        if type(details) is dict:
            usage.cached_tokens = _number(details, "cached_tokens") or 0
        elif "prompt_tokens" in found:
            cached = _number(found, "prompt_cache_hit_tokens", *_CACHE_READ)
            usage.cached_tokens = cached or 0
        details = found.get("completion_tokens_details") or found.get("output_tokens_details")
        if type(details) is dict:
            usage.reasoning_tokens = _number(details, "reasoning_tokens") or 0

    def _gemini(self, found: dict[str, Any]) -> bool:
        usage = self.usage
        prompt = _number(found, "promptTokenCount")
        if prompt is not None:
            self._set_input(prompt + (_number(found, "toolUsePromptTokenCount") or 0))
        usage.cached_tokens = _number(found, "cachedContentTokenCount") or usage.cached_tokens
        thoughts = _number(found, "thoughtsTokenCount") or 0
        usage.reasoning_tokens = thoughts or usage.reasoning_tokens
        self._set_output((_number(found, "candidatesTokenCount") or 0) + thoughts)
        return True

    def _ollama(self, found: dict[str, Any]) -> bool:
        prompt, output = _number(found, "prompt_eval_count"), _number(found, "eval_count")
        if prompt is not None:
            self._set_input(prompt)
        self._set_output(output or 0)
        return True

    def _set_input(self, tokens: int) -> None:
        self.usage.input_tokens = tokens
        self._input_known = True

    def _set_output(self, tokens: int) -> None:
        self.usage.output_tokens = self._reported = tokens


def may_report(data: bytes) -> bool:
    """Whether the bytes of an event can hold a report: most hold none, and this is soon seen."""
    return b"usage" in data or b"eval_count" in data or b"Metrics" in data


def _number(found: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = found.get(name)
        if type(value) is int and 0 <= value <= _TOKENS_MAX:
            return value
    return None


def _model(event: dict[str, Any]) -> str | None:
    named = event.get("model") or event.get("modelVersion")
    if named is None:
        inner = event.get("message") or event.get("response")
        named = inner.get("model") if type(inner) is dict else None
    return named if type(named) is str and len(named) <= MODEL_CHARACTERS_MAX else None


def _is_last(event: dict[str, Any], name: bytes) -> bool:
    """Whether no later report can say more."""
    if name == b"metadata" or event.get("done") is True or _METRICS in event:
        return True
    if event.get("type") in _LAST_TYPES:
        return True
    choices = event.get("choices")
    if choices is not None:
        return not choices or any(type(c) is dict and c.get("finish_reason") for c in choices)
    candidates = event.get("candidates")
    return type(candidates) is list and any(
        type(c) is dict and c.get("finishReason") for c in candidates
    )
