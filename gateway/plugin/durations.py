"""Spans of time as people write them in configurations: `500ms`, `60s`, `5m`, `1h`, `30d`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_WRITTEN = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)")
_UNIT_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def duration_us(text: str) -> int:
    """The span that `text` spells, in microseconds.

    Raises ValueError with a sentence that says what to write instead.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(
            f'"{text}" is no duration; write a whole number and its unit, such as 500ms, 60s, 5m, '
            "1h or 30d"
        )
    return int(found[1]) * _UNIT_US[found[2]]


def _checked(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError(f"a duration needs its unit: {value}s for seconds")  # noqa: TRY004  # pydantic shows ValueErrors
    if isinstance(value, str):
        duration_us(value)
    return value


DurationText = Annotated[
    str,
    BeforeValidator(_checked),
    Field(json_schema_extra={"pattern": f"^{_WRITTEN.pattern}$"}),
]
"""A field of a configuration that holds a duration; `duration_us` reads it."""
