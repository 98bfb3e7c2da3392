"""How spans and moments look in header fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.rate_limit.headers import go_duration, rfc3339


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, b"0ms"),
        (1, b"1ms"),
        (12_000, b"12ms"),
        (1_000_000, b"1s"),
        (1_500_000, b"1.5s"),
        (59_999_001, b"1m0s"),
        (59_999_000, b"59.999s"),
        (360_000_000, b"6m0s"),
        (3_600_000_000, b"1h0m0s"),
        (90_061_000_001, b"25h1m2s"),
    ],
)
def test_spans_are_written_as_openai_does(us: int, text: bytes) -> None:
    assert go_duration(us) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, b"2026-11-22T00:00:00Z"),
        (1, b"2026-11-22T00:00:01Z"),
        (60_000_000, b"2026-11-22T00:01:00Z"),
    ],
)
def test_moments_are_written_as_anthropic_does(us: int, text: bytes) -> None:
    assert rfc3339(1_795_305_600.0, us) == text


@given(st.integers(0, 31 * 86_400_000_000))
def test_no_span_is_told_too_short_nor_a_second_too_long(us: int) -> None:
    """A client that comes too early is refused again."""
    text = go_duration(us).decode()
    if text.endswith("ms"):
        told = int(text[:-2]) * 1000
    else:
        parts = text[:-1].replace("h", ":").replace("m", ":").split(":")
        told = round(sum(float(p) * 60**n for n, p in enumerate(reversed(parts))) * 1e6)

    assert us <= told < us + 1_000_000
