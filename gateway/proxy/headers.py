"""What of a header section goes on to the next hop, and how heads are written."""

from __future__ import annotations

from gateway.plugin.headers import RawHeader

# RFC 9110 section 7.6.1, with the two that RFC 9112 section 9 and appendix C.2.2 add. `TE` is
# hop-by-hop too; `Trailer` is not (RFC 9110 section 6.6.2).
HOP_BY_HOP = frozenset(
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
_REQUEST_HOP_BY_HOP = HOP_BY_HOP | {b"expect"}
# A client that lists these in Connection would change what the next hop reads.
PROTECTED = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-type"})

_HOST = b"host"
_CHUNKED_LINE = b"transfer-encoding: chunked\r\n"


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
    headers: list[RawHeader],
    *,
    host: bytes,
    connection: bytes | None,
    chunked: bool,
    content_length: int | None = None,
    added: bytes = b"",
) -> bytes:
    """The head of the forwarded request: the client's fields in its order and spelling.

    `start` is the request line with CRLF, `host` replaces Host where it stands, `connection` is all
    Connection fields as one list, `added` are whole field lines of our own. `content_length`
    replaces the field (an edited body).
    """
    drop = _dropped(_REQUEST_HOP_BY_HOP, connection)
    parts = [start]
    for name, value in headers:
        lowered = name.lower()
        if lowered == _HOST:
            parts += (name, b": ", host, b"\r\n")
        elif lowered not in drop:
            if content_length is not None and lowered == b"content-length":
                continue
            parts += (name, b": ", value, b"\r\n")
        elif chunked and lowered == b"transfer-encoding":
            parts += (name, b": chunked\r\n")
    if content_length is not None:
        parts.append(b"content-length: %d\r\n" % content_length)
    parts.append(added)
    parts.append(b"\r\n")
    return b"".join(parts)


def response_head(
    status: int,
    phrase: bytes,
    headers: list[RawHeader],
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
    drop = _dropped(HOP_BY_HOP, connection)
    parts = [b"HTTP/1.1 %d %b\r\n" % (status, phrase)]
    framed = not chunked
    for name, value in headers:
        lowered = name.lower()
        if lowered not in drop:
            if lowered == b"content-length" and (chunked or content_length is not None):
                continue
            parts += (name, b": ", value, b"\r\n")
        elif lowered == b"transfer-encoding" and not framed:
            parts += (name, b": chunked\r\n")
            framed = True
    if not framed:
        parts.append(_CHUNKED_LINE)
    if content_length is not None:
        parts.append(b"content-length: %d\r\n" % content_length)
    parts.append(added)
    parts.append(b"\r\n")
    return b"".join(parts)


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
