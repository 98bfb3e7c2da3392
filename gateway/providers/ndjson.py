"""Newline-delimited JSON, cut at the line and never rewritten (Ollama streams; jsonlines.org).

The pieces' `raw` bytes, one after the other, are exactly the bytes that came. A line ends with LF;
a CR before it is JSON's own white space and stays. Each byte is searched once.
"""

from __future__ import annotations

from gateway.providers.sse import EVENT_BYTES_MAX, EventTooLargeError

_WHITE_SPACE = b" \t\r\n"


class NdjsonLine:
    """One line: `raw` as received, `data` the JSON text without its line end, None if blank."""

    __slots__ = ("data", "name", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.data: bytes | None = raw.strip(_WHITE_SPACE) or None
        self.name = b""

    def with_data(self, data: bytes) -> bytes:
        """The line's bytes with other JSON; its line end and white space stay."""
        if self.data is None:
            return self.raw
        head, _, tail = self.raw.partition(self.data)
        return head + data.replace(b"\n", b" ") + tail

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<NdjsonLine {len(self.raw)} bytes>"


class NdjsonSplitter:
    """Cuts one stream into lines.

    Args:
        line_bytes_max: a line longer than this raises `EventTooLargeError`.

    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, line_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._limit = line_bytes_max

    @property
    def pending(self) -> bytes:
        """What came of a line that has not ended."""
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[NdjsonLine]:
        """The lines that `chunk` completes, in order."""
        end = chunk.rfind(b"\n") + 1
        lines: list[NdjsonLine] = []
        if end:
            first, *rest = _lines(chunk[:end])
            lines.append(NdjsonLine(bytes(self._buffer) + first))
            lines.extend(NdjsonLine(line) for line in rest)
            self._buffer.clear()
        self._buffer += chunk[end:]
        if len(self._buffer) > self._limit:
            raise EventTooLargeError(f"a line is longer than {self._limit} bytes")
        return lines

    def finish(self) -> list[NdjsonLine]:
        """The last line, which may lack its line end."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [NdjsonLine(rest)] if rest else []


def _lines(block: bytes) -> list[bytes]:
    """`block`, which ends with LF, cut after each LF (`splitlines` would cut at CR as well)."""
    return [line + b"\n" for line in block[:-1].split(b"\n")]
