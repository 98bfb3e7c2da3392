"""What of a request head is refused because it can be read in two ways."""

from __future__ import annotations

import pytest

from gateway.plugin.headers import Headers, RawHeader, index_of
from gateway.proxy.body import RequestBody
from gateway.proxy.inbound import InboundRequest
from gateway.reasons import Reason
from gateway.server.request_head import RequestHeadError, read_head

HOST = (b"Host", b"gw")
CHUNKED = (b"Transfer-Encoding", b"chunked")
FIVE = (b"Content-Length", b"5")


def request(
    *headers: RawHeader, method: bytes = b"POST", target: bytes = b"/v1/x"
) -> InboundRequest:
    body = RequestBody(None, 10)  # type: ignore[arg-type]  # no client is asked here
    return InboundRequest(method, target, Headers(list(headers)), body)


def read(found: InboundRequest, version: str) -> None:
    read_head(found, index_of(found.headers.raw), version)


@pytest.mark.parametrize(
    ("headers", "version", "reason"),
    [
        ([], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, HOST], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([(b"Host", b"a b")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([(b"Host", b"a/b")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([(b"Host", b"user@a")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Content-Length", b"+5")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Content-Length", b"5,5")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Content-Length", b"0x5")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Content-Length", b"")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Content-Length", b"1" * 20)], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, FIVE, (b"content-length", b"5")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Transfer-Encoding", b"gzip, chunked")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Transfer-Encoding", b"identity")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, CHUNKED, FIVE], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, CHUNKED], "1.0", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Connection", b"close, Host")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Connection", b"content-length")], "1.1", Reason.AMBIGUOUS_REQUEST),
        ([HOST, (b"Expect", b"200-ok")], "1.1", Reason.EXPECTATION_UNSUPPORTED),
        ([HOST], "2.0", Reason.VERSION_UNSUPPORTED),
        ([HOST], "0.9", Reason.VERSION_UNSUPPORTED),
    ],
)  # fmt: skip
def test_a_head_that_can_be_read_in_two_ways_is_refused(
    headers: list[RawHeader], version: str, reason: Reason
) -> None:
    with pytest.raises(RequestHeadError) as caught:
        read(request(*headers), version)

    assert caught.value.reject.reason is reason


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (b"/a b", Reason.MALFORMED_REQUEST),
        (b"/a#b", Reason.MALFORMED_REQUEST),
        (b"/a\x7f", Reason.MALFORMED_REQUEST),
        (b"v1/x", Reason.AMBIGUOUS_REQUEST),
        (b"*", Reason.AMBIGUOUS_REQUEST),
        (b"http://other/v1", Reason.AMBIGUOUS_REQUEST),
        (b"ftp://gw/v1", Reason.AMBIGUOUS_REQUEST),
        (b"http://user@gw/v1", Reason.AMBIGUOUS_REQUEST),
    ],
)
def test_a_target_that_is_none_of_ours_is_refused(target: bytes, reason: Reason) -> None:
    with pytest.raises(RequestHeadError) as caught:
        read(request(HOST, target=target), "1.1")

    assert caught.value.reject.reason is reason


def test_the_absolute_form_of_the_same_host_becomes_the_origin_form() -> None:
    same = request(HOST, target=b"http://gw/v1/x?y")

    read(same, "1.1")

    assert same.target == b"/v1/x?y"


def test_connect_is_refused() -> None:
    with pytest.raises(RequestHeadError) as caught:
        read(request(HOST, method=b"CONNECT", target=b"gw:443"), "1.1")

    assert caught.value.reject.reason is Reason.METHOD_UNKNOWN


@pytest.mark.parametrize(
    "host",
    [b"gw", b"gw:8080", b"[::1]:8080", b"a.b-c_d", b"1.2.3.4", b"", b"xn--bcher-kva.example"],
)
def test_every_form_of_a_host_is_accepted(host: bytes) -> None:
    found = request((b"Host", host))

    read(found, "1.1")

    assert found.host == host


WEBSOCKET = ((b"Upgrade", b"websocket"), (b"Connection", b"keep-alive, Upgrade"))


@pytest.mark.parametrize(
    ("headers", "method", "upgrade"),
    [
        (WEBSOCKET, b"GET", True),
        (WEBSOCKET, b"POST", False),
        (WEBSOCKET[:1], b"GET", False),
        (((b"Upgrade", b"h2c"), (b"Connection", b"Upgrade")), b"GET", False),
    ],
)
def test_only_a_websocket_handshake_is_an_upgrade(
    headers: tuple[RawHeader, ...], method: bytes, upgrade: bool
) -> None:
    found = request(HOST, *headers, method=method)

    read(found, "1.1")

    assert found.upgrade is upgrade


def test_a_handshake_with_a_body_is_refused() -> None:
    """GHSA-mfx4-hv73-q22v: one side would read the body as frames, the other as a request."""
    with pytest.raises(RequestHeadError):
        read(request(HOST, *WEBSOCKET, FIVE, method=b"GET"), "1.1")


@pytest.mark.parametrize(
    ("headers", "version", "keep"),
    [
        ([HOST], "1.1", True),
        ([HOST, (b"Connection", b"Close")], "1.1", False),
        ([HOST, (b"Connection", b"keep-alive, close")], "1.1", False),
        ([HOST], "1.0", False),
    ],
)
def test_a_connection_stays_open_as_the_client_asks(
    headers: list[RawHeader], version: str, keep: bool
) -> None:
    found = request(*headers)

    read(found, version)

    assert found.keep_alive is keep
