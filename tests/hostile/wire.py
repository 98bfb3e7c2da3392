"""The oracle of the hostile tests: a strict reader of HTTP/1.1 on a blocking socket.

The gateway parses with llhttp. A test that used the same parser would share its mistakes, so this
reader is written from RFC 9112 alone and refuses whatever the standard does not allow. Sockets are
blocking and tests drive both ends in turn: the test itself is the script, and no test needs a
sleep. `DEADLINE_S` only turns a hang into a failure.
"""

from __future__ import annotations

import re
import select
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal, Self

DEADLINE_S = 10.0
CRLF = b"\r\n"
Fields = list[tuple[bytes, bytes]]
Framing = Literal["none", "length", "chunked", "close"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.[01]")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_NEVER_IN_TRAILERS = {b"content-length", b"transfer-encoding", b"host", b"trailer"}
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(;[\t\x20-\x7e\x80-\xff]*)?")


class MalformedError(Exception):
    """The bytes are not one well-formed HTTP/1.1 message."""


class TruncatedError(Exception):
    """The peer closed (or reset) the connection in the middle of a message."""


@dataclass
class Message:
    """One request or response as it stood on the wire.

    `raw_head` is the start line and the fields with their line ends; `chunks` are the pieces of a
    chunked body in the sizes in which they came.
    """

    start: bytes
    fields: Fields
    raw_head: bytes
    framing: Framing = "none"
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)

    def values(self, name: bytes) -> list[bytes]:
        """Every value of the field `name` (any case), in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    @property
    def reason(self) -> bytes:
        return self.start.partition(b" ")[2].partition(b" ")[2]


def parse_fields(block: bytes) -> Fields:
    """Reads field lines, each ended by CRLF (RFC 9112 section 5); `block` has no empty line."""
    fields: Fields = []
    for line in block.split(CRLF)[:-1]:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise MalformedError(f"not a field line: {line[:80]!r}")
        fields.append((name, value))
    return fields


def parse_head(raw: bytes, start: re.Pattern[bytes]) -> Message:
    """Reads a head that ends with its empty line."""
    first, _, block = raw[: -len(CRLF)].partition(CRLF)
    if not start.fullmatch(first):
        raise MalformedError(f"not a start line: {first[:80]!r}")
    return Message(first, parse_fields(block), raw)


def framing_of(message: Message, *, default: Framing) -> tuple[Framing, int]:
    """How long the body is (RFC 9112 section 6.3), with every ambiguity refused."""
    codings = message.values(b"transfer-encoding")
    lengths = message.values(b"content-length")
    if codings:
        if lengths or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise MalformedError(f"ambiguous framing: {codings} {lengths}")
        return "chunked", 0
    if lengths:
        if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            raise MalformedError(f"ambiguous length: {lengths}")
        return "length", int(lengths[0])
    return default, 0


class Wire:
    """One end of a TCP connection that remembers every byte it received."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = bytearray()
        self._pending = bytearray()
        sock.settimeout(DEADLINE_S)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def send(self, *parts: bytes) -> None:
        """Writes the parts as they are."""
        self.sock.sendall(b"".join(parts))

    def _fill(self) -> None:
        try:
            data = self.sock.recv(65_536)
        except ConnectionResetError as error:
            raise TruncatedError("reset") from error
        if not data:
            raise TruncatedError("closed")
        self.received += data
        self._pending += data

    def readable(self) -> bool:
        """Whether bytes or an end wait to be read at this moment."""
        return bool(self._pending or select.select([self.sock], [], [], 0)[0])

    def wait_readable(self, timeout_s: float) -> bool:
        """Waits for bytes or an end, at most so long; whether there are any."""
        return bool(self._pending or select.select([self.sock], [], [], timeout_s)[0])

    def read_until(self, mark: bytes) -> bytes:
        """The bytes up to and with `mark`."""
        while (at := self._pending.find(mark)) < 0:
            self._fill()
        return self._take(at + len(mark))

    def read_exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._pending) < size:
            self._fill()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        return taken

    def read_to_end(self) -> bytes:
        """The bytes up to a clean end; `TruncatedError` if the end is a reset."""
        while True:
            try:
                self._fill()
            except TruncatedError as end:
                if str(end) == "reset":
                    raise
                return self._take(len(self._pending))

    def wait_closed(self) -> Literal["closed", "reset"]:
        """Waits until the peer is gone and says how it went; bytes on the way are dropped."""
        while True:
            try:
                self._fill()
            except TruncatedError as end:
                self._pending.clear()
                return "reset" if str(end) == "reset" else "closed"

    def read_chunk(self) -> bytes:
        """One chunk (empty: the last one, whose trailers are still to be read)."""
        line = self.read_until(CRLF)[:-2]
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise MalformedError(f"not a chunk size: {line[:80]!r}")
        size = int(match[1], 16)
        if not size:
            return b""
        data = self.read_exactly(size)
        if self.read_exactly(2) != CRLF:
            raise MalformedError("a chunk is longer than its size")
        return data

    def read_trailers(self) -> Fields:
        """The trailer section after the last chunk."""
        block = b""
        while (line := self.read_until(CRLF)) != CRLF:
            block += line
        return parse_fields(block)

    def _read_body(self, message: Message, length: int) -> None:
        if message.framing == "length":
            message.body = self.read_exactly(length)
        elif message.framing == "close":
            message.body = self.read_to_end()
        elif message.framing == "chunked":
            while chunk := self.read_chunk():
                message.chunks.append(chunk)
            message.body = b"".join(message.chunks)
            message.trailers = self.read_trailers()

    def read_request_head(self) -> Message:
        """The head of the next request; its body is left on the wire."""
        message = parse_head(self.read_until(CRLF + CRLF), _REQUEST_LINE)
        if len(message.values(b"host")) != 1:
            raise MalformedError("a request names one host (RFC 9112 section 3.2)")
        message.framing, _ = framing_of(message, default="none")
        return message

    def read_request(self) -> Message:
        """The next request, whole."""
        message = self.read_request_head()
        self._read_body(message, framing_of(message, default="none")[1])
        for name, _ in message.trailers:
            if name.lower() in _NEVER_IN_TRAILERS:
                raise MalformedError(f"{name!r} in the trailers (RFC 9110 section 6.5.1)")
        return message

    def read_response_head(self) -> Message:
        """The head of the next response, interim ones too; a body is left on the wire."""
        return parse_head(self.read_until(CRLF + CRLF), _STATUS_LINE)

    def read_response(self, method: bytes = b"GET") -> Message:
        """The next final or interim response to a request of `method`, whole."""
        message = self.read_response_head()
        message.framing, length = framing_of(message, default="close")
        if method == b"HEAD" or message.status < 200 or message.status in {204, 304}:
            message.framing = "none"
        self._read_body(message, length)
        return message

    def end_sending(self) -> None:
        """Closes the sending half."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Ends the connection with RST: unsent and unread bytes are lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Ends the connection with FIN."""
        self.sock.close()


def connect(address: tuple[str, int]) -> Wire:
    """A raw client connection."""
    return Wire(socket.create_connection(address, timeout=DEADLINE_S))


def parse_request(raw: bytes) -> tuple[Message, bytes]:
    """The first request of `raw`, and what follows it.

    Raises MalformedError, or TruncatedError if it does not end in `raw`.
    """
    near, far = socket.socketpair()
    far.sendall(raw)
    far.close()
    with Wire(near) as wire:
        message = wire.read_request()
        return message, wire.read_to_end()
