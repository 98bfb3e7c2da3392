"""Newline-delimited JSON: cut at the line, byte for byte."""

from __future__ import annotations

import pytest

from gateway.providers.ndjson import NdjsonLine, NdjsonSplitter
from gateway.providers.sse import EventTooLargeError


def test_a_line_is_given_as_soon_as_its_line_feed_came() -> None:
    splitter = NdjsonSplitter()

    assert splitter.feed(b'{"a"') == []
    lines = splitter.feed(b':1}\n{"b":2}\n{"c"')

    assert [line.data for line in lines] == [b'{"a":1}', b'{"b":2}']
    assert splitter.pending == b'{"c"'


def test_the_last_line_needs_no_line_feed() -> None:
    splitter = NdjsonSplitter()
    splitter.feed(b'{"a":1}')

    (line,) = splitter.finish()

    assert (line.data, splitter.finish()) == (b'{"a":1}', [])


def test_editing_keeps_the_white_space_and_the_line_end() -> None:
    assert NdjsonLine(b' {"a":1} \r\n').with_data(b'{"a":\n2}') == b' {"a": 2} \r\n'


def test_a_blank_line_has_no_data_and_cannot_be_edited() -> None:
    line = NdjsonLine(b"\r\n")

    assert (line.data, line.with_data(b"x")) == (None, b"\r\n")


def test_a_line_over_the_limit_is_an_error() -> None:
    with pytest.raises(EventTooLargeError, match="longer than 4 bytes"):
        NdjsonSplitter(line_bytes_max=4).feed(b"12345")


def test_what_is_printed_of_a_line_is_not_its_text() -> None:
    assert "secret" not in repr(NdjsonLine(b'"secret"\n'))
