"""The messages of a WebSocket, cut from its bytes and never rewritten (RFC 6455 section 5).

`MessageSplitter` takes bytes in any portions and gives pieces whose `raw` bytes are the frames that
came. A piece is one message, with all of its fragments, or one control frame; a control frame that
came between two fragments goes before their message (section 5.4 allows any place). No extension
is understood, so the gateway takes the offer of one out of the handshake.

What two readers could take in two ways is no frame here: a reserved bit or opcode, a length that is
not written in its shortest form, a fragment of nothing, a mask where there must be none.
"""

from __future__ import annotations

from secrets import token_bytes
from typing import Final

from gateway.providers.eventstream import NotAFrameError
from gateway.providers.sse import EVENT_BYTES_MAX, EventTooLargeError
from gateway.providers.streaming import BINARY, LAST

FRAGMENTS_MAX: Final = 4096
"""Frames that one message may have: an empty one costs its sender two bytes."""

CONTINUATION: Final = 0
TEXT: Final = 1
BYTES: Final = 2
CLOSE: Final = 8
"""From here on they are control frames."""
PING: Final = 9
PONG: Final = 10
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_OPCODE: Final = 0x0F
_MASK: Final = 0x80
_LENGTH: Final = 0x7F
_CONTROL_BYTES_MAX: Final = 125
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127
_TWO_BYTES_MIN: Final = 126
_EIGHT_BYTES_MIN: Final = 65_536
_MASK_BYTES: Final = 4
_REASON_BYTES_MAX: Final = 123

POLICY_VIOLATION: Final = 1008
PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009


class Message:
    """One message or control frame: `raw` as received, `data` unmasked, None if it has none.

    `name` is `LAST` for the frame that closes the socket, `BINARY` for a message of bytes.
    """

    __slots__ = ("_masked", "_opcode", "data", "name", "raw")

    def __init__(self, raw: bytes, opcode: int, data: bytes, *, masked: bool) -> None:
        self.raw = raw
        self.data: bytes | None = data if opcode < CLOSE and data else None
        self.name = LAST if opcode == CLOSE else BINARY if opcode == BYTES else b""
        self._opcode = opcode
        self._masked = masked

    def with_data(self, data: bytes) -> bytes:
        """A message of the same kind with other data, in one frame."""
        return encode(self._opcode, data, masked=self._masked)

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<Message {self._opcode} {len(self.raw)} bytes>"


class MessageSplitter:
    """Cuts one direction of a socket into messages.

    Args:
        masked: whether the frames of this direction must be masked (those of a client must).
        message_bytes_max: a message longer than this raises `EventTooLargeError`.

    """

    __slots__ = (
        "_begun", "_data", "_limit", "_masked", "_opcode", "_raw", "_size", "_start", "_wanted",
    )  # fmt: skip

    def __init__(self, *, masked: bool, message_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._masked = masked
        self._limit = message_bytes_max
        self._begun = bytearray()  # a frame that has not ended
        self._wanted = 0  # bytes of it without which there is nothing to do
        self._start = 0  # where the payload of the frame begins whose end was asked for last
        self._opcode = CONTINUATION  # of the message whose fragments came so far
        self._raw: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> bytes:
        """What came of a message that has not ended."""
        return b"".join(self._raw) + bytes(self._begun)

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes, in order.

        Bytes that are no frame raise `NotAFrameError`, a message that is too long
        `EventTooLargeError`, once the messages before them were given: all the rest is `pending`.
        """
        begun = self._begun
        wire = chunk
        if begun:
            begun += chunk
            if len(begun) < self._wanted:
                return []
            wire = bytes(begun)
        self._wanted = 0
        found: list[Message] = []
        place, size = 0, len(wire)
        try:
            while True:
                stop = self._stop(wire, place)
                if stop > size:
                    self._wanted = stop - place
                    break
                message = self._take(wire, place, stop)
                place = stop
                if message is not None:
                    found.append(message)
        except (NotAFrameError, EventTooLargeError):
            if not found:
                raise
        finally:
            if place or not begun:
                self._begun = bytearray(wire[place:])
        return found

    def finish(self) -> list[Message]:
        """What is left at the end is no message; it stays in `pending`."""
        return []

    # -- inner

    def _stop(self, wire: bytes, place: int) -> int:
        """Where the frame at `place` ends; where its head must reach first, if that is not known.

        What is not known lies behind the end of `wire`.
        """
        left = len(wire) - place
        if left < 2:  # noqa: PLR2004  # the two bytes that every frame has
            return place + 2
        first, second = wire[place], wire[place + 1]
        self._check(first, second)
        size = second & _LENGTH
        start = place + 2
        if size >= _TWO_BYTES:
            least = _TWO_BYTES_MIN
            start += 2
            if size == _EIGHT_BYTES:
                least = _EIGHT_BYTES_MIN
                start += 6
            if len(wire) < start:
                return start
            size = int.from_bytes(wire[place + 2 : start])
            if size < least:
                raise NotAFrameError("a length is not written in its shortest form")
        if self._size + size > self._limit:
            raise EventTooLargeError(f"a message is longer than {self._limit} bytes")
        if self._masked:
            start += _MASK_BYTES
        self._start = start
        return start + size

    def _check(self, first: int, second: int) -> None:
        """Refuses what the standard forbids; see the module."""
        opcode = first & _OPCODE
        if first & _RESERVED:
            raise NotAFrameError("a frame uses an extension that was not agreed on")
        if (second & _MASK != 0) != self._masked:
            raise NotAFrameError("a frame is masked on the wrong side")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise NotAFrameError("a frame has an unknown opcode")
            if not first & _FIN or second & _LENGTH > _CONTROL_BYTES_MAX:
                raise NotAFrameError("a control frame is cut or too long")
        elif opcode > BYTES:
            raise NotAFrameError("a frame has an unknown opcode")
        elif (opcode == CONTINUATION) != (len(self._raw) > 0):
            raise NotAFrameError("a fragment belongs to no message")

    def _take(self, wire: bytes, place: int, stop: int) -> Message | None:
        """The frame from `place` to `stop`, or None where its message goes on."""
        first, start = wire[place], self._start
        opcode = first & _OPCODE
        raw = wire[place:stop]
        data = wire[start:stop]
        if self._masked:
            data = masked_with(wire[start - _MASK_BYTES : start], data)
        if opcode >= CLOSE or (first & _FIN and opcode != CONTINUATION):
            return Message(raw, opcode, data, masked=self._masked)
        self._opcode = opcode or self._opcode
        self._raw.append(raw)
        self._data.append(data)
        self._size += len(data)
        if len(self._raw) > FRAGMENTS_MAX:
            raise EventTooLargeError(f"a message has more than {FRAGMENTS_MAX} fragments")
        if not first & _FIN:
            return None
        whole = Message(
            b"".join(self._raw), self._opcode, b"".join(self._data), masked=self._masked
        )
        self._raw, self._data, self._size = [], [], 0
        self._opcode = CONTINUATION
        return whole


def masked_with(key: bytes, data: bytes) -> bytes:
    """`data` under the mask `key`; the same again takes it off (RFC 6455 section 5.3)."""
    size = len(data)
    if not size:
        return b""
    mask = (key * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(size)


def encode(opcode: int, data: bytes, *, masked: bool) -> bytes:
    """One whole frame; `masked` as a client's must be."""
    size = len(data)
    bit = _MASK if masked else 0
    if size < _TWO_BYTES_MIN:
        length = bytes((bit | size,))
    elif size < _EIGHT_BYTES_MIN:
        length = bytes((bit | _TWO_BYTES,)) + size.to_bytes(2)
    else:
        length = bytes((bit | _EIGHT_BYTES,)) + size.to_bytes(8)
    head = bytes((_FIN | opcode,)) + length
    if not masked:
        return head + data
    key = token_bytes(_MASK_BYTES)
    return head + key + masked_with(key, data)


def close_frame(code: int, reason: str, *, masked: bool) -> bytes:
    """The frame that closes a socket; `reason` is cut to what fits into it."""
    text = reason.encode()[:_REASON_BYTES_MAX].decode("utf-8", "ignore").encode()
    return encode(CLOSE, code.to_bytes(2) + text, masked=masked)
