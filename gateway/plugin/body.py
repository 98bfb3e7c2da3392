"""The body of a request or response: buffered, decoded, read in its dialect, edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from gateway.plugin.coverage import Gap
from gateway.plugin.headers import Headers
from gateway.plugin.text import UNPARSED, Document, RawDocument, Reader, Span, UnreadDocument

DIGESTS: Final = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest"})
"""Fields that are true of one body alone (RFC 9530, and RFC 2616 section 14.15)."""


class Body:
    """A buffered body with its parsed form and its edits; None until it was buffered.

    `decoded` is the body without its content-encoding, where the core decoded it. `unreadable` says
    why it could not. `reader` reads it in its dialect; both belong to the core.
    """

    __slots__ = (
        "_document",
        "_json",
        "body",
        "body_edited",
        "decoded",
        "headers",
        "reader",
        "unreadable",
    )

    headers: Headers
    body: bytes | None
    body_edited: bool
    decoded: bytes | None
    reader: Reader | None
    unreadable: Gap | None
    _json: Any
    _document: Document | None

    def begin(self, headers: Headers) -> None:
        self.headers = headers
        self.body, self.body_edited = None, False
        self.decoded, self.reader, self.unreadable = None, None, None
        self._json, self._document = UNPARSED, None

    def json(self) -> Any:
        """The body parsed strictly, once; None if it is not buffered or not JSON."""
        if self._json is UNPARSED:
            try:
                self._json = orjson.loads(self.body) if self.body is not None else None
            except orjson.JSONDecodeError:
                self._json = None
        return self._json

    def document(self) -> Document | None:
        """The body as its dialect reads it, once; None if there is none."""
        document = self._document
        body = self.body
        if document is None and body:
            if self.unreadable is None and self.decoded is None and self.is_encoded():
                self.unreadable = Gap.UNKNOWN_ENCODING
            if self.unreadable is not None:
                document = UnreadDocument(body, self.unreadable)
            elif self.reader is None:
                document = RawDocument(body, Gap.UNKNOWN_DIALECT)
            elif self.decoded is not None:
                document = self.reader(self.decoded, UNPARSED)
            else:
                document = self.reader(body, self._json)
                if document.parsed is not UNPARSED:
                    self._json = document.parsed
            self._document = document
        return document

    def spans(self) -> Sequence[Span]:
        """The texts of the body, in their order. What is in none of them, `document` tells."""
        document = self.document()
        return () if document is None else document.spans

    def edit(self, span: Span, text: str) -> None:
        """Puts `text` in the place of `span`; every other byte of the body stays."""
        self.edit_all(((span, text),))

    def edit_all(self, edits: Sequence[tuple[Span, str]]) -> None:
        """Puts texts in the places of spans, all at once: cheaper than one after the other.

        A compressed body is sent decoded then. `spans` shows the new texts from now on; spans that
        were read before may still be used for further edits.
        """
        if not edits:
            return
        document = self.document()
        if document is None:
            raise ValueError("the body is not buffered: override on_request or on_response")
        fresh = document.edited(edits)
        if self.decoded is not None:
            self.headers.remove("content-encoding")
        self.headers.drop(DIGESTS)
        self.replace_body(fresh.body)
        self._document = fresh

    def replace_body(self, body: bytes) -> None:
        """Sends `body` in place of what was received; content-length follows.

        It is sent with the content-encoding that the headers name.
        """
        self.body = body
        self.body_edited = True
        self.decoded, self.unreadable = None, None
        self._json, self._document = UNPARSED, None

    def is_encoded(self) -> bool:
        """Whether the body has a content-encoding, so that its bytes are not its text."""
        encoding = self.headers.first(b"content-encoding")
        return encoding is not None and encoding.strip().lower() not in (b"", b"identity")

    def copy_body_to(self, other: Body) -> None:
        other.body = self.body
        other.decoded, other.reader, other.unreadable = self.decoded, self.reader, self.unreadable
        other._json, other._document = self._json, self._document
