"""What a request body asks for, where a role depends on it: models, and a bound of tokens.

What two readers may understand in two ways is not known, and what is not known is not allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.identity.access import UNBOUNDED
from gateway.providers.json_structure import member_span

_BOUNDS: Final = (
    ("max_tokens",),
    ("max_completion_tokens",),
    ("max_output_tokens",),
    ("max_tokens_to_sample",),
    ("num_predict",),
    ("maxTokens",),
    ("generationConfig", "maxOutputTokens"),  # Gemini
    ("generation_config", "max_output_tokens"),
    ("inferenceConfig", "maxTokens"),  # Bedrock
    ("options", "num_predict"),  # Ollama
)
_ANSWERS: Final = (
    ("n",),
    ("best_of",),
    ("generationConfig", "candidateCount"),
    ("generation_config", "candidate_count"),
)
_NAMES: Final = {path[0].lower(): path[0] for path in (*_BOUNDS, *_ANSWERS)} | {
    "maxtokens": "maxTokens"
}


def spare_models(parsed: Any) -> tuple[str, ...] | None:
    """The models that may stand in for the one named (`models`); None where they are no texts."""
    spare = parsed.get("models", []) if isinstance(parsed, dict) else []
    if not isinstance(spare, list) or not all(isinstance(name, str) for name in spare):
        return None
    return tuple(spare)


def output_tokens(body: bytes, parsed: Any) -> int | None:
    """The most tokens of answer that a request allows, all answers together.

    UNBOUNDED where it states no bound; None where that cannot be told.
    """
    if not isinstance(parsed, dict) or _has_doubtful_case(parsed):
        return None
    bounds = [_stated(body, parsed, path) for path in _BOUNDS]
    answers = [_stated(body, parsed, path) for path in _ANSWERS]
    if None in bounds or None in answers:
        return None
    bound = max(bounds, key=_number)
    times = max(1, *(_number(each) for each in answers))
    return _number(bound) * times if bound else UNBOUNDED


def _number(value: int | None) -> int:
    return value or 0


def _has_doubtful_case(parsed: Mapping[str, Any]) -> bool:
    """Go's encoding/json takes a key in any case for the field."""
    return any(_NAMES.get(key.lower(), key) != key for key in parsed)


def _stated(body: bytes, parsed: Mapping[str, Any], path: tuple[str, ...]) -> int | None:
    """The number at `path`, 0 where there is none, None where it is doubtful."""
    value: Any = parsed
    for key in path:
        if not isinstance(value, dict) or value.get(key) is None:
            return 0
        span = member_span(body, key)
        if span is None:
            return None
        body, value = body[slice(*span)], value[key]
    return value if type(value) is int and value > 0 else None
