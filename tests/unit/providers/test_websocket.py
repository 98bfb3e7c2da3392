"""Messages of a WebSocket are cut as RFC 6455 says, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.eventstream import NotAFrameError
from gateway.providers.sse import EventTooLargeError
from gateway.providers.streaming import BINARY, LAST
from gateway.providers.websocket import (
    FRAGMENTS_MAX,
    Message,
    MessageSplitter,
    close_frame,
    encode,
    masked_with,
)

HELLO = b"\x81\x05Hello"
"""The examples of RFC 6455 section 5.7."""
MASKED_HELLO = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
FRAGMENTED_HELLO = b"\x01\x03Hel\x80\x02lo"
PING = b"\x89\x05Hello"


def cut(data: bytes, *, masked: bool = False, limit: int = 100_000) -> list[Message]:
    return MessageSplitter(masked=masked, message_bytes_max=limit).feed(data)


@pytest.mark.parametrize(
    ("wire", "masked"),
    [(HELLO, False), (MASKED_HELLO, True), (FRAGMENTED_HELLO, False)],
)
def test_the_examples_of_the_standard_are_read(wire: bytes, masked: bool) -> None:
    [message] = cut(wire, masked=masked)

    assert (message.raw, message.data) == (wire, b"Hello")


def test_a_control_frame_has_no_data_and_goes_before_the_message_it_interrupts() -> None:
    ping, message = cut(FRAGMENTED_HELLO[:5] + PING + FRAGMENTED_HELLO[5:])

    assert (ping.raw, ping.data) == (PING, None)
    assert (message.raw, message.data) == (FRAGMENTED_HELLO, b"Hello")


def test_the_kinds_that_the_stream_must_know_are_named() -> None:
    closing, binary = cut(close_frame(1000, "bye", masked=False) + b"\x82\x01x")

    assert closing.name is LAST
    assert closing.data is None
    assert binary.name is BINARY


@pytest.mark.parametrize(
    ("wire", "masked"),
    [
        (b"\xc1\x05Hello", False),
        (b"\x91\x05Hello", False),
        (b"\x83\x05Hello", False),
        (b"\x8b\x00", False),
        (b"\x80\x02lo", False),
        (b"\x01\x03Hel\x81\x02lo", False),
        (b"\x09\x02Hi", False),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, False),
        (b"\x81\x7e\x00\x05Hello", False),
        (b"\x81\x7f" + (65_535).to_bytes(8) + b"x", False),
        (HELLO, True),
        (MASKED_HELLO, False),
    ],
    ids=[
        "compressed", "reserved bit", "reserved opcode", "reserved control opcode",
        "a fragment of nothing", "a message within a message", "a fragmented ping", "a long ping",
        "126 in two bytes", "65535 in eight bytes", "a client without a mask", "a masked server",
    ],
)  # fmt: skip
def test_what_two_readers_could_take_in_two_ways_is_no_frame(
    wire: bytes,
    masked: bool,
) -> None:
    with pytest.raises(NotAFrameError):
        cut(wire, masked=masked)


def test_messages_before_a_fault_are_given_and_the_fault_comes_next() -> None:
    splitter = MessageSplitter(masked=False)

    assert [message.data for message in splitter.feed(HELLO + b"\xc1\x00")] == [b"Hello"]
    with pytest.raises(NotAFrameError):
        splitter.feed(b"")


def test_an_announced_length_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(EventTooLargeError):
        cut(b"\x81\x7f" + (2**40).to_bytes(8))


def test_fragments_count_together() -> None:
    with pytest.raises(EventTooLargeError):
        cut(b"\x01\x05Hello\x80\x06 world", limit=10)
    with pytest.raises(EventTooLargeError):
        cut(b"\x01\x00" + b"\x00\x00" * FRAGMENTS_MAX)


@given(
    texts=st.lists(st.binary(max_size=200), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 400), max_size=20),
    masked=st.booleans(),
)
def test_any_portions_give_the_same_messages(
    texts: list[bytes],
    cuts: list[int],
    masked: bool,
) -> None:
    wire = b"".join(encode(1, text, masked=masked) for text in texts)
    splitter = MessageSplitter(masked=masked)
    found: list[Message] = []
    place = 0
    for size in [*cuts, len(wire)]:
        found += splitter.feed(wire[place : place + size])
        place += size

    assert [message.data or b"" for message in found] == texts
    assert b"".join(message.raw for message in found) == wire
    assert splitter.pending == b""


@given(data=st.binary(max_size=300), fresh=st.binary(max_size=70_000), masked=st.booleans())
def test_an_edited_message_is_one_frame_of_the_same_kind(
    data: bytes,
    fresh: bytes,
    masked: bool,
) -> None:
    [message] = cut(encode(2, data, masked=masked), masked=masked)
    [edited] = cut(message.with_data(fresh), masked=masked)

    assert (edited.data or b"", edited.name) == (fresh, BINARY)


@given(key=st.binary(min_size=4, max_size=4), data=st.binary(max_size=50))
def test_a_mask_taken_twice_is_none(key: bytes, data: bytes) -> None:
    assert masked_with(key, masked_with(key, data)) == data
    assert masked_with(key, data) == bytes(byte ^ key[place % 4] for place, byte in enumerate(data))


@given(wire=st.binary(max_size=400), masked=st.booleans())
def test_no_bytes_make_it_fail_otherwise(wire: bytes, masked: bool) -> None:
    splitter = MessageSplitter(masked=masked, message_bytes_max=300)
    try:
        found = splitter.feed(wire)
    except (NotAFrameError, EventTooLargeError):
        return
    assert sum(len(message.raw) for message in found) + len(splitter.pending) == len(wire)
