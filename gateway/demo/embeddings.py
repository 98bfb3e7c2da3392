"""Embeddings in each dialect: unit vectors that depend on the text alone."""

from __future__ import annotations

import struct
from base64 import b64encode
from hashlib import sha256
from math import sqrt
from typing import Any

from gateway.demo.answer import Answer, Call, json_answer
from gateway.demo.reply import count_tokens, text_of

_DIMENSIONS = 64
_DIMENSIONS_MAX = 4096
_MIDDLE = 127.5


def vector(text: str, dimensions: int = _DIMENSIONS) -> list[float]:
    """A vector of length 1 with `dimensions` numbers."""
    raw = b"".join(
        sha256(b"%d:" % block + text.encode("utf-8", "surrogatepass")).digest()
        for block in range(-(-dimensions // 32))
    )
    numbers = [byte - _MIDDLE for byte in raw[:dimensions]]
    length = sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def openai_embeddings(call: Call) -> Answer:
    """`POST /v1/embeddings`, as numbers or in base64 (which OpenAI's SDKs ask for)."""
    texts = _inputs(call.body.get("input"))
    size = _dimensions(call.body.get("dimensions"))
    in_base64 = call.body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        numbers = vector(text, size)
        value: Any = numbers
        if in_base64:
            value = b64encode(struct.pack(f"<{size}f", *numbers)).decode()
        data.append({"object": "embedding", "index": index, "embedding": value})
    tokens = sum(count_tokens(text) for text in texts)
    return json_answer(
        {
            "object": "list",
            "data": data,
            "model": call.body.get("model") or call.params.get("deployment", "demo-1"),
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def gemini_embed(call: Call) -> Answer:
    """`POST /v1beta/models/X:embedContent`."""
    return json_answer({"embedding": {"values": _gemini_vector(call.body)}})


def gemini_batch_embed(call: Call) -> Answer:
    """`POST /v1beta/models/X:batchEmbedContents`."""
    requests = [r for r in call.body.get("requests") or [] if isinstance(r, dict)]
    return json_answer({"embeddings": [{"values": _gemini_vector(r)} for r in requests]})


def ollama_embed(call: Call) -> Answer:
    """`POST /api/embed`."""
    texts = _inputs(call.body.get("input"))
    return json_answer(
        {
            "model": call.body.get("model", "demo-1"),
            "embeddings": [vector(text) for text in texts],
            "prompt_eval_count": sum(count_tokens(text) for text in texts),
        }
    )


def _gemini_vector(request: dict[str, Any]) -> list[float]:
    size = _dimensions(request.get("outputDimensionality"))
    return vector(text_of(request.get("content")), size)


def _inputs(value: Any) -> list[str]:
    """The texts to embed; a list of token numbers counts as one text."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return []
    if isinstance(value[0], int):
        return [" ".join(map(str, value))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in value]


def _dimensions(value: Any) -> int:
    return min(max(value, 1), _DIMENSIONS_MAX) if isinstance(value, int) else _DIMENSIONS
