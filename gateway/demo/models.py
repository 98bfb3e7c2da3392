"""The list of models, in the form of each dialect."""

from __future__ import annotations

from typing import Any, Final

from gateway.demo.answer import CREATED_AT_S, Answer, Call, json_answer

MODELS: Final = ("demo-1", "demo-2")
_CREATED_AT = "2026-01-01T00:00:00Z"
_TOKENS_MAX = 1_000_000


def openai_models(_call: Call) -> Answer:
    """`GET /v1/models`."""
    return json_answer({"object": "list", "data": [_openai(name) for name in MODELS]})


def openai_model(call: Call) -> Answer:
    """`GET /v1/models/ID`."""
    return json_answer(_openai(call.params["target"]))


def anthropic_models(_call: Call) -> Answer:
    """`GET /v1/models` with an `anthropic-version` header."""
    data = [_anthropic(name) for name in MODELS]
    page = {"has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
    return json_answer({"data": data} | page)


def anthropic_model(call: Call) -> Answer:
    """`GET /v1/models/ID` with an `anthropic-version` header."""
    return json_answer(_anthropic(call.params["target"]))


def gemini_models(_call: Call) -> Answer:
    """`GET /v1beta/models`."""
    return json_answer({"models": [_gemini(name) for name in MODELS]})


def gemini_model(call: Call) -> Answer:
    """`GET /v1beta/models/ID`."""
    return json_answer(_gemini(call.params["target"]))


def ollama_tags(_call: Call) -> Answer:
    """`GET /api/tags`."""
    models = [
        {"name": name, "model": name, "modified_at": _CREATED_AT, "size": 0, "digest": ""}
        for name in MODELS
    ]
    return json_answer({"models": models})


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_AT_S, "owned_by": "sealgate"}


def _anthropic(name: str) -> dict[str, Any]:
    return {"id": name, "type": "model", "display_name": name, "created_at": _CREATED_AT}


def _gemini(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "version": "1",
        "inputTokenLimit": _TOKENS_MAX,
        "outputTokenLimit": _TOKENS_MAX,
        "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
    }
