"""Server-sent events: cut at the event, byte for byte."""

from __future__ import annotations

import pytest

from gateway.providers.sse import EventTooLargeError, SseEvent, SseSplitter


def split(*chunks: bytes) -> list[SseEvent]:
    splitter = SseSplitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)]


def test_several_events_in_one_portion_are_cut_apart() -> None:
    raw = b"event: a\ndata: 1\n\n: ping\n\ndata: 2\n\ndata: 3\nid: 9\n\n"

    events = split(raw)

    assert [(event.name, event.data) for event in events] == [
        (b"a", b"1"), (b"", None), (b"", b"2"), (b"", b"3"),
    ]  # fmt: skip
    assert b"".join(event.raw for event in events) == raw


def test_an_event_is_given_as_soon_as_its_blank_line_came() -> None:
    splitter = SseSplitter()

    assert splitter.feed(b"data: a\n") == []
    (event,) = splitter.feed(b"\n")

    assert (event.raw, event.data, event.name) == (b"data: a\n\n", b"a", b"")


def test_event_names_and_several_data_lines_are_read() -> None:
    (event,) = split(b"event: delta\r\nid: 1\r\ndata: a\r\ndata:b\r\n\r\n")

    assert (event.name, event.data) == (b"delta", b"a\nb")


def test_a_byte_order_mark_is_passed_on_but_not_read() -> None:
    mark, event = split(b"\xef", b"\xbb", b"\xbfdata: a\n\n")

    assert (mark.raw, mark.data) == (b"\xef\xbb\xbf", None)
    assert (event.raw, event.data) == (b"data: a\n\n", b"a")


def test_comments_and_blank_lines_pass_at_once_and_carry_no_data() -> None:
    """Servers keep a stream alive with them: held back, they would keep nothing alive."""
    splitter = SseSplitter()

    pieces = [*splitter.feed(b": ping\n\n"), *splitter.feed(b"\n"), *splitter.feed(b"\r\n")]

    assert [(piece.raw, piece.data) for piece in pieces] == [
        (b": ping\n\n", None),
        (b"\n", None),
        (b"\r\n", None),
    ]


def test_a_cr_that_ends_an_event_does_not_wait_for_a_line_feed() -> None:
    first, rest = split(b"data: a\r\n\r", b"\n")

    assert (first.data, rest.raw, rest.data) == (b"a", b"\n", None)


def test_u2028_is_no_line_end_and_stays_as_it_was_written() -> None:
    """gemini-cli cuts lines at U+2028: what was escaped must stay escaped, what was not as well."""
    raw = 'data: {"a":"\\u2028","b":"\u2028"}\n\n'.encode()

    (event,) = split(raw)

    assert (event.raw, event.data) == (raw, raw[6:-2])


def test_editing_keeps_the_other_fields_and_the_manner_of_the_line() -> None:
    (event,) = split(b"event: x\r\ndata:old\r\nid: 9\r\n: note\r\n\r\n")

    assert event.with_data(b"new") == b"event: x\r\ndata:new\r\nid: 9\r\n: note\r\n\r\n"


def test_editing_replaces_all_data_lines_by_as_many_as_the_new_data_needs() -> None:
    (event,) = split(b"data: a\ndata: b\ndata: c\n\n")

    assert event.with_data(b"1\n2") == b"data: 1\ndata: 2\n\n"


def test_a_piece_without_data_cannot_be_edited() -> None:
    (comment,) = split(b": ping\n\n")

    assert comment.with_data(b"x") == comment.raw


def test_editing_never_joins_two_line_ends() -> None:
    """CR, then a removed line, then LF: side by side they would be one line end, not two."""
    (event,) = split(b"data: a\rdata: b\n\n")

    assert event.with_data(b"1") == b"data: 1\n\n"


def test_a_cut_stream_gives_its_last_bytes_and_no_event() -> None:
    splitter = SseSplitter()
    splitter.feed(b"data: half")

    (rest,) = splitter.finish()

    assert (rest.raw, rest.data, splitter.finish()) == (b"data: half", None, [])


def test_an_event_over_the_limit_is_an_error_and_its_bytes_are_kept() -> None:
    splitter = SseSplitter(event_bytes_max=10)

    with pytest.raises(EventTooLargeError, match="longer than 10 bytes"):
        splitter.feed(b"data: 12345")

    assert splitter.pending == b"data: 12345"


def test_a_line_of_8_mib_in_small_reads_is_searched_once() -> None:
    """Counted, not timed: the search never starts further back than a blank line can reach."""
    splitter = SseSplitter()
    chunk = b"x" * 4096
    splitter.feed(b"data: ")
    for _ in range(2048):
        assert splitter.feed(chunk) == []
        assert len(splitter._buffer) - splitter._searched <= 3

    (event,) = splitter.feed(b"\n\n")

    assert event.data == chunk * 2048


def test_what_is_printed_of_an_event_is_not_its_text() -> None:
    assert "secret" not in repr(SseEvent(b"data: secret\n\n", b"secret"))
