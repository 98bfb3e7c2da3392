"""What a request will use, as far as its head and body tell before it is sent."""

from __future__ import annotations

from gateway.plugin import Exchange
from gateway.providers.request_estimate import generates, input_tokens, output_tokens

_STREAMING_PATHS = ("streamGenerateContent", "-stream")
_STREAMING_BY_DEFAULT = ("/api/chat", "/api/generate")


def tokens_of(x: Exchange, answer_max: int) -> int | None:
    """Prompt and answer together, the answer at most `answer_max`; None where no model works."""
    request = x.request
    if request.method != "POST":
        return None
    if not generates(request.method, request.path):
        return 0
    answer = output_tokens(request.json(), request.path, answer_max)
    return input_tokens(request.body or b"", request.headers) + answer


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
