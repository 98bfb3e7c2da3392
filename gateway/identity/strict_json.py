"""JSON objects that every reader understands alike, for what decides who somebody is."""

from __future__ import annotations

import json  # noqa: TID251  # orjson does not tell of keys that stand twice
from typing import Any

import orjson


class UnclearJsonError(ValueError):
    """The text is no JSON object, or readers may differ about it; its message holds none of it."""


def parse_object(text: bytes) -> dict[str, Any]:
    """The object that `text` spells.

    Raises UnclearJsonError for anything else: invalid UTF-8, a lone surrogate, NaN or infinity, a
    byte order mark, deep nesting, and a key that stands twice at any depth (RFC 8259 section 4:
    "the behavior of software that receives such an object is unpredictable").
    """
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnclearJsonError("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise UnclearJsonError("it is not a JSON object")
    try:
        json.loads(text, object_pairs_hook=_refuse_twins)
    except RecursionError:
        raise UnclearJsonError("it is nested too deep") from None
    return parsed


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise UnclearJsonError("a name stands twice in it")
