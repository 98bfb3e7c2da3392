"""Amazon's frames: encoded, cut, and refused where they are none."""

from __future__ import annotations

import pytest

from gateway.providers.eventstream import (
    FrameSplitter,
    NotAFrameError,
    encode_event,
    encode_frame,
)
from gateway.providers.sse import EventTooLargeError

ONE = encode_event("contentBlockDelta", b'{"a":1}')
TWO = encode_event("messageStop", b"{}")


@pytest.mark.parametrize("portion", [1, 3, 11, 12, 13, 1000])
def test_frames_are_cut_in_whatever_portions_they_come(portion: int) -> None:
    stream = ONE + TWO + ONE
    splitter = FrameSplitter()
    frames = [
        frame
        for start in range(0, len(stream), portion)
        for frame in splitter.feed(stream[start : start + portion])
    ]

    assert [(frame.name, frame.data) for frame in frames] == [
        (b"contentBlockDelta", b'{"a":1}'),
        (b"messageStop", b"{}"),
        (b"contentBlockDelta", b'{"a":1}'),
    ]
    assert b"".join(frame.raw for frame in frames) == stream
    assert (splitter.pending, splitter.finish()) == (b"", [])


def test_what_has_not_ended_waits() -> None:
    splitter = FrameSplitter()

    assert [frame.raw for frame in splitter.feed(ONE + TWO[:-1])] == [ONE]
    assert splitter.pending == TWO[:-1]
    assert repr(splitter.feed(TWO[-1:])[0]) == f"<Frame b'messageStop' {len(TWO)} bytes>"


@pytest.mark.parametrize(
    "bytes_",
    [b"HTTP/1.1 200 OK\r\n", b"\0" * 12, ONE[:8] + b"\0\0\0\0" + ONE[12:]],
    ids=["text", "zeros", "a wrong checksum"],
)
def test_bytes_that_are_no_frame_are_told_once_the_frames_before_are_out(bytes_: bytes) -> None:
    splitter = FrameSplitter()

    assert [frame.raw for frame in splitter.feed(ONE + bytes_)] == [ONE]
    with pytest.raises(NotAFrameError):
        splitter.feed(b"more")
    assert splitter.pending == bytes_ + b"more"


def test_a_frame_over_the_limit_is_not_collected() -> None:
    splitter = FrameSplitter(frame_bytes_max=64)

    with pytest.raises(EventTooLargeError):
        splitter.feed(encode_event("x", b"y" * 64)[:12])


def test_a_header_that_is_no_text_hides_the_name_and_not_the_payload() -> None:
    raw = bytearray(encode_frame({b"n": b"12345678", b":event-type": b"x"}, b"{}"))
    raw[14] = 8  # a timestamp: eight bytes, no length
    frame = FrameSplitter().feed(bytes(raw))[0]

    assert (frame.name, frame.data) == (b"", b"{}")
