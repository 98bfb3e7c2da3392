"""Vectors about where a body ends: lengths, codings, chunks, trailers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.smuggling_vectors import SMUGGLED, Meaning, Vector, named, post

# -- content-length against transfer-encoding -----------------------------------------------

# Spellings of the one coding that HTTP/1.1 knows, which RFC 9112 section 7 calls the same.
TE_SAME = (
    b"Transfer-Encoding: chunked",
    b"transfer-encoding: chunked",
    b"TRANSFER-ENCODING: CHUNKED",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding:   chunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding: chunked\t",
)
# Spellings that somebody takes for chunked and somebody else does not.
TE_ODD = (
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer-Encoding\x0b: chunked",
    b"Transfer-Encoding\xa0: chunked",
    b" Transfer-Encoding: chunked",
    b"\tTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\r\r\nTransfer-Encoding: chunked",
    b"Transfer Encoding: chunked",
    b"Transfer-Encoding",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: x chunked",
    b"Transfer-Encoding: chunk",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: cow",
    b"Transfer-Encoding: cow, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked, cow",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: chunked;q=1",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: {chunked}",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x0b",
    b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: chunked\x00",
    b"Transfer-Encoding: chu\x00nked",
    b"Transfer-Encoding: \xa0chunked",
    b"Transfer-Encoding: \xffchunked",
    b"Transfer-Encoding: ch\xc5\xabnked",
    b"Transfer-Encoding: chunked\r",
    b"Transfer-Encoding: chunked\r\n ",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\n chunked",
    b"Transfer-Encoding: chunked\r\n , identity",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: x\r\ntransfer-encoding: chunked",
    b"Transfer-Encoding:\r\nTransfer-Encoding: chunked",
)


def cl_te() -> Iterator[Vector]:
    hidden = b"0\r\n\r\n" + SMUGGLED
    for line in (*TE_SAME, *TE_ODD):
        length = b"Content-Length: %d" % len(hidden)
        yield Vector(named("cl.te", line), post(length, line, body=hidden))
        yield Vector(named("te.cl", line), post(line, length, body=hidden))
    for line in TE_SAME:
        yield Vector(
            named("te alone", line),
            post(line, body=b"5\r\nhello\r\n0\r\n\r\n"),
            Meaning(body=b"hello"),
        )
    for line in TE_ODD:
        yield Vector(named("te alone", line), post(line, body=hidden))
    for line in TE_SAME[:1]:
        yield Vector("te in http/1.0", post(line, body=hidden, version=b"HTTP/1.0"))
        yield Vector(
            "te and cl in http/1.0",
            post(line, b"Content-Length: %d" % len(hidden), body=hidden, version=b"HTTP/1.0"),
        )
        yield Vector(
            "te on get",
            b"GET /v1/x HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n0\r\n\r\n",
            Meaning(method=b"GET"),
        )


# -- content-length -------------------------------------------------------------------------

_LENGTHS_ODD = (
    *(b"+5", b"-5", b"-0", b"0x5", b"0b101", b"5.0", b"5e0", b"1e1", b"5_0", b"5;", b"5,", b",5"),
    *(
        b"",
        b"abc",
        b"NaN",
        b"(5)",
        b"'5'",
        b'"5"',
        b"5 5",
        b"5, 5",
        b"5,5",
        b"5, 6",
        b"0 5",
        b"5 a",
    ),
    *(
        b"5\x00",
        b"\x005",
        b"5\x0b",
        b"\x0b5",
        b"5\x0c",
        b"5\r",
        b"5\r\n ",
        b"\r\n 5",
        b"5\n",
        b"\n 5",
    ),
    *(b"5\xa0", b"\xa05", b"5\x85", b"\xd9\xa5", b"\xe0\xa5\xab", b"\xef\xbc\x95", b"\xc2\xb2"),
    *(b"18446744073709551621", b"-18446744073709551611", b"9" * 30, b"4294967301"),
)
_LENGTH_NAMES = (
    *(b"Content-Length ", b"Content-Length\t", b"Content-Length\x00", b"Content\x00-Length"),
    *(
        b" Content-Length",
        b"\tContent-Length",
        b"Content-Length\x0b",
        b"Content Length",
        b"\xa0Content-Length",
    ),
)


def lengths() -> Iterator[Vector]:
    body = b"hello"
    for value in _LENGTHS_ODD:
        line = b"Content-Length: " + value
        yield Vector(named("length", value), post(line, body=body + SMUGGLED))
    for value in (b"5 ", b"  5", b"\t5", b"05", b"0000000005"):
        line = b"Content-Length: " + value
        yield Vector(named("length", value), post(line, body=body), Meaning(body=body))
    for name in _LENGTH_NAMES:
        yield Vector(named("length name", name), post(name + b": 5", body=body + SMUGGLED))
    for first, second in ((b"5", b"5"), (b"5", b"6"), (b"6", b"5"), (b"0", b"5"), (b"5", b"")):
        lines = (b"Content-Length: " + first, b"content-length: " + second)
        yield Vector(f"lengths {first!r} {second!r}", post(*lines, body=body + SMUGGLED))
        apart = (lines[0], b"X-Between: 1", lines[1])
        yield Vector(f"lengths apart {first!r} {second!r}", post(*apart, body=body + SMUGGLED))


# -- chunks ---------------------------------------------------------------------------------

_SIZES_ODD = (
    *(b"", b"g", b"0x5", b"+5", b"-5", b" 5", b"\t5", b"5_0", b"5.", b"5,", b"\x005", b"5\x00"),
    *(b"5\x0b", b"5\r\r", b"5\xa0", b"\xef\xbc\x95", b"5 5", b"F" * 17, b"1" + b"0" * 40 + b"5"),
    *(b"10000000000000005", b"-F", b"5;\x00", b"5;a\rb", b"5;a=\x0b", b'5;a="\x01"', b"5\n;a"),
)
_CHUNK_ENDS = (b"", b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\x00\r\n", b"X\r\n", b"\r\n\r\n")
_LAST_CHUNKS = (
    *(b"-0\r\n\r\n", b"+0\r\n\r\n", b"0x0\r\n\r\n", b" 0\r\n\r\n", b"0\n\n", b"0\r\r\n\r\n"),
    *(b"0\r\n\n", b"0\n\r\n", b"0\r\n\r\x00", b"0;\n\r\n", b"\r\n0\r\n\r\n", b"0\r\nX\r\n\r\n"),
)


def chunks() -> Iterator[Vector]:
    te = TE_SAME[0]
    for size in _SIZES_ODD:
        body = size + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED
        yield Vector(named("chunk size", size), post(te, body=body))
    for size in (b"5", b"05", b"0005", b"5;a", b"5;a=b", b'5;a="b;c"', b"5;a;b=c"):
        body = size + b"\r\nhello\r\n0\r\n\r\n"
        yield Vector(named("chunk size", size), post(te, body=body), Meaning(body=b"hello"))
    for size in (b"5 ", b"5\t", b"5 ;a", b"5; a", b"5;", b"5;a=", b"0" * 20 + b"5"):
        body = size + b"\r\nhello\r\n0\r\n\r\n"
        yield Vector(named("chunk size bws", size), post(te, body=body), Meaning(body=b"hello"))
    for end in _CHUNK_ENDS:
        body = b"5\r\nhello" + end + b"0\r\n\r\n" + SMUGGLED
        yield Vector(named("chunk end", end), post(te, body=body))
    for size in (b"4", b"6", b"A"):
        body = size + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED
        yield Vector(named("chunk of hello", size), post(te, body=body))
    for last in _LAST_CHUNKS:
        body = b"5\r\nhello\r\n" + last + SMUGGLED
        yield Vector(named("last chunk", last), post(te, body=body))
    for last in (b"00\r\n\r\n", b"000000\r\n\r\n", b"0;a\r\n\r\n", b"0;a=b\r\n\r\n"):
        body = b"5\r\nhello\r\n" + last
        yield Vector(named("last chunk", last), post(te, body=body), Meaning(body=b"hello"))
    yield Vector("chunked without a last chunk", post(te, body=b"5\r\nhello\r\n"), unfinished=True)
    yield Vector("chunked, cut in a size", post(te, body=b"5\r\nhello\r\n1"), unfinished=True)
    yield Vector("chunked, cut in a chunk", post(te, body=b"5\r\nhel"), unfinished=True)
    yield Vector("chunked, cut before the end", post(te, body=b"0\r\n"), unfinished=True)


_TRAILERS_BAD = (
    *(
        b"X : 1",
        b" X: 1",
        b"X",
        b": 1",
        b"X: \x00",
        b"X: a\rb",
        b"X: a\nY: b",
        b"X: a\r\n b",
        b"X\x0b: 1",
    ),
)
_TRAILERS_FRAMING = (
    *(b"Content-Length: 50", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
    *(b"Host: evil", b"content-length: 5\r\ncontent-length: 6"),
)


def trailers() -> Iterator[Vector]:
    te = TE_SAME[0]
    for line in _TRAILERS_BAD:
        body = b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n" + SMUGGLED
        yield Vector(named("trailer", line), post(te, body=body))
    for line in _TRAILERS_FRAMING:
        body = b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"
        yield Vector(named("trailer", line), post(te, body=body), Meaning(body=b"hello"))
    many = b"".join(b"X-%d: y\r\n" % n for n in range(20_000))
    yield Vector("20000 trailers", post(te, body=b"5\r\nhello\r\n0\r\n" + many + b"\r\n"))
    long = b"X: " + b"y" * 200_000
    yield Vector("a long trailer", post(te, body=b"5\r\nhello\r\n0\r\n" + long + b"\r\n\r\n"))
