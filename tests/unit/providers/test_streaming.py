"""Which responses are streams, and how they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.headers import Headers
from gateway.providers.eventstream import FrameSplitter
from gateway.providers.ndjson import NdjsonSplitter
from gateway.providers.sse import SseSplitter
from gateway.providers.streaming import (
    TAIL_BYTES,
    StreamKind,
    ends_stream,
    is_encoded,
    make_splitter,
    stream_kind,
    tail_of,
)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (b"text/event-stream", StreamKind.SSE),
        (b"Text/Event-Stream; charset=utf-8", StreamKind.SSE),
        (b"application/x-ndjson", StreamKind.NDJSON),
        (b"application/x-ndjson ;charset=utf-8", StreamKind.NDJSON),
        (b"application/vnd.amazon.eventstream", StreamKind.EVENTSTREAM),
        (b"application/json", None),
        (b"", None),
    ],
)
def test_a_stream_is_known_by_its_content_type(content_type: bytes, kind: StreamKind) -> None:
    assert stream_kind(content_type) is kind


def test_a_response_without_content_type_is_no_stream() -> None:
    assert stream_kind(None) is None


def test_each_framing_has_its_splitter() -> None:
    assert isinstance(make_splitter(StreamKind.SSE), SseSplitter)
    assert isinstance(make_splitter(StreamKind.NDJSON), NdjsonSplitter)
    assert isinstance(make_splitter(StreamKind.EVENTSTREAM), FrameSplitter)


@pytest.mark.parametrize(
    ("encoding", "encoded"), [(b"identity", False), (b"", False), (b" Identity ", False),
                              (b"gzip", True), (b"gzip, identity", True)],
)  # fmt: skip
def test_what_is_compressed_is_known_by_its_header(encoding: bytes, encoded: bool) -> None:
    assert is_encoded(Headers([(b"content-encoding", encoding)])) is encoded


@pytest.mark.parametrize(
    ("sent", "over"),
    [
        (b"data: [DONE]\n\n", True),
        (b"data:[DONE]\r\n\r\n", True),
        (b'event: message_stop\ndata: {"type":"message_stop"}\n\n', True),
        (b'event: message_stop\ndata: {"type": "message_stop"}\n\n', True),
        (b'data: {"delta":{"text":"message_stop"}}\n\n', False),
        (b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n', False),
        (b'event: message_stop\ndata: {"type":"message_stop"           }\n\n', True),
        (b"data: [DONE]\n\n: ping\n\n", True),
        (b"data: [DONE]\n\n\n", True),
        (b"data: [DONE]\n", False),
        (b"data: [DONE]\n\n: pi", False),
        (b"\ndata: [DONE]\n\n" + b":\n\n" * 36 + b"x", False),  # takes no time that doubles
        (b"data: [DONE]\n\ndata: {}\n\n", False),
        (b": x [DONE]\n\n", False),
        (b"data: hi [DONE]\n\n", False),
        (b'data: {"x":"message_stop"}\n\n', False),
        (b"x" * TAIL_BYTES + b"data: [DONE]\n\n", False),
        (b"", False),
    ],
)
def test_the_last_event_is_known_by_its_end(sent: bytes, over: bool) -> None:
    assert ends_stream(StreamKind.SSE, sent[-TAIL_BYTES:]) is over
    assert not ends_stream(StreamKind.NDJSON, sent[-TAIL_BYTES:])
    assert not ends_stream(None, sent[-TAIL_BYTES:])


@given(st.lists(st.binary(max_size=2 * TAIL_BYTES), max_size=8))
def test_the_tail_is_the_end_of_all_that_was_sent(portions: list[bytes]) -> None:
    tail = b""
    for portion in portions:
        tail = tail_of(tail, portion)

    assert tail == b"".join(portions)[-TAIL_BYTES:]
