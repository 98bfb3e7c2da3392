"""What an upstream's answer is, apart from the connection it comes on."""

from __future__ import annotations

from typing import Protocol

from gateway.plugin.headers import RawHeader, index_of
from gateway.reasons import Reason


class UpstreamError(Exception):
    """The upstream failed; `sent` says whether any byte of the request may have reached it."""

    def __init__(self, reason: Reason, message: str = "", *, sent: bool = False) -> None:
        super().__init__(message or reason.value)
        self.reason = reason
        self.message = message
        self.sent = sent


class ResponseHead:
    """Status line and fields as received, and how the body is delimited."""

    __slots__ = (
        "chunked",
        "close_delimited",
        "connection",
        "content_length",
        "headers",
        "index",
        "phrase",
        "status",
    )

    def __init__(self, status: int, phrase: bytes, headers: list[RawHeader]) -> None:
        self.status = status
        self.phrase = phrase
        self.headers = headers
        self.chunked = False
        self.content_length: int | None = None
        self.close_delimited = False
        self.index: dict[bytes, RawHeader] = {}
        """The first field of each name, by the name in lower case."""
        self.connection: bytes | None = None
        """All Connection fields as one list."""

    @property
    def encoding(self) -> bytes:
        """The content-encoding as it came; empty where the body has none."""
        field = self.index.get(b"content-encoding")
        coding = b"" if field is None else field[1].strip()
        return b"" if coding.lower() == b"identity" else coding

    @property
    def content_type(self) -> bytes | None:
        field = self.index.get(b"content-type")
        return None if field is None else field[1]


class ResponseSink(Protocol):
    """Where an answer goes, called from the connection in wire order."""

    def on_interim(self, head: ResponseHead) -> None:
        """A 1xx answer other than 101."""

    def on_head(self, head: ResponseHead) -> None: ...

    def on_data(self, data: bytes) -> None:
        """Body bytes, without framing; the pieces of one read arrive joined."""

    def on_read(self) -> None:
        """What one read brought is told, and the answer has not ended; now the sink may act."""

    def on_end(self, trailers: list[RawHeader]) -> None: ...

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        """101: from now on `on_data` gets the tunnel's bytes; `rest` came with the head."""

    def on_error(self, error: UpstreamError) -> None:
        """The exchange is over without a proper end; called at most once, after any part."""

    def on_writable(self) -> None:
        """The connection takes request bytes again."""


class BadResponseError(Exception):
    """Raised inside llhttp's callbacks to stop the parser."""


def read_framing(head: ResponseHead) -> None:
    """Finds how the body is delimited; refuses what two readers could read in two ways.

    RFC 9112 section 6.3: a response with both fields "ought to be handled as an error".
    """
    fields = head.headers
    index = head.index = index_of(fields)
    repeated = len(index) != len(fields)
    if b"connection" in index:
        head.connection = index[b"connection"][1]
        if repeated:
            head.connection = b",".join(v for n, v in fields if n.lower() == b"connection")
    if b"content-length" in index:
        length = index[b"content-length"][1]
        head.content_length = int(length) if length.isdigit() else None
    if b"transfer-encoding" not in index:
        return
    coding = index[b"transfer-encoding"][1]
    if coding.lower() != b"chunked" or (repeated and _count(fields, b"transfer-encoding") > 1):
        raise BadResponseError("its transfer-encoding is not understood")
    if head.content_length is not None:
        raise BadResponseError("its answer has both content-length and transfer-encoding")
    head.chunked = True


def _count(fields: list[RawHeader], name: bytes) -> int:
    return sum(field.lower() == name for field, _ in fields)
