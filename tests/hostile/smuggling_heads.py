"""Vectors about the head: field lines, hosts, request lines, upgrades, connection options."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.smuggling_framing import TE_SAME
from tests.hostile.smuggling_vectors import SMUGGLED, Meaning, Vector, named, post

# -- heads ----------------------------------------------------------------------------------

_LINES_BAD = (
    *(
        b"X : 1",
        b"X\t: 1",
        b" X: 1",
        b"\tX: 1",
        b"X",
        b": 1",
        b":",
        b" ",
        b"\t",
        b"X Y: 1",
        b"(X): 1",
    ),
    *(
        b"X/Y: 1",
        b"X[0]: 1",
        b"X\x00: 1",
        b"X\xe9: 1",
        b"X\x7f: 1",
        b'X"Y": 1',
        b"X,Y: 1",
        b"X;Y: 1",
    ),
    *(
        b"X: \x00",
        b"X: a\x00b",
        b"X: a\rb",
        b"X: a\r\r\nY: b",
        b"X: a\nb",
        b"X: a\nY: b",
        b"X: \x01",
    ),
    *(
        b"X: \x0b",
        b"X: \x1b[0m",
        b"X: \x7f",
        b"X: a\r\n b",
        b"X: a\r\n\tb",
        b"X:\r\n b",
        b"\r",
        b"\rX: 1",
    ),
)


def lines() -> Iterator[Vector]:
    for line in _LINES_BAD:
        yield Vector(
            named("first line", line), b"GET /v1/x HTTP/1.1\r\n" + line + b"\r\nHost: a\r\n\r\n"
        )
        yield Vector(
            named("last line", line), b"GET /v1/x HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n"
        )
    get = b"GET /v1/x HTTP/1.1\r\nHost: a"
    for end in (b"\n\n", b"\r\n\n", b"\n\r\n", b"\r\r", b"\r\n\r\r\n", b"\r\r\n\r\r\n"):
        yield Vector(named("head end", end), get + end + SMUGGLED)
    yield Vector("line feeds only", b"GET /v1/x HTTP/1.1\nHost: a\n\n")
    yield Vector("carriage returns only", b"GET /v1/x HTTP/1.1\rHost: a\r\r")
    yield Vector("head without an end", get + b"\r\n", unfinished=True)
    yield Vector("head cut in the last line end", get + b"\r\n\r", unfinished=True)


_HOSTS_BAD = (
    *(b"a b", b"a/b", b"u@a", b"a\x00", b"a#b", b"a?b", b"[::1", b"::1", b"[::1]x", b"a:b"),
    *(
        b"a:80:80",
        b"a\tb",
        b"\xff",
        b"a\\b",
        b"<a>",
        b'"a"',
        b"a\r\n b",
        b"[::1]:x",
        b"a:123456",
        b"a|b",
    ),
)


def hosts() -> Iterator[Vector]:
    for host in _HOSTS_BAD:
        yield Vector(named("host", host), b"GET /v1/x HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    get = b"GET /v1/x HTTP/1.1\r\n"
    yield Vector("no host", get + b"X: 1\r\n\r\n")
    yield Vector("no fields", get + b"\r\n")
    yield Vector("two hosts", get + b"Host: a\r\nHost: b\r\n\r\n")
    yield Vector("the same host twice", get + b"Host: a\r\nhost: a\r\n\r\n")
    yield Vector("host and empty host", get + b"Host: a\r\nHost:\r\n\r\n")
    yield Vector("host in a space-led line", get + b"Host: a\r\n Host: b\r\n\r\n")
    yield Vector("host before a space", get + b"Host : a\r\n\r\n")
    plain = Meaning(method=b"GET")
    yield Vector("http/1.0 without a host", b"GET /v1/x HTTP/1.0\r\n\r\n", plain)
    yield Vector("http/1.0 with two hosts", b"GET /v1/x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n")
    for host in (b"", b"a,b", b"a:80", b"[::1]", b"[::1]:80", b"A.Example.", b"a:", b"a:99999"):
        yield Vector(named("host", host), get + b"Host: " + host + b"\r\n\r\n", plain)


_FIRST_LINES_BAD = (
    *(b"GET\t/v1/x HTTP/1.1", b"GET /v1/x\tHTTP/1.1"),
    *(
        b" GET /v1/x HTTP/1.1",
        b"GET /v1/x HTTP/1.1 ",
        b"GET /v1/x HTTP/1.1\t",
        b"GET /v1/x y HTTP/1.1",
    ),
    *(
        b"GET /v1/x",
        b"GET",
        b"GET /v1/x ",
        b"GET/v1/x HTTP/1.1",
        b"/v1/x HTTP/1.1",
        b"GET HTTP/1.1",
    ),
    *(
        b"GET  HTTP/1.1",
        b"\x00GET /v1/x HTTP/1.1",
        b"G\x00T /v1/x HTTP/1.1",
        b"GET: /v1/x HTTP/1.1",
    ),
    *(
        b"G(T /v1/x HTTP/1.1",
        b"\xffGET /v1/x HTTP/1.1",
        b'"GET" /v1/x HTTP/1.1',
        b"GE T /v1/x HTTP/1.1",
    ),
    *(
        b"GET\x0b/v1/x HTTP/1.1",
        b"GET\xa0/v1/x HTTP/1.1",
        b"GET /v1/x\x0bHTTP/1.1",
        b"A" * 9000 + b" / HTTP/1.1",
    ),
    *(
        b"GET /v1/\x00 HTTP/1.1",
        b"GET /v1/\x01 HTTP/1.1",
        b"GET /v1/\x7f HTTP/1.1",
        b"GET /v1/\x0b HTTP/1.1",
    ),
    *(
        b"GET /v1/\r HTTP/1.1",
        b"GET /v1/\x1b HTTP/1.1",
        b"GET /v1/x#f HTTP/1.1",
        b"GET v1/x HTTP/1.1",
    ),
    *(
        b"GET * HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET a:80 HTTP/1.1",
        b"GET ?x HTTP/1.1",
        b"GET #x HTTP/1.1",
    ),
    *(b"GET \\v1\\x HTTP/1.1", b"GET http://b/v1/x HTTP/1.1", b"GET http://a@b/ HTTP/1.1"),
    *(
        b"GET http://a:81/v1/x HTTP/1.1",
        b"GET http://u@a/v1/x HTTP/1.1",
        b"GET http:/v1/x HTTP/1.1",
    ),
    *(b"GET http:///v1/x HTTP/1.1", b"GET ftp://a/v1/x HTTP/1.1", b"GET a/v1/x HTTP/1.1"),
    *(b"GET http://a#b/ HTTP/1.1", b"GET http://a?b/ HTTP/1.1", b"GET http://a\\@b/ HTTP/1.1"),
    *(b"CONNECT a:443 HTTP/1.1", b"CONNECT /v1/x HTTP/1.1", b"CONNECT http://a/ HTTP/1.1"),
    *(b"GET /v1/caf\xc3\xa9 HTTP/1.1", b"GET /v1/x?\xff HTTP/1.1"),
    *(b"GET /v1/x HTTP/1.2", b"GET /v1/x HTTP/2.0", b"GET /v1/x HTTP/2", b"GET /v1/x HTTP/0.9"),
    *(
        b"GET /v1/x HTTP/1.10",
        b"GET /v1/x HTTP/01.1",
        b"GET /v1/x HTTP/1.1x",
        b"GET /v1/x http/1.1",
    ),
    *(b"GET /v1/x HTTP/1.", b"GET /v1/x HTTP/.1", b"GET /v1/x HTTP/11", b"GET /v1/x HTTP /1.1"),
    *(b"GET /v1/x HTTP/1,1", b"GET /v1/x HTP/1.1", b"GET /v1/x ICE/1.0"),
    *(
        b"GET /v1/x HTTP/1.1\r\r",
        b"GET /v1/x HTTP/+1.1",
        b"GET /v1/x HTTP/1. 1",
        b"GET /v1/x HTTP/3.0",
    ),
    *(
        b"HTTP/1.1 200 OK",
        b"PRI * HTTP/2.0",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2",
        b"SOURCE /x ICE/1.0",
    ),
    *(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x",
        b"\x05\x01\x00",
        b"{}",
        b"\x80\x80",
    ),
)


def first_lines() -> Iterator[Vector]:
    rest = b"\r\nHost: a\r\n\r\n"
    for line in _FIRST_LINES_BAD:
        yield Vector(named("request line", line[:40]), line + rest)
    for number, target in enumerate(
        (b"/v1/x%0d%0aHost:%20b", b"/v1/x%20HTTP/1.1", b"//a/b", b"/http://b/")
    ):
        yield Vector(
            f"odd path {number}", b"GET " + target + b" HTTP/1.1" + rest, Meaning(b"GET", target)
        )
    plain = Meaning(b"GET")
    yield Vector("absolute form", b"GET http://a/v1/x HTTP/1.1" + rest, plain)
    yield Vector("absolute form, upper case", b"GET HTTP://a/v1/x HTTP/1.1" + rest, plain)
    yield Vector("one empty line first", b"\r\nGET /v1/x HTTP/1.1" + rest, plain)
    yield Vector("three empty lines first", b"\r\n\r\n\r\nGET /v1/x HTTP/1.1" + rest, plain)
    yield Vector("bare line feeds first", b"\n\nGET /v1/x HTTP/1.1" + rest, plain)
    yield Vector("options of all", b"OPTIONS * HTTP/1.1" + rest, Meaning(b"OPTIONS", b"*"))
    for line in (b"GET  /v1/x HTTP/1.1", b"GET /v1/x  HTTP/1.1", b"GET /v1/x RTSP/1.0"):
        # llhttp takes them as a lenient reader may (RFC 9112 section 3); nothing is ambiguous.
        yield Vector(named("request line", line), line + rest, plain)
    yield Vector("a method in lower case", b"get /v1/x HTTP/1.1" + rest, Meaning(b"get"))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield Vector("the http/2 preface", preface + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")


# -- upgrades, connection options, expectations ----------------------------------------------

_WEBSOCKET = (
    b"GET /v1/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def upgrades() -> Iterator[Vector]:
    length = b"Content-Length: %d\r\n\r\n" % len(SMUGGLED)
    yield Vector("websocket with a length", _WEBSOCKET + length + SMUGGLED)
    yield Vector(
        "websocket with chunks",
        _WEBSOCKET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    )
    h2c = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA")
    sized = (b"Content-Length: %d" % len(SMUGGLED),)
    body = Meaning(body=SMUGGLED)
    yield Vector("h2c with a length", post(*h2c, *sized, body=SMUGGLED), body)
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    yield Vector("h2c with chunks", post(*h2c, TE_SAME[0], body=framed), body)
    yield Vector("h2c without a body", post(*h2c), Meaning())
    for value in (b"websocket", b"foo", b"websocket, h2c", b"TLS/1.0", b""):
        lines = (b"Connection: upgrade", b"Upgrade: " + value, *sized)
        yield Vector(named("post with upgrade", value), post(*lines, body=SMUGGLED), body)
        alone = (b"Upgrade: " + value, *sized)
        yield Vector(named("upgrade not in connection", value), post(*alone, body=SMUGGLED), body)


def options() -> Iterator[Vector]:
    names = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"Content-Length")
    for name in names:
        for value in (name, b"close, " + name, name + b" , close", b"x," + name):
            line = b"Connection: " + value
            sized = (line, b"Content-Length: %d" % len(SMUGGLED), b"Content-Type: a/b")
            yield Vector(
                named("connection", value), post(*sized, body=SMUGGLED), Meaning(body=SMUGGLED)
            )
    for value in (b"200-ok", b"100-continue, x", b"100-continue;q=1", b"\x00100-continue"):
        yield Vector(named("expect", value), post(b"Expect: " + value, b"Content-Length: 0"))
