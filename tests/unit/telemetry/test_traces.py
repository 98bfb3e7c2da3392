from __future__ import annotations

import pytest

from gateway.telemetry.traces import trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        (f"00-{TRACE}-{SPAN}-00", TRACE),
        (f"00-{TRACE}-{SPAN}-03", TRACE),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", TRACE),
        (f"cc-{TRACE}-{SPAN}-01", TRACE),
        (f"cc-{TRACE}-{SPAN}-01.x", ""),
        (f"00-{TRACE}-{SPAN}-01-x", ""),
        (f"00-{TRACE}-{SPAN}-1", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"00_{TRACE}-{SPAN}-01", ""),
        (f" 00-{TRACE}-{SPAN}-01", ""),
        (f"00-{TRACE[:-1]}g-{SPAN}-01", ""),
        ("", ""),
    ],
)
def test_reads_what_the_recommendation_allows_and_nothing_else(value: str, expected: str) -> None:
    assert trace_id(value.encode()) == expected


def test_a_request_without_the_field_has_no_trace() -> None:
    assert trace_id(None) == ""
