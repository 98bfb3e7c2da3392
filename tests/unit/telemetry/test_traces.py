from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.traces import TraceContext, next_hop, parse_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", TraceContext(TRACE, SPAN, sampled=True)),
        (f"00-{TRACE}-{SPAN}-00", TraceContext(TRACE, SPAN, sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", TraceContext(TRACE, SPAN, sampled=True)),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", TraceContext(TRACE, SPAN, sampled=True)),
        (f"cc-{TRACE}-{SPAN}-01", TraceContext(TRACE, SPAN, sampled=True)),
        (f"cc-{TRACE}-{SPAN}-01.x", None),
        (f"00-{TRACE}-{SPAN}-01-x", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00_{TRACE}-{SPAN}-01", None),
        (f" 00-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE[:-1]}g-{SPAN}-01", None),
        ("", None),
    ],
)
def test_reads_what_the_recommendation_allows_and_nothing_else(
    value: str, expected: TraceContext | None
) -> None:
    assert parse_traceparent(value.encode()) == expected


def test_continues_the_callers_trace_with_a_span_of_its_own() -> None:
    context = next_hop(f"00-{TRACE}-{SPAN}-01".encode())

    assert context.trace_id == TRACE
    assert context.span_id != SPAN
    assert context.sampled


def test_starts_a_trace_that_is_not_sampled_where_there_is_none() -> None:
    first, second = next_hop(None), next_hop(b"rubbish")

    assert not first.sampled
    assert first.trace_id != second.trace_id


@given(st.binary(max_size=80))
def test_what_is_sent_on_is_always_valid(value: bytes) -> None:
    sent = next_hop(value)

    assert parse_traceparent(sent.traceparent()) == sent
