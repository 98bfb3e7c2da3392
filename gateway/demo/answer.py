"""The two forms of an answer, and the request as the dialects see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

import orjson

from gateway.demo.options import Options
from gateway.settings import Dialect

CREATED_AT_S = 1_767_225_600
"""2026-01-01: the time on every answer, so that the same request gives the same bytes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its JSON body, the parts of its path, and how to behave."""

    path: str
    body: dict[str, Any]
    options: Options = field(default_factory=Options)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = Dialect.UNKNOWN

    def id(self, prefix: str) -> str:
        """An identifier that depends on the request alone."""
        seed = orjson.dumps([self.path, self.body], option=orjson.OPT_SORT_KEYS)
        return prefix + sha256(seed).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer with one body."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in pieces, each written by itself."""

    pieces: Iterable[bytes]
    content_type: str = "text/event-stream; charset=utf-8"


Answer: TypeAlias = Whole | Stream


def json_answer(value: Any) -> Whole:
    """A JSON body with status 200."""
    return Whole(orjson.dumps(value))


def sse(value: Any, name: str = "") -> bytes:
    """One server-sent event with JSON data."""
    head = f"event: {name}\n" if name else ""
    return head.encode() + b"data: " + orjson.dumps(value) + b"\n\n"
