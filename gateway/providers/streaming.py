"""Is this response a stream, and how is it cut into pieces?

A stream is known by its content type alone; a Gemini JSON array (`streamGenerateContent` without
`alt=sse`) is `application/json` and counts as one whole body. A stream with a content-encoding is
decoded before it can be cut (stream_decoding.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from gateway.plugin.headers import Headers
from gateway.providers.eventstream import FrameSplitter
from gateway.providers.ndjson import NdjsonSplitter
from gateway.providers.sse import EVENT_BYTES_MAX, SseSplitter, ends_between_events


class StreamKind(StrEnum):
    """How a streamed body is framed."""

    SSE = "sse"
    NDJSON = "ndjson"
    EVENTSTREAM = "eventstream"


_KINDS: Final[dict[bytes, StreamKind]] = {
    b"text/event-stream": StreamKind.SSE,
    b"application/x-ndjson": StreamKind.NDJSON,
    b"application/ndjson": StreamKind.NDJSON,
    b"application/jsonl": StreamKind.NDJSON,
    b"application/x-jsonlines": StreamKind.NDJSON,
    b"application/vnd.amazon.eventstream": StreamKind.EVENTSTREAM,
}


LAST: Final = b"\0last"
"""The `name` of a piece behind which nothing more comes, though the connection is still open."""
TAIL_BYTES: Final = 128
"""So much of what was sent tells whether it was the last event."""
_LAST_EVENT: Final = re.compile(
    rb'\ndata: ?(?:\[DONE\]|\{"type": ?"message_stop" *\}) *\n\n(?::[^\n]*\n|\n)*\Z'
)
"""The last event of OpenAI's chats and completions, and Anthropic's, which is padded with spaces;
signs of life may follow. Responses have none that clients stop at."""
BINARY: Final = b"\0binary"
"""The `name` of a piece that may hold other things than text."""


class Piece(Protocol):
    """One event or line: its exact bytes, and its data (None where it carries none)."""

    raw: bytes
    data: bytes | None
    name: bytes

    def with_data(self, data: bytes) -> bytes:
        """The piece's bytes with other data, everything else byte for byte as it was."""
        ...


class Splitter(Protocol):
    """Bytes in, pieces out; the pieces' `raw` together are the bytes that went in."""

    @property
    def pending(self) -> bytes:
        """Bytes that belong to no finished piece yet."""
        ...

    def feed(self, chunk: bytes) -> Sequence[Piece]:
        """The pieces that `chunk` completes; `EventTooLargeError` where one is over the limit."""
        ...

    def finish(self) -> Sequence[Piece]:
        """What is left when the stream has ended."""
        ...


def stream_kind(content_type: bytes | None) -> StreamKind | None:
    """The framing that a Content-Type announces, None for a body that is no stream."""
    if content_type is None:
        return None
    # The usual spelling first: this is asked of every response.
    return _KINDS.get(content_type) or _KINDS.get(_media_type(content_type))


def make_splitter(kind: StreamKind, event_bytes_max: int = EVENT_BYTES_MAX) -> Splitter:
    """A fresh splitter, for a stream without content-encoding."""
    if kind is StreamKind.SSE:
        return SseSplitter(event_bytes_max)
    if kind is StreamKind.NDJSON:
        return NdjsonSplitter(event_bytes_max)
    return FrameSplitter(event_bytes_max)


def ends_stream(kind: StreamKind | None, tail: bytes) -> bool:
    """Whether `tail`, the last bytes sent, is an event behind which a client expects nothing.

    Some close the connection then, before the body has ended.
    """
    if kind is not StreamKind.SSE:
        return False
    # A tail that is shorter than it may be is all that was sent.
    begun = b"\n" if len(tail) < TAIL_BYTES else b""
    return _LAST_EVENT.search(begun + tail.replace(b"\r\n", b"\n")) is not None


def tail_of(before: bytes, data: bytes) -> bytes:
    """The last bytes that were sent, after `data` was behind those whose tail is `before`."""
    return data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (before + data)[-TAIL_BYTES:]


def may_follow(kind: StreamKind | None, tail: bytes, *, whole_frames: bool) -> bool:
    """Whether an event may be added behind `tail`, the last bytes sent.

    Else it would be swallowed by one that is half sent. The end of a frame cannot be seen;
    `whole_frames` says that nothing but whole ones was sent.
    """
    if kind is StreamKind.SSE:
        return ends_between_events(tail)
    if kind is StreamKind.EVENTSTREAM:
        return whole_frames
    return kind is StreamKind.NDJSON and (not tail or tail.endswith(b"\n"))


def is_encoded(headers: Headers) -> bool:
    """Whether the body has a content-encoding, so that its bytes are not its text."""
    encoding = headers.first(b"content-encoding")
    return encoding is not None and encoding.strip().lower() not in (b"", b"identity")


def _media_type(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()
