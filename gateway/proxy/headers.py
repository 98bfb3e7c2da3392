"""What of a header section goes on to the next hop, and how heads are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gateway.plugin.headers import Headers, RawHeader

try:
    from gateway.proxy import _heads

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

# RFC 9110 section 7.6.1, with the two that RFC 9112 section 9 and appendix C.2.2 add. `TE` is
# hop-by-hop too; `Trailer` is not (RFC 9110 section 6.6.2).
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What an Expect asks for was answered here, before the body was read (RFC 9110 section 10.1.1).
REQUEST_HOP_BY_HOP: Final = HOP_BY_HOP | {b"expect"}
# A client that lists these in Connection would change what the next hop reads.
PROTECTED: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-type"})

_CODING: Final = b"transfer-encoding"
_LENGTH: Final = frozenset({b"content-length"})


def plain_connection(value: bytes | None) -> bool:
    """Whether a Connection field names no other field."""
    return value is None or value.lower() in (b"keep-alive", b"close")


def connection_options(value: bytes) -> frozenset[bytes]:
    """The names that a Connection field lists, lower case."""
    return frozenset(name.strip().lower() for name in value.split(b",") if name.strip())


def _dropped(always: frozenset[bytes], connection: bytes | None) -> frozenset[bytes]:
    if connection is None or plain_connection(connection):
        return always
    return always | (connection_options(connection) - PROTECTED)


def request_head(
    start: bytes,
    headers: Headers,
    *,
    host: bytes,
    connection: bytes | None,
    chunked: bool,
    content_length: int | None = None,
    added: bytes = b"",
    dropped: frozenset[bytes] = REQUEST_HOP_BY_HOP,
    asks_identity: bool = False,
) -> bytes:
    """The head of the forwarded request: the client's fields in its order and spelling.

    `start` is the request line with CRLF, `host` replaces Host where it stands, `connection` is all
    Connection fields as one list, `added` are whole field lines of our own. `content_length`
    replaces the field (an edited body). `dropped` are the names of fields that stay here: the
    hop-by-hop ones, and more where the caller says so. `asks_identity` asks for an answer that the
    gateway can read, where the client takes coded ones.
    """
    changed = {b"host": host}
    if asks_identity:
        changed[b"accept-encoding"] = b"identity"
    drop = _dropped(dropped, connection)
    return _head(
        start, headers,
        drop=drop, changed=changed, added=added, chunked=chunked, content_length=content_length,
    )  # fmt: skip


def response_head(
    status: int,
    phrase: bytes,
    headers: Headers,
    *,
    chunked: bool,
    connection: bytes | None = None,
    content_length: int | None = None,
    added: bytes = b"",
) -> bytes:
    """The head of the answer to the client: the upstream's fields in its order and spelling.

    `connection` is all Connection fields of the upstream as one list. `chunked` says how we delimit
    the body; an upstream's own Transfer-Encoding field stays where it stood. `content_length`
    replaces the field (an edited body). `added` are whole field lines.
    """
    start = b"HTTP/1.1 %d %b\r\n" % (status, phrase)
    drop = _dropped(HOP_BY_HOP, connection)
    if chunked:
        drop |= _LENGTH
        if headers.first(_CODING) is None:
            added = b"transfer-encoding: chunked\r\n" + added
    return _head(
        start, headers,
        drop=drop, changed={}, added=added, chunked=chunked, content_length=content_length,
    )  # fmt: skip


def _head(
    start: bytes,
    headers: Headers,
    *,
    drop: frozenset[bytes],
    changed: dict[bytes, bytes],
    added: bytes,
    chunked: bool,
    content_length: int | None,
) -> bytes:
    """A head without the fields in `drop`, with other values for those in `changed`."""
    if chunked:
        changed[_CODING] = b"chunked"
    if content_length is not None:
        drop |= _LENGTH
        added = b"content-length: %d\r\n%b" % (content_length, added)
    distinct = headers.distinct()
    if distinct is None or chunked:
        return _written(start, _kept(headers.raw, drop, changed), added)
    if NATIVE:
        return _heads.joined(start, distinct, drop, changed, added)
    return joined(start, distinct, drop, changed, added)


def joined(
    start: bytes,
    fields: dict[bytes, RawHeader],
    dropped: frozenset[bytes],
    changed: dict[bytes, bytes],
    added: bytes,
) -> bytes:
    """A head of fields whose names differ, as they mostly do; the plain form of `_heads.c`.

    All of it is done by dicts and joins: a loop over the fields costs three times as much.
    """
    kept = fields.copy()
    for name in dropped:
        kept.pop(name, None)
    for name, value in changed.items():
        if name in kept:
            kept[name] = (kept[name][0], value)
    return _written(start, kept.values(), added)


def _written(start: bytes, fields: Iterable[RawHeader], added: bytes) -> bytes:
    lines = b"\r\n".join(map(b": ".join, fields))
    if lines:
        return b"%b%b\r\n%b\r\n" % (start, lines, added)
    return b"%b%b\r\n" % (start, added)


def _kept(
    fields: Iterable[RawHeader], drop: frozenset[bytes], changed: dict[bytes, bytes]
) -> Iterator[RawHeader]:
    for field in fields:
        name = field[0].lower()
        if name in changed:
            yield field[0], changed[name]
        elif name not in drop:
            yield field


def upgrade_fields(headers: list[RawHeader]) -> bytes:
    """The hop-by-hop fields of a WebSocket handshake, which the next hop needs as they are."""
    return b"".join(
        b"%b: %b\r\n" % (name, value)
        for name, value in headers
        if name.lower() in (b"connection", b"upgrade")
    )


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body (RFC 9112 section 7.1); `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: list[RawHeader]) -> bytes:
    """The end of a chunked body with its trailer section."""
    if not trailers:
        return b"0\r\n\r\n"
    return b"".join(
        [b"0\r\n", *(b"%b: %b\r\n" % field for field in trailers), b"\r\n"],
    )
