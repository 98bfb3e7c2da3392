"""Which header fields go on, and how heads and chunks are written."""

from __future__ import annotations

import pytest

from gateway.plugin.headers import Headers, RawHeader
from gateway.proxy.headers import (
    chunk,
    connection_options,
    last_chunk,
    request_head,
    response_head,
    upgrade_fields,
)

START = b"POST /v1/x HTTP/1.1\r\n"


def forwarded(headers: list[RawHeader], connection: bytes | None = None) -> bytes:
    return request_head(START, Headers(headers), host=b"up", connection=connection, chunked=False)


def test_fields_keep_order_spelling_and_duplicates() -> None:
    headers = [(b"hOsT", b"gw"), (b"X-B", b"2"), (b"x-a", b"1"), (b"X-B", b""), (b"X-C", b"\xff")]

    head = forwarded(headers)

    assert head == START + b"hOsT: up\r\nX-B: 2\r\nx-a: 1\r\nX-B: \r\nX-C: \xff\r\n\r\n"


@pytest.mark.parametrize(
    "name",
    [b"Connection", b"Keep-Alive", b"Proxy-Connection", b"TE", b"Upgrade", b"Proxy-Authorization"],
)
def test_a_hop_by_hop_field_stays_here(name: bytes) -> None:
    assert forwarded([(b"Host", b"gw"), (name, b"x")]) == START + b"Host: up\r\n\r\n"


def test_what_connection_names_stays_here_but_not_what_frames_the_request() -> None:
    headers = [
        (b"Connection", b"X-Hop, Content-Length"),
        (b"X-Hop", b"1"),
        (b"Content-Length", b"3"),
    ]

    head = forwarded(headers, connection=b"X-Hop, Content-Length")

    assert head == START + b"Content-Length: 3\r\n\r\n"


def test_an_edited_body_gets_one_new_length() -> None:
    head = request_head(
        START,
        Headers([(b"Content-Length", b"3"), (b"A", b"1")]),
        host=b"up",
        connection=None,
        chunked=False,
        content_length=9,
    )

    assert head == START + b"A: 1\r\ncontent-length: 9\r\n\r\n"


def test_a_chunked_request_keeps_its_field_in_place() -> None:
    head = request_head(
        START,
        Headers([(b"Transfer-Encoding", b"Chunked"), (b"A", b"1")]),
        host=b"up",
        connection=None,
        chunked=True,
    )

    assert head == START + b"Transfer-Encoding: chunked\r\nA: 1\r\n\r\n"


def test_a_response_that_ends_with_its_connection_becomes_chunked() -> None:
    head = response_head(200, b"Fine", Headers([(b"A", b"1")]), chunked=True)

    assert head == b"HTTP/1.1 200 Fine\r\nA: 1\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_chunked_response_has_no_length() -> None:
    head = response_head(200, b"", Headers([(b"Content-Length", b"3")]), chunked=True)

    assert head == b"HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n"


def test_chunks_and_trailers_are_those_of_the_standard() -> None:
    assert chunk(b"a" * 26) == b"1a\r\n" + b"a" * 26 + b"\r\n"
    assert last_chunk([]) == b"0\r\n\r\n"
    assert last_chunk([(b"X-T", b"1")]) == b"0\r\nX-T: 1\r\n\r\n"


def test_a_handshake_keeps_the_fields_that_make_it_one() -> None:
    fields = upgrade_fields([(b"Upgrade", b"websocket"), (b"A", b"1"), (b"connection", b"Upgrade")])

    assert fields == b"Upgrade: websocket\r\nconnection: Upgrade\r\n"


def test_connection_options_ignore_case_space_and_empty_members() -> None:
    assert connection_options(b" Close ,, X-A") == {b"close", b"x-a"}
