"""llhttp's callbacks become one answer: interim heads, the head, body pieces, trailers, the end."""

from __future__ import annotations

from typing import Final

import httptools

from gateway.plugin.headers import RawHeader
from gateway.proxy.response import BadResponseError, ResponseHead, read_framing

RESPONSE_HEAD_BYTES_MAX: Final = 131_072
"""A response head above this is refused, and so are trailers above it."""
RESPONSE_HEADERS_MAX: Final = 500
_NO_CONTENT: Final = frozenset({204, 304})
_SWITCHED: Final = 101


class ResponseParser:
    """Reads the answer to one request, and then to the next (`again`).

    After each `feed`: `interims` are 1xx heads that came, `head` is the final head (or that of a
    101), `parts` are body pieces, `rest` is what followed a 101. `complete` says that the message
    has ended, `keep_alive` that another may follow on the connection.
    """

    __deletable__ = ("_parser",)  # mypyc wants to know; see close
    __slots__ = (
        "_head_bytes",
        "_headers",
        "_method",
        "_parser",
        "_phrase",
        "_upgrade_asked",
        "complete",
        "head",
        "interims",
        "keep_alive",
        "parts",
        "rest",
        "trailers",
    )

    def __init__(self, method: bytes, *, upgrade_asked: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._begin(method, upgrade_asked=upgrade_asked)

    def _begin(self, method: bytes, *, upgrade_asked: bool) -> None:
        self._method = method
        self._upgrade_asked = upgrade_asked
        self._headers: list[RawHeader] = []
        self._head_bytes = 0
        self._phrase = b""
        self.interims: list[ResponseHead] = []
        self.head: ResponseHead | None = None
        self.parts: list[bytes] = []
        self.trailers: list[RawHeader] = []
        self.rest: bytes | None = None
        self.complete = False
        self.keep_alive = True

    def again(self, method: bytes, *, upgrade_asked: bool) -> bool:
        """Makes ready for the next answer on the same connection, if the last one ended in order.

        After HEAD it did not, for llhttp: that still waits for a body.
        """
        if not (self.complete and self.keep_alive) or self._method == b"HEAD":
            return False
        self._begin(method, upgrade_asked=upgrade_asked)
        return True

    def feed(self, data: bytes) -> None:
        """Parses `data`. Raises BadResponseError; what was read before the fault is kept."""
        if self.head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._failed(error)
        if self.head is None and self._head_bytes > RESPONSE_HEAD_BYTES_MAX:
            raise BadResponseError("its response head is too large")

    def take_data(self) -> bytes:
        """The body bytes of the last `feed`."""
        parts, self.parts = self.parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Lets go of llhttp, whose parser refers back to this one; nothing may be fed after that.

        Else every connection leaves a cycle of two dozen objects, which the collector has to find.
        """
        del self._parser

    # -- llhttp's callbacks

    def on_status(self, phrase: bytes) -> None:
        if self.complete:
            raise BadResponseError("bytes after the answer")
        self._phrase = phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is None:
            self._headers.append((name, value))
            return
        self._head_bytes += len(name) + len(value)
        self.trailers.append((name, value))
        if (
            len(self.trailers) > RESPONSE_HEADERS_MAX
            or self._head_bytes > RESPONSE_HEAD_BYTES_MAX * 2
        ):
            raise BadResponseError("its trailers are too large")

    def on_headers_complete(self) -> None:
        if self.complete:
            raise BadResponseError("a second answer")
        parser = self._parser
        head = ResponseHead(parser.get_status_code(), self._phrase, self._headers)
        self._phrase = b""
        if head.status < 100:  # noqa: PLR2004  # RFC 9110 section 15: llhttp lets 000 pass
            raise BadResponseError("its status is no HTTP status")
        if head.status < 200:  # noqa: PLR2004  # RFC 9110 section 15.2: interim
            self._interim(head)
            return
        if len(self._headers) > RESPONSE_HEADERS_MAX:
            raise BadResponseError("it has too many header fields")
        read_framing(head)
        self.keep_alive = parser.should_keep_alive()
        self.head = head
        if self._method == b"HEAD":
            # llhttp waits for a body that never comes (RFC 9110 section 9.3.2).
            self.complete = True
        elif head.status not in _NO_CONTENT:
            head.close_delimited = not head.chunked and head.content_length is None

    def on_body(self, data: bytes) -> None:
        if self.complete:
            raise BadResponseError("bytes after the answer")
        self.parts.append(data)

    def on_message_complete(self) -> None:
        if self.head is not None and self.rest is None and self.head.status != _SWITCHED:
            self.complete = True

    # -- inner

    def _interim(self, head: ResponseHead) -> None:
        self._headers = []
        if head.status != _SWITCHED:  # RFC 9110 section 15.2.2
            self.interims.append(head)
        elif self._upgrade_asked:
            self.head = head
        else:
            raise BadResponseError("it switched protocols without being asked")

    def _upgraded(self, rest: bytes) -> None:
        if self.head is None or self.head.status != _SWITCHED:
            raise BadResponseError("it switched protocols without being asked")
        self.rest = rest

    def _failed(self, error: httptools.HttpParserError) -> None:
        if self.complete:
            self.keep_alive = False  # the answer was whole; what follows it is not ours to read
            return
        inner = error.__context__
        # llhttp's own words may quote the upstream's bytes: only ours are passed on.
        if isinstance(inner, BadResponseError):
            raise inner from None
        raise BadResponseError("it is not HTTP/1.1") from None
