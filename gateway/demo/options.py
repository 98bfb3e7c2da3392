"""The request headers that tell the simulated provider how to behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote


class Fault(StrEnum):
    """What goes wrong on purpose (`x-demo-fault`)."""

    RESET_BEFORE_HEAD = "reset-before-head"
    RESET_MID_STREAM = "reset-mid-stream"
    SILENCE = "silence"
    GARBAGE = "garbage"
    TRUNCATE = "truncate"
    SLOW_HEAD = "slow-head"


class BadCallError(ValueError):
    """The request cannot be understood; the text is shown to the client."""


@dataclass(frozen=True, slots=True)
class Options:
    """All `x-demo-*` headers of one request; docs/reference/demo-provider.md lists them."""

    latency_ms: int = 0
    chunk_delay_ms: int = 0
    status: int = 0
    fault: Fault | None = None
    chunks: int = 0
    reply_text: str | None = None


_WAIT_MS_MAX = 3_600_000
_CHUNKS_MAX = 1_000_000
_STATUS_MIN, _STATUS_MAX = 400, 599


def read_options(headers: Mapping[str, str]) -> Options:
    """Reads the options; a value that is not understood raises `BadCallError`."""
    status = _number(headers, "x-demo-status", _STATUS_MAX)
    if status and status < _STATUS_MIN:
        raise BadCallError(f"x-demo-status must be from {_STATUS_MIN} to {_STATUS_MAX}")
    text = headers.get("x-demo-reply-text")
    return Options(
        latency_ms=_number(headers, "x-demo-latency-ms", _WAIT_MS_MAX),
        chunk_delay_ms=_number(headers, "x-demo-chunk-delay-ms", _WAIT_MS_MAX),
        status=status,
        fault=_fault(headers.get("x-demo-fault")),
        chunks=_number(headers, "x-demo-chunks", _CHUNKS_MAX),
        reply_text=None if text is None else unquote(text),
    )


def _number(headers: Mapping[str, str], name: str, largest: int) -> int:
    value = headers.get(name, "0")
    if not (value.isascii() and value.isdigit()) or int(value) > largest:
        raise BadCallError(f"{name} must be a whole number from 0 to {largest}")
    return int(value)


def _fault(value: str | None) -> Fault | None:
    if value is None:
        return None
    try:
        return Fault(value)
    except ValueError:
        raise BadCallError(f"x-demo-fault must be one of {', '.join(Fault)}") from None
