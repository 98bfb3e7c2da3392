"""What a request will use, as far as its head and body tell before it is sent."""

from __future__ import annotations

from typing import Any

from gateway.plugin import Exchange

BYTES_PER_TOKEN = 4
_OUTPUT_KEYS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_STREAMING_PATHS = ("streamGenerateContent", "-stream")
_STREAMING_BY_DEFAULT = ("/api/chat", "/api/generate")


def tokens_of(x: Exchange) -> int:
    """Prompt and answer together: a quarter of the body's bytes, and the longest answer allowed."""
    body = x.request.body
    size = 0 if body is None else len(body)
    return max(1, -(-size // BYTES_PER_TOKEN) + _output_tokens(x.request.json()))


def _output_tokens(body: Any) -> int:
    """The longest answer that the request allows, 0 where it names none."""
    if not isinstance(body, dict):
        return 0
    places = [body]
    for name, key in (("generationConfig", "maxOutputTokens"), ("inferenceConfig", "maxTokens")):
        inner = body.get(name)
        if isinstance(inner, dict):
            places.append({_OUTPUT_KEYS[0]: inner.get(key)})
    options = body.get("options")
    if isinstance(options, dict):
        places.append({_OUTPUT_KEYS[0]: options.get("num_predict")})
    named = [place.get(key) for place in places for key in _OUTPUT_KEYS]
    return max((n for n in named if isinstance(n, int) and n > 0), default=0)


def bytes_of(x: Exchange) -> int:
    """The body's size as announced or held, at least 1, so that a full count refuses."""
    body = x.request.body
    if body is not None:
        return max(1, len(body))
    length = x.request.headers.first(b"content-length")
    return max(1, int(length)) if length is not None and length.isdigit() else 1


def is_streamed(x: Exchange) -> bool:
    """Whether the request asks for a stream; a body that cannot be read counts as one that does."""
    path = x.request.path
    if path.endswith(_STREAMING_PATHS):
        return True
    body = x.request.json()
    if isinstance(body, dict):
        return bool(body.get("stream", path.endswith(_STREAMING_BY_DEFAULT)))
    return bool(x.request.body)
