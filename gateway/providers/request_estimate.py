"""What a request may come to, in tokens, before anybody has counted it.

    input .... a quarter of the bytes of the body. A text of more than 4096 characters without a
               space is an embedded file (base64): it counts as 1600 tokens, whatever its size.
               A compressed body counts a token per byte.
    output ... what the request allows (`max_tokens` and its other names), times the answers that it
               asks for (`n`), up to a bound that the caller sets.

It costs no parsing: embedded files are found by one search over the bytes.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.plugin.headers import Headers
from gateway.providers.usage import BYTES_PER_TOKEN

FILE_TOKENS: Final = 1600
"""An embedded picture or document; providers count some 100 to 3000 tokens for one."""
FILE_CHARACTERS_MIN: Final = 4096

_ANSWERS_MAX: Final = 128
_FILE: Final = re.compile(rb'"[^"\s\\]{%d}[^"\s\\]*+"' % FILE_CHARACTERS_MIN)
_GENERATING: Final = (
    "/chat/completions", "/completions", "/responses", "/embeddings", "/messages",
    "/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream",
    "/api/chat", "/api/generate", "/api/embed", "/api/embeddings",
    ":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents",
    ":rawPredict", ":streamRawPredict",
)  # fmt: skip
_EMBEDDING: Final = (
    "/embeddings", "/api/embed", ":embedContent", ":batchEmbedContents",
)  # fmt: skip
_LIMITS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens", "num_predict")
_NESTED_LIMITS: Final = (
    ("generationConfig", "maxOutputTokens"),  # Gemini
    ("generation_config", "max_output_tokens"),
    ("inferenceConfig", "maxTokens"),  # Bedrock
    ("options", "num_predict"),  # Ollama
)


def generates(method: str, path: str) -> bool:
    """Whether a request makes a model work, so that it uses tokens."""
    return method == "POST" and path.rstrip("/").endswith(_GENERATING)


def embeds(path: str) -> bool:
    """Whether a request is for embeddings, whose answer is no text."""
    return path.rstrip("/").endswith(_EMBEDDING)


def input_tokens(body: bytes, headers: Headers) -> int:
    """The estimate of the prompt in `body`."""
    size = len(body)
    encoding = headers.first(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        return size
    files = 0
    if size > FILE_CHARACTERS_MIN:
        for found in _FILE.finditer(body):
            size -= found.end() - found.start()
            files += 1
    return -(-size // BYTES_PER_TOKEN) + files * FILE_TOKENS


def output_tokens(parsed: Any, path: str, at_most: int) -> int:
    """The estimate of the answer: what the request allows, or `at_most` if that is less or none."""
    if embeds(path):
        return 0
    if not isinstance(parsed, dict):
        return at_most
    allowed = _allowed(parsed)
    return (at_most if allowed is None else min(allowed, at_most)) * _answers(parsed)


def _allowed(parsed: dict[str, Any]) -> int | None:
    found = [parsed.get(key) for key in _LIMITS]
    for outer, key in _NESTED_LIMITS:
        inner = parsed.get(outer)
        if isinstance(inner, dict):
            found.append(inner.get(key))
    numbers = [value for value in found if type(value) is int and value > 0]
    return min(numbers) if numbers else None


def _answers(parsed: dict[str, Any]) -> int:
    config = parsed.get("generationConfig")
    wanted = parsed.get("n")
    if wanted is None and isinstance(config, dict):
        wanted = config.get("candidateCount")
    return min(wanted, _ANSWERS_MAX) if type(wanted) is int and wanted > 0 else 1
