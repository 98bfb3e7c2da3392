"""The way through an outbound HTTP proxy, whose credentials nobody sees."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path

import pytest
import trustme

from gateway.proxy.upstream import UpstreamError
from gateway.reasons import Reason
from tests.unit.proxy.loopback import connect_proxy, listening, open_connection, target_of


async def test_a_tunnel_is_asked_for_by_name_and_port() -> None:
    async with listening() as server, connect_proxy() as (port, heads):
        url = f"http://localhost:{server.port}/base"
        connection = await open_connection(target_of(url, proxy=f"http://127.0.0.1:{port}"))
        peer = await server.next_peer()
        connection.write(b"ping")

        authority = f"localhost:{server.port}".encode()
        assert await heads.get() == (
            b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n\r\n"
        )
        assert await peer.reader.readexactly(4) == b"ping"
        connection.abort()
        assert await peer.is_gone()


async def test_the_credentials_of_the_proxy_are_sent_decoded() -> None:
    async with listening() as server, connect_proxy() as (port, heads):
        proxy = f"http://us%40er:p%3Ass@127.0.0.1:{port}"
        target = target_of(f"http://127.0.0.1:{server.port}", proxy=proxy)
        connection = await open_connection(target)
        expected = b"Proxy-Authorization: Basic " + base64.b64encode(b"us@er:p:ss") + b"\r\n"

        assert expected in await heads.get()
        connection.abort()


async def test_tls_in_a_tunnel_is_verified_against_the_target(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    async with listening(tls=context) as server, connect_proxy() as (port, _):
        settings = {"proxy": f"http://127.0.0.1:{port}", "tls": {"ca_file": tmp_path / "ca.pem"}}
        connection = await open_connection(
            target_of(f"https://localhost:{server.port}", **settings)
        )
        peer = await server.next_peer()
        connection.write(b"ping")

        assert await peer.reader.readexactly(4) == b"ping"
        connection.abort()
        with pytest.raises(UpstreamError) as caught:
            await open_connection(target_of(f"https://127.0.0.1:{server.port}", **settings))
        assert caught.value.reason is Reason.UPSTREAM_TLS_FAILED


ANSWERS = {
    b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": "the outbound proxy answered 407",
    b"HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\nbody": "the outbound proxy answered 502",
    b"SSH-2.0-OpenSSH\r\n\r\n": "the outbound proxy does not speak HTTP/1.1",
    b"HTTP/1.1 200 OK\r\n\r\nextra": "the outbound proxy sent bytes of its own into the tunnel",
    b"HTTP/1.1 200 OK\r\n": "the outbound proxy closed the connection",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000: "the outbound proxy's answer is too large",
}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[:24]))
async def test_a_proxy_that_opens_no_tunnel_is_a_failed_connect(answer: bytes) -> None:
    async with connect_proxy(answer) as (port, heads):
        target = target_of("https://provider.test", proxy=f"http://u:s3cret@127.0.0.1:{port}")
        with pytest.raises(UpstreamError) as caught:
            await open_connection(target)

        assert heads.qsize() == 1
        assert caught.value.reason is Reason.UPSTREAM_CONNECT_FAILED
        assert caught.value.message == ANSWERS[answer]
        assert not caught.value.sent


def test_the_credentials_of_a_proxy_do_not_show() -> None:
    target = target_of("https://provider.test", proxy="http://user:s3cret@127.0.0.1:3128")
    shown = repr(target) + repr(target.tunnel)

    assert "s3cret" not in shown
    assert base64.b64encode(b"user:s3cret").decode() not in shown


async def test_an_unreachable_proxy_is_a_failed_connect() -> None:
    async with listening() as server:
        port = server.port
    async with asyncio.timeout(30):
        with pytest.raises(UpstreamError) as caught:
            await open_connection(
                target_of("https://provider.test", proxy=f"http://127.0.0.1:{port}")
            )

    assert caught.value.reason is Reason.UPSTREAM_CONNECT_FAILED
