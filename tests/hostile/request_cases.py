"""The request half of the transparency table: what is sent, and what the upstream must see.

`HOST` stands in a case for the Host field of the client; the upstream's own takes its place.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

from tests.hostile.wire import Fields, Framing

HOST = (b"Host", b"gateway.example")
BINARY = bytes(range(256)) * 4
MEGABYTE = BINARY * 1024
GZIPPED = gzip.compress(b'{"model":"m"}', mtime=0)


@dataclass(frozen=True)
class RequestCase:
    """One request; `seen` are the fields the upstream must get, in order, without additions."""

    name: str
    sent: Fields
    seen: Fields
    method: bytes = b"POST"
    target: bytes = b"/v1/chat/completions"
    payload: bytes = b""
    framing: Framing = "none"
    body: bytes = b""
    trailers: Fields = field(default_factory=list)

    def head(self, prefix: bytes = b"") -> bytes:
        """The head on the wire, its path behind `prefix`."""
        lines = [b"%s %s%s HTTP/1.1" % (self.method, prefix, self.target)]
        lines += [b"%s: %s" % pair for pair in self.sent]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A chunked body of these pieces."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return framed + b"0\r\n" + trailers + b"\r\n"


TARGETS = (
    b"/",
    b"/v1/models",
    b"/v1/models/",
    b"/v1//chat///completions",
    b"/v1/chat/completions?",
    b"/v1/chat/completions??",
    b"/v1/chat/completions?a=1&a=2&b",
    b"/v1/chat/completions?a=b=c&&=",
    b"/v1/chat/completions?q=a+b%20c",
    b"/v1/chat/completions?u=https://example.com/a?b=c",
    b"/v1/chat/completions?up=../../etc",
    b"/v1/chat/completions?semi=a;b",
    b"/v1/chat/completions?bracket[]=1&brace={x}",
    b"/v1/chat/completions?pipe=a|b^c`d",
    b'/v1/chat/completions?quote="a\'b"',
    b"/v1/chat/completions?lt=<a>\\b",
    b"/v1/chat/completions?" + b"q" * 4096,
    b"/v1/models/a%3Ab",
    b"/v1/models/a%3ab",
    b"/v1/models/a%2Fb",
    b"/v1/models/a%2fb",
    b"/v1/models/%7Euser",
    b"/v1/models/~user",
    b"/v1/models/%41%42",
    b"/v1/models/a%25b",
    b"/v1/models/a%00b",
    b"/v1/models/%E2%82%AC",
    b"/v1/models/[x]",
    b"/v1/models/{x}",
    b"/v1/models/x;v=1",
    b"/v1/models/x,y",
    b"/v1/models/x=y",
    b"/v1/models/x@y:z!$&'()*+",
    b"/v1/models/a|b",
    b"/v1/models/a^b",
    b"/v1/models/a..b/...",
    b"/v1/models/gpt-4o:generate",
    b"/v1/models/zz%zz",
    b"/v1/models/end%",
    b"/v1/models/" + b"p" * 4096,
    b"/V1/Models",
)

METHODS = (
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"HEAD",
    b"PROPFIND",
    b"REPORT",
    b"SEARCH",
    b"PURGE",
)


def _same(name: str, *extra: tuple[bytes, bytes], method: bytes = b"GET") -> RequestCase:
    """All of `extra` must arrive as it is."""
    return RequestCase(name, [HOST, *extra], [HOST, *extra], method=method)


def _dropped(name: str, *sent: tuple[bytes, bytes], keep: Fields | None = None) -> RequestCase:
    """Of `sent`, only `keep` may arrive."""
    return RequestCase(name, [HOST, *sent], [HOST, *(keep or [])], method=b"GET")


_NAMES = b"!#$%&'*+-.^_`|~09azAZ"

HEADERS = (
    _same("nothing but host"),
    RequestCase(
        "host in the middle stays there",
        [(b"A", b"1"), HOST, (b"B", b"2")],
        [(b"A", b"1"), HOST, (b"B", b"2")],
        method=b"GET",
    ),
    RequestCase("host last stays last", [(b"A", b"1"), HOST], [(b"A", b"1"), HOST], method=b"GET"),
    RequestCase("the spelling of host stays", [(b"hOsT", b"x")], [(b"hOsT", b"x")], method=b"GET"),
    _same("order", *((b"X-%d" % n, b"%d" % n) for n in (3, 1, 4, 1, 5, 9, 2, 6))),
    _same("letter case", (b"x-lower", b"1"), (b"X-UPPER", b"2"), (b"x-MiXeD", b"3")),
    _same("duplicates", (b"X-A", b"1"), (b"X-B", b"2"), (b"X-A", b"3"), (b"X-A", b"1")),
    _same("duplicates of different case", (b"X-a", b"1"), (b"x-A", b"2"), (b"X-A", b"3")),
    _same("empty value", (b"X-Empty", b""), (b"X-After", b"1")),
    _same("obs-text bytes", (b"X-Raw", bytes(range(0x80, 0x100)))),
    _same("utf-8 value", (b"X-Utf8", "é€😀".encode())),
    _same("inner blanks", (b"X-Blank", b"a  b\tc   d")),
    _same("value of 8000 bytes", (b"X-Long", b"v" * 8000)),
    _same("name of 200 bytes", (b"X-" + b"n" * 198, b"1")),
    _same("every character of a name", (_NAMES, b"1")),
    _same("underscore and dash are two names", (b"X_Tenant", b"1"), (b"X-Tenant", b"2")),
    _same("name of digits", (b"123", b"456")),
    _same("80 fields", *((b"X-%d" % n, b"v") for n in range(80))),
    _same("colons and quotes", (b"X-Odd", b'a:b;"c,\\"d"=<e>')),
    _same("credentials", (b"Authorization", b"Bearer sk-x"), (b"x-api-key", b"k")),
    _same("cookies", (b"Cookie", b"a=1; b=2"), (b"Cookie", b"c=3")),
    _same("accept as sent", (b"Accept", b"*/*;q=0.1"), (b"Accept", b"text/event-stream")),
    _same("accept-encoding as sent", (b"Accept-Encoding", b"gzip, br;q=0.5, *;q=0")),
    _same("user-agent as sent", (b"User-Agent", b"OpenAI/Python 3.54.0")),
    _same("content-type of a get", (b"Content-Type", b"Application/JSON ; charset=UTF-8")),
    _same("range and conditions", (b"Range", b"bytes=0-9"), (b"If-None-Match", b'W/"x"')),
    _same("forwarding fields", (b"X-Forwarded-For", b"192.0.2.1"), (b"Forwarded", b"for=x")),
    _same("via", (b"Via", b"1.1 edge")),
    _same("request id of the client", (b"X-Request-ID", b"mine-1")),
    _same("stainless fields", (b"x-stainless-retry-count", b"1"), (b"x-stainless-os", b"Linux")),
    _same("beta flags", (b"anthropic-beta", b"a-1,b-2"), (b"anthropic-beta", b"c-3")),
    _same("date and cache fields", (b"Date", b"now"), (b"Cache-Control", b"no-cache")),
    _same(
        "trace context",
        (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        (b"tracestate", b"vendor=a,other=b"),
    ),
    _dropped("connection close", (b"Connection", b"close")),
    _dropped("keep-alive", (b"Connection", b"keep-alive"), (b"Keep-Alive", b"timeout=5")),
    _dropped("proxy-connection", (b"Proxy-Connection", b"keep-alive")),
    _dropped("te", (b"TE", b"trailers"), (b"Connection", b"TE")),
    _dropped(
        "fields named in connection",
        (b"Connection", b"x-hop, X-OTHER"),
        (b"X-Hop", b"1"),
        (b"X-Keep", b"2"),
        (b"x-other", b"3"),
        (b"X-HOP", b"4"),
        keep=[(b"X-Keep", b"2")],
    ),
    _dropped(
        "fields named in two connections",
        (b"Connection", b"x-a"),
        (b"X-A", b"1"),
        (b"X-B", b"2"),
        (b"Connection", b"x-b"),
        (b"X-C", b"3"),
        keep=[(b"X-C", b"3")],
    ),
    _dropped(
        "fields named in a connection after close",
        (b"Connection", b"close"),
        (b"X-B", b"1"),
        (b"Connection", b"X-B"),
    ),
    _dropped("upgrade that is not asked for", (b"Upgrade", b"h2c")),
)


def _length(name: str, body: bytes, *extra: tuple[bytes, bytes], **kw: bytes) -> RequestCase:
    fields = [HOST, *extra, (b"Content-Length", b"%d" % len(body))]
    return RequestCase(name, fields, fields, payload=body, framing="length", body=body, **kw)  # type: ignore[arg-type]  # only bytes fields are given


def _chunked(
    name: str, *pieces: bytes, fields: Fields | None = None, trailers: Fields | None = None
) -> RequestCase:
    sent = [HOST, *(fields or []), (b"Transfer-Encoding", b"chunked")]
    block = b"".join(b"%s: %s\r\n" % pair for pair in trailers or [])
    payload = chunked(*pieces, trailers=block)
    body = b"".join(pieces)
    return RequestCase(
        name,
        sent,
        sent,
        payload=payload,
        framing="chunked",
        body=body,
        trailers=trailers or [],
    )


_JSON = (b"Content-Type", b"application/json")

BODIES = (
    RequestCase("post without a body gets no length", [HOST], [HOST]),
    _length("length 0", b""),
    _length("one byte", b"x"),
    _length("binary", BINARY),
    _length("one megabyte", MEGABYTE),
    _length("json with odd blanks and key order", b'{ "b":1 ,\n\t"a" : 2.0, "a":3 }\n', _JSON),
    _length("json with lone surrogates", rb'{"t":"\ud83d"}', _JSON),
    _length("not json though it says so", b"{\xff\x00", _JSON),
    _length("gzip as it is", GZIPPED, (b"Content-Encoding", b"gzip")),
    _length("unknown coding as it is", b"\x28\xb5\x2f\xfd", (b"Content-Encoding", b"zstd")),
    _length("line ends", b"\r\n\r\n\n\r"),
    _length("looks like a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    _length(
        "multipart",
        b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n\x00\xff\r\n--b--\r\n',
        (b"Content-Type", b'multipart/form-data; boundary="b"'),
    ),
    _length("length on get", b"body of get", method=b"GET"),
    _length("length on delete", b"{}", method=b"DELETE"),
    _length("length 0 on get", b"", method=b"GET"),
    _chunked("chunked, empty"),
    _chunked("chunked, one byte", b"x"),
    _chunked("chunked, several", b"one", b"two\r\n", b"0\r\n\r\n"),
    _chunked("chunked, binary", BINARY, BINARY),
    _chunked(
        "chunked, one megabyte", *[MEGABYTE[at : at + 9999] for at in range(0, 1 << 20, 9999)]
    ),
    _chunked("chunked, a hundred of one byte", *[bytes([n]) for n in range(100)]),
    _chunked("chunked, gzip", GZIPPED, fields=[(b"Content-Encoding", b"gzip")]),
    _chunked("one trailer", b"x", trailers=[(b"X-Sum", b"abc")]),
    _chunked(
        "trailers: order, case, duplicates, bytes",
        b"x",
        fields=[(b"Trailer", b"x-a, x-b")],
        trailers=[(b"X-b", b"1"), (b"x-A", b""), (b"X-B", b"\xe9"), (b"x-a", b"2")],
    ),
)
