"""Spans of time are written with their unit and read exactly."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from gateway.plugin.durations import DurationText, duration_us


class Config(BaseModel):
    window: DurationText


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("500ms", 500_000),
        ("60s", 60_000_000),
        ("5m", 300_000_000),
        ("1h", 3_600_000_000),
        ("30d", 2_592_000_000_000),
    ],
)
def test_every_unit_is_read(text: str, us: int) -> None:
    assert duration_us(text) == us


@pytest.mark.parametrize("text", ["", "60", "0s", "-1s", "1.5s", "60 s", "1h30m", "s", "1w", "٣s"])
def test_what_is_no_duration_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="such as 500ms, 60s, 5m, 1h or 30d"):
        duration_us(text)


def test_a_bare_number_is_refused_with_the_unit_it_may_want() -> None:
    with pytest.raises(ValidationError, match="60s for seconds"):
        Config.model_validate_json(b'{"window": 60}', strict=True)


def test_a_configuration_keeps_the_text() -> None:
    assert Config.model_validate_json(b'{"window": "60s"}', strict=True).window == "60s"
    assert Config.model_json_schema()["properties"]["window"]["pattern"].endswith("(ms|s|m|h|d)$")
