"""Whatever the portions in which a stream arrives: the same events and the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.ndjson import NdjsonSplitter
from gateway.providers.sse import SseSplitter, ends_between_events, parse
from gateway.providers.streaming import Splitter

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [
        b"",
        b": ping",
        b"data",
        b"data:",
        b"data: x",
        b"data:  two spaces",
        b'data: {"t":"\\u2028 \\ud83d"}',
        "data: \u2028 \u00e9 \U0001f600".encode(),
        b"event: error",
        b"event:delta",
        b"id: 7",
        b"retry: 10",
        b"\xef\xbb\xbfdata: not a mark here",
        b"\xff\xfe no text at all",
    ]
)


@st.composite
def sse_streams(draw: Any) -> bytes:
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    # Mostly one kind of line end, as real servers write; sometimes all kinds at once.
    ends = st.just(draw(LINE_ENDS)) if draw(st.booleans()) else LINE_ENDS
    lines = draw(st.lists(st.tuples(LINES, ends), max_size=25))
    return mark + b"".join(line + end for line, end in lines)


@st.composite
def portions(draw: Any, streams: st.SearchStrategy[bytes]) -> list[bytes]:
    stream = draw(streams)
    # Servers cut between events, networks anywhere.
    ends = [found.end() for found in re.finditer(rb"\n\n", stream)]
    places = st.integers(0, len(stream))
    if ends:
        places |= st.sampled_from(ends)
    cuts = draw(st.lists(places, max_size=12).map(sorted))
    return [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]


def run(make: Callable[[], Splitter], chunks: list[bytes]) -> tuple[list[Any], bytes]:
    splitter = make()
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)]
    pieces += splitter.finish()
    events = [(piece.name, piece.data) for piece in pieces if piece.data is not None]
    return events, b"".join(piece.raw for piece in pieces)


def reference_events(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The WHATWG algorithm, word for word: line by line, dispatched at each blank line."""
    events: list[tuple[bytes, bytes]] = []
    data: list[bytes] = []
    name = b""
    for line in stream.removeprefix(b"\xef\xbb\xbf").splitlines():
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            data, name = [], b""
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return events


@given(portions(sse_streams()))
def test_any_split_of_any_sse_stream_gives_the_events_of_the_standard(chunks: list[bytes]) -> None:
    stream = b"".join(chunks)

    events, passed = run(SseSplitter, chunks)

    assert passed == stream
    assert events == reference_events(stream)


@given(portions(st.binary(max_size=200)))
def test_any_bytes_at_all_come_out_of_the_sse_splitter_as_they_went_in(chunks: list[bytes]) -> None:
    _, passed = run(SseSplitter, chunks)

    assert passed == b"".join(chunks)


@st.composite
def ndjson_streams(draw: Any) -> bytes:
    line = st.sampled_from(
        [
            b"",
            b'{"a":1}',
            b'{"t":"\\u2028\\ud83d"}',
            " { \u2028 } ".encode(),
            b"x\r",
            b"\rx",
            b"\x85",
        ]
    )
    text = b"\n".join(draw(st.lists(line, max_size=15)))
    return text + draw(st.sampled_from([b"", b"\n", b"\r\n"]))


@given(portions(ndjson_streams()))
def test_any_split_of_any_ndjson_stream_gives_the_same_lines_and_bytes(chunks: list[bytes]) -> None:
    stream = b"".join(chunks)
    lines = [line.strip(b" \t\r\n") for line in stream.split(b"\n")]

    events, passed = run(NdjsonSplitter, chunks)

    assert passed == stream
    assert events == [(b"", line) for line in lines if line]


@given(sse_streams(), st.integers(0, 30), st.binary(max_size=20))
def test_an_edited_event_leaves_every_other_byte_as_it_was(
    stream: bytes, index: int, edit: bytes
) -> None:
    splitter = SseSplitter()
    pieces = [*splitter.feed(stream), *splitter.finish()]
    carriers = [piece for piece in pieces if piece.data is not None]
    if not carriers:
        return
    edited = carriers[index % len(carriers)]

    fresh = edited.with_data(edit)

    wanted = b"\n".join(edit.splitlines() + ([b""] if edit.endswith((b"\n", b"\r")) else []))
    data, name = parse(fresh)
    assert (data, name) == (wanted, edited.name)
    kept = [line for line in edited.raw.splitlines(keepends=True) if not is_data(line)]
    assert [line for line in fresh.splitlines(keepends=True) if not is_data(line)] == kept


def is_data(line: bytes) -> bool:
    return line.rstrip(b"\r\n").partition(b":")[0] == b"data"


@given(sse_streams())
def test_the_place_between_two_events_is_known_from_the_last_four_bytes(stream: bytes) -> None:
    """An error event may be added exactly where a blank line has ended, else it would be lost."""
    if not ends_between_events(stream[-4:]):
        return

    events, _ = run(SseSplitter, [stream + b"data: added\n\n"])

    assert events == [*reference_events(stream), (b"", b"added")]
