"""Server-sent events, cut at the event and never rewritten (WHATWG HTML, section 9.2.6).

`SseSplitter` takes bytes in any portions and gives pieces whose `raw` bytes, one after the other,
are exactly the bytes that came: what nobody edits, nobody changes. A piece is one event, or a
comment or a blank line between events (`data` is None then). Everything stays bytes: no text is
decoded, so an escaped U+2028 stays escaped and a lone surrogate stays legal.

Cost: each byte is searched once and copied at most twice, whatever the portions, so that a line of
8 MB arriving in small reads is linear.
"""

from __future__ import annotations

import re
from typing import Final

EVENT_BYTES_MAX: Final = 8 * 1024 * 1024 + 65_536
"""A line of 8 MiB (an image in base64) and its field names fit."""

_BOM: Final = b"\xef\xbb\xbf"
_LINE_ENDS: Final = b"\r\n"
_CR: Final = 13
_LF: Final = 10
"""As numbers: a byte is found in bytes for a fraction of what a string of one byte takes."""
_FIELD_BEGINS: Final = b"abcdefghijklmnopqrstuvwxyz:"
"""How an event begins that begins with no line end and no byte order mark."""
# A line ends with CRLF, LF or CR. The groups are atomic, else a CRLF would backtrack into CR, LF
# and look like a blank line.
_BLANK_LINE: Final = re.compile(rb"(?>\r\n?|\n)(?>\r\n?|\n)")
_LINE_END: Final = re.compile(rb"\r\n?|\n")
_NOT_LINE_END: Final = re.compile(rb"[^\r\n]")


class EventTooLargeError(ValueError):
    """An event grew over the limit before it ended; the splitter's `pending` holds its bytes."""


class SseEvent:
    """One piece of the stream: `raw` as received, `data` without field names, `name` of the event.

    `data` is None for a piece that no client sees as an event (comment, blank line, other fields).
    """

    __slots__ = ("data", "name", "raw")

    def __init__(self, raw: bytes, data: bytes | None, name: bytes = b"") -> None:
        self.raw = raw
        self.data = data
        self.name = name

    def with_data(self, data: bytes) -> bytes:
        """The event's bytes with other data; all other lines stay as they are."""
        return self.raw if self.data is None else replace_data(self.raw, data)

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<SseEvent {self.name!r} {len(self.raw)} bytes>"


class SseSplitter:
    """Cuts one stream into events.

    Args:
        event_bytes_max: an event longer than this raises `EventTooLargeError`, so that memory is
            bounded.

    """

    __slots__ = ("_at_start", "_buffer", "_limit", "_searched")

    def __init__(self, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._at_start = True
        self._limit = event_bytes_max

    @property
    def pending(self) -> bytes:
        """What came of an event that has not ended."""
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The pieces that `chunk` completes, in order."""
        if self._buffer:
            self._buffer += chunk
            return self._take(self._buffer, self._searched)
        # Nothing is waiting, which is the rule: whole events are cut out of the chunk itself.
        if _CR in chunk or not chunk or chunk[0] not in _FIELD_BEGINS:
            return self._take(chunk, 0)
        parts = chunk.split(b"\n\n")
        if parts.pop():
            return self._take(chunk, 0)
        if len(parts) == 1:
            self._at_start = False
            return [_plain_event(parts[0], chunk)]
        if b"\n\n\n" in chunk:
            return self._take(chunk, 0)
        self._at_start = False
        return [_plain_event(part, part + b"\n\n") for part in parts]

    def finish(self) -> list[SseEvent]:
        """The rest at the end of the stream: bytes to pass on, no event (the stream was cut)."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return [SseEvent(rest, None)] if rest else []

    def _take(self, source: bytes | bytearray, searched: int) -> list[SseEvent]:
        events: list[SseEvent] = []
        start, size = self._mark_bytes(source), len(source)
        if start:
            events.append(SseEvent(_BOM, None))
        while start < size:
            if source[start] in _LINE_ENDS:
                # Blank lines between events go at once: some servers keep a stream alive so. The
                # LF of a CRLF whose CR ended an event in an earlier portion arrives here too.
                content = _NOT_LINE_END.search(source, start)
                stop = size if content is None else content.start()
                events.append(SseEvent(bytes(source[start:stop]), None))
                start = stop
                continue
            stop = _blank_line_end(source, max(start, searched))
            if not stop:
                break
            raw = bytes(memoryview(source)[start:stop])
            events.append(_event(raw))
            start = stop
        self._keep(source, start)
        return events

    def _mark_bytes(self, source: bytes | bytearray) -> int:
        """The length of the byte order mark, which only the start of a stream may have.

        It goes as a piece of its own, so that no event has to know of it.
        """
        if not self._at_start:
            return 0
        if len(source) <= len(_BOM) and _BOM.startswith(bytes(source)):
            # It may be a part of the mark: what follows will tell.
            return 0
        self._at_start = False
        return len(_BOM) if source.startswith(_BOM) else 0

    def _keep(self, source: bytes | bytearray, start: int) -> None:
        if source is self._buffer:
            del self._buffer[:start]
        else:
            self._buffer += source[start:]
        size = len(self._buffer)
        # A blank line is at most four bytes, of which three may have come.
        self._searched = max(0, size - 3)
        if size > self._limit:
            raise EventTooLargeError(f"an event is longer than {self._limit} bytes")


def _blank_line_end(source: bytes | bytearray, start: int) -> int:
    """Where the first blank line at or after `start` ends; 0 if there is none."""
    # Within a long line neither byte occurs, and `find` says so at a hundredth of the price.
    feed = source.find(b"\n", start)
    returned = source.find(b"\r", start, feed if feed >= 0 else len(source))
    first = feed if returned < 0 else returned
    if first < 0:
        return 0
    match = _BLANK_LINE.search(source, first)
    return 0 if match is None else match.end()


def _event(raw: bytes) -> SseEvent:
    if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and _CR not in raw:
        return SseEvent(raw, raw[6:-2])  # without the copies that `parse` makes of every line
    return SseEvent(raw, *parse(raw))


def _plain_event(text: bytes, raw: bytes) -> SseEvent:
    """An event without CR, and without its blank line in `text`: how every provider writes them."""
    if _LF not in text:
        if text.startswith(b"data: "):
            return SseEvent(raw, text[6:])
        return SseEvent(raw, *parse(raw))
    at, name = 0, b""
    if text.startswith(b"event: "):
        at = text.find(b"\n") + 1
        name = text[7 : at - 1] if at else b""
    if text.startswith(b"data: ", at) and text.find(b"\n", at) < 0:
        return SseEvent(raw, text[at + 6 :], name)
    return SseEvent(raw, *parse(raw))


def parse(raw: bytes) -> tuple[bytes | None, bytes]:
    """The data (lines joined by LF; None without a data field) and the event name of one event."""
    data: list[bytes] = []
    name = b""
    for line in raw.splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return (b"\n".join(data) if data else None), name


def replace_data(raw: bytes, data: bytes) -> bytes:
    """The event `raw` with `data` in its last data line's place; all else stays byte for byte.

    The last and not the first: with it gone, a CR before it could meet the LF of the blank line,
    and the two would be one line end.
    """
    lines = raw.splitlines(keepends=True)
    places = [
        i for i, line in enumerate(lines) if line.rstrip(b"\r\n").partition(b":")[0] == b"data"
    ]
    for place in reversed(places[:-1]):
        del lines[place]
    last = places[-1] - len(places) + 1
    lines[last] = _data_lines(lines[last], data)
    return b"".join(lines)


def _data_lines(line: bytes, data: bytes) -> bytes:
    """`data` in the manner of the data line `line`: its space, its line end."""
    content = line.rstrip(b"\r\n")
    field = b"data:" if content.startswith(b"data:") and content[5:6] != b" " else b"data: "
    end = line[len(content) :]
    return b"".join(field + part + end for part in _LINE_END.split(data))


def ends_between_events(tail: bytes) -> bool:
    """May an event be added after `tail`, the last bytes sent (four are enough; none: yes)?

    Within an event it may not: its unfinished line would swallow the new one.
    """
    return not tail or tail.endswith((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"))
