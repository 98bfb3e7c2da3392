"""The response half of the transparency table: what the upstream answers, what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.hostile.request_cases import BINARY, GZIPPED, MEGABYTE, chunked
from tests.hostile.wire import Fields, Framing


@dataclass(frozen=True)
class ResponseCase:
    """One response; `got` are the fields the client must get, in order, without additions."""

    name: str
    status_line: bytes
    sent: Fields
    got: Fields
    payload: bytes = b""
    framing: Framing = "length"
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    method: bytes = b"GET"
    closes: bool = False

    def wire(self) -> bytes:
        """The whole answer as the upstream writes it."""
        lines = [self.status_line, *(b"%s: %s" % pair for pair in self.sent)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.payload


def _length(body: bytes) -> tuple[bytes, bytes]:
    return (b"Content-Length", b"%d" % len(body))


OK = b"HTTP/1.1 200 OK"
_CHUNKED = (b"Transfer-Encoding", b"chunked")


def _status(line: bytes) -> ResponseCase:
    fields = [_length(b"{}")]
    name = "status " + line.decode("latin-1")
    return ResponseCase(name, b"HTTP/1.1 " + line, fields, fields, payload=b"{}", body=b"{}")


STATUSES = tuple(
    _status(line)
    for line in (
        b"200 OK",
        b"200 Fine",
        b"200 ",
        b"200 caf\xc3\xa9 \xff",
        b"201 Created",
        b"202 Accepted",
        b"206 Partial Content",
        b"207 Multi-Status",
        b"299 Odd",
        b"300 Multiple Choices",
        b"301 Moved Permanently",
        b"302 Found",
        b"307 Temporary Redirect",
        b"308 Permanent Redirect",
        b"400 Bad Request",
        b"401 Unauthorized",
        b"402 Payment Required",
        b"403 Forbidden",
        b"404 Not Found",
        b"409 Conflict",
        b"413 Payload Too Large",
        b"418 I'm a teapot",
        b"422 Unprocessable Entity",
        b"429 Too Many Requests",
        b"451 Unavailable For Legal Reasons",
        b"499 Client Closed Request",
        b"500 Internal Server Error",
        b"502 Bad Gateway",
        b"503 Service Unavailable",
        b"504 Gateway Timeout",
        b"529 Site is overloaded",
        b"599 Last",
    )
)


def _same(name: str, *extra: tuple[bytes, bytes]) -> ResponseCase:
    fields = [*extra, _length(b"x")]
    return ResponseCase(name, OK, fields, fields, payload=b"x", body=b"x")


def _dropped(name: str, *sent: tuple[bytes, bytes], keep: Fields | None = None) -> ResponseCase:
    got = [*(keep or []), _length(b"x")]
    return ResponseCase(name, OK, [*sent, _length(b"x")], got, payload=b"x", body=b"x")


HEADERS = (
    _same("nothing is invented"),
    _same("order", *((b"X-%d" % n, b"%d" % n) for n in (3, 1, 4, 1, 5, 9, 2, 6))),
    _same("letter case", (b"x-lower", b"1"), (b"X-UPPER", b"2"), (b"x-MiXeD", b"3")),
    _same("three cookies", (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"Set-Cookie", b"c")),
    _same("duplicates of different case", (b"X-a", b"1"), (b"x-A", b"2"), (b"X-A", b"3")),
    _same("empty value", (b"X-Empty", b""), (b"X-After", b"1")),
    _same("obs-text bytes", (b"X-Raw", bytes(range(0x80, 0x100)))),
    _same("inner blanks", (b"X-Blank", b"a  b\tc   d")),
    _same("value of 8000 bytes", (b"X-Long", b"v" * 8000)),
    _same("80 fields", *((b"X-%d" % n, b"v") for n in range(80))),
    _same("every character of a name", (b"!#$%&'*+-.^_`|~09azAZ", b"1")),
    _same("date and server", (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"Server", b"up/1")),
    _same("content-type with parameters", (b"Content-Type", b"text/Event-Stream;Charset=utf-8")),
    _same("rate limit fields", (b"x-ratelimit-remaining-tokens", b"9"), (b"retry-after", b"2")),
    _same("request ids of the provider", (b"x-request-id", b"req_1"), (b"request-id", b"req_2")),
    _same("location as it is", (b"Location", b"http://upstream.example/%7Ea?b#c")),
    _same("authentication challenges", (b"WWW-Authenticate", b'Bearer realm="x", Basic')),
    _same("cache fields", (b"ETag", b'W/"x"'), (b"Cache-Control", b"private"), (b"Vary", b"*")),
    _same("alt-svc and via", (b"Alt-Svc", b'h3=":443"'), (b"Via", b"1.1 google")),
    _dropped(
        "connection keep-alive", (b"Connection", b"keep-alive"), (b"Keep-Alive", b"timeout=5")
    ),
    _dropped("proxy-connection", (b"Proxy-Connection", b"keep-alive")),
    _dropped(
        "fields named in connection",
        (b"Connection", b"X-Hop"),
        (b"x-hop", b"1"),
        (b"X-Keep", b"2"),
        keep=[(b"X-Keep", b"2")],
    ),
)


def _sized(name: str, body: bytes, *extra: tuple[bytes, bytes]) -> ResponseCase:
    fields = [*extra, _length(body)]
    return ResponseCase(name, OK, fields, fields, payload=body, body=body)


def _framed(
    name: str, *pieces: bytes, fields: Fields | None = None, trailers: Fields | None = None
) -> ResponseCase:
    sent = [*(fields or []), _CHUNKED]
    block = b"".join(b"%s: %s\r\n" % pair for pair in trailers or [])
    return ResponseCase(
        name,
        OK,
        sent,
        sent,
        payload=chunked(*pieces, trailers=block),
        framing="chunked",
        body=b"".join(pieces),
        trailers=trailers or [],
    )


def _bodyless(name: str, line: bytes, *fields: tuple[bytes, bytes], method: bytes) -> ResponseCase:
    pairs = list(fields)
    return ResponseCase(name, line, pairs, pairs, framing="none", method=method)


_SSE = (b"Content-Type", b"text/event-stream")

BODIES = (
    _sized("length 0", b""),
    _sized("one byte", b"x"),
    _sized("binary", BINARY),
    _sized("one megabyte", MEGABYTE),
    _sized("gzip as it is", GZIPPED, (b"Content-Encoding", b"gzip")),
    _sized("damaged gzip as it is", GZIPPED[:9], (b"Content-Encoding", b"gzip")),
    _sized("unknown coding as it is", b"\x28\xb5\x2f\xfd", (b"Content-Encoding", b"zstd")),
    _sized("json with lone surrogates", rb'{"t":"\ud83d"}', (b"Content-Type", b"application/json")),
    _sized("looks like a response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    _framed("chunked, empty"),
    _framed("chunked, one byte", b"x"),
    _framed("chunked, several", b"one", b"two\r\n", b"0\r\n\r\n"),
    _framed("chunked, one megabyte", *[MEGABYTE[at : at + 9999] for at in range(0, 1 << 20, 9999)]),
    _framed("chunked, a hundred of one byte", *[bytes([n]) for n in range(100)]),
    _framed("chunked, gzip", GZIPPED, fields=[(b"Content-Encoding", b"gzip")]),
    _framed("events", b"data: a\n\n", b"data: b\r\n\r\n", b": c\n\n", fields=[_SSE]),
    _framed("an event of two megabytes", b"data: ", MEGABYTE * 2, b"\n\n", fields=[_SSE]),
    _framed("event split in code points", b"data: \xf0\x9f", b"\x98\x80\n", b"\n", fields=[_SSE]),
    _framed("one trailer", b"x", trailers=[(b"X-Sum", b"abc")]),
    _framed(
        "trailers: order, case, duplicates, bytes",
        b"x",
        fields=[(b"Trailer", b"x-a, x-b")],
        trailers=[(b"X-b", b"1"), (b"x-A", b""), (b"X-B", b"\xe9"), (b"x-a", b"2")],
    ),
    ResponseCase(
        "ended by close",
        OK,
        [_SSE],
        [_SSE],
        payload=BINARY,
        framing="close",
        body=BINARY,
        closes=True,
    ),
    ResponseCase(
        "length and close",
        OK,
        [(b"Connection", b"close"), _length(b"x")],
        [_length(b"x")],
        payload=b"x",
        body=b"x",
        closes=True,
    ),
    ResponseCase(
        "http/1.0 with length",
        b"HTTP/1.0 200 OK",
        [_length(b"x")],
        [_length(b"x")],
        payload=b"x",
        body=b"x",
        closes=True,
    ),
    ResponseCase(
        "http/1.0 ended by close",
        b"HTTP/1.0 200 OK",
        [],
        [],
        payload=b"x",
        framing="close",
        body=b"x",
        closes=True,
    ),
    _bodyless("204", b"HTTP/1.1 204 No Content", (b"X-A", b"1"), method=b"DELETE"),
    _bodyless("304 with a tag", b"HTTP/1.1 304 Not Modified", (b"ETag", b'"x"'), method=b"GET"),
    _bodyless(
        "304 with a length", b"HTTP/1.1 304 Not Modified", (b"Content-Length", b"5"), method=b"GET"
    ),
    _bodyless("head with a length", OK, (b"Content-Length", b"12345"), method=b"HEAD"),
    _bodyless("head with neither", OK, (b"X-A", b"1"), method=b"HEAD"),
    _bodyless("head of a chunked answer", OK, _CHUNKED, method=b"HEAD"),
    _bodyless(
        "head of an error", b"HTTP/1.1 404 Not Found", (b"Content-Length", b"9"), method=b"HEAD"
    ),
    ResponseCase(
        "205 without content", b"HTTP/1.1 205 Reset Content", [_length(b"")], [_length(b"")]
    ),
)
