"""TLS towards upstreams: verified unless told otherwise, and each failure said as such."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import pytest
import trustme

from gateway.proxy.target import Target
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.reasons import Reason
from tests.unit.proxy.loopback import Listening, listening, open_connection, target_of


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


def server_context(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    cert.configure_cert(context)
    return context


def trusting(ca_file: Path, server: Listening, **tls: object) -> Target:
    """The server as a target whose CA is known."""
    url = f"https://localhost:{server.port}"
    return target_of(url, tls={"ca_file": ca_file, **tls})


def tls_of(connection: UpstreamConnection) -> ssl.SSLObject:
    assert connection._transport is not None
    found: ssl.SSLObject = connection._transport.get_extra_info("ssl_object")
    return found


async def tls_failure(target: Target) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await open_connection(target)
    assert not caught.value.sent
    assert caught.value.reason is Reason.UPSTREAM_TLS_FAILED
    return caught.value


async def test_a_certificate_of_a_configured_ca_is_accepted(ca: trustme.CA, ca_file: Path) -> None:
    async with listening(tls=server_context(ca.issue_cert("localhost"))) as server:
        connection = await open_connection(trusting(ca_file, server))
        peer = await server.next_peer()
        connection.write(b"ping")

        assert await peer.reader.readexactly(4) == b"ping"
        connection.abort()


async def test_an_unknown_ca_is_refused(ca: trustme.CA) -> None:
    async with listening(tls=server_context(ca.issue_cert("localhost"))) as server:
        error = await tls_failure(target_of(f"https://localhost:{server.port}"))

        assert "local issuer certificate" in error.message


async def test_a_certificate_for_another_host_is_refused(ca: trustme.CA, ca_file: Path) -> None:
    async with listening(tls=server_context(ca.issue_cert("other.test"))) as server:
        error = await tls_failure(trusting(ca_file, server))

        assert "not valid for 'localhost'" in error.message


async def test_a_common_name_is_no_identity(ca: trustme.CA, ca_file: Path) -> None:
    cert = ca.issue_cert("other.test", common_name="localhost")
    async with listening(tls=server_context(cert)) as server:
        await tls_failure(trusting(ca_file, server))


async def test_an_expired_certificate_is_refused(ca: trustme.CA, ca_file: Path) -> None:
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    cert = ca.issue_cert("localhost", not_before=long_ago, not_after=long_ago)
    async with listening(tls=server_context(cert)) as server:
        error = await tls_failure(trusting(ca_file, server))

        assert "expired" in error.message


async def test_a_self_signed_certificate_passes_only_without_verification(ca: trustme.CA) -> None:
    async with listening(tls=server_context(ca.issue_cert("other.test"))) as server:
        url = f"https://localhost:{server.port}"
        connection = await open_connection(target_of(url, tls={"verify": False}))

        assert await server.next_peer()
        connection.abort()


async def test_the_server_sees_the_name_and_the_protocol(ca: trustme.CA, ca_file: Path) -> None:
    """SNI is the URL's host; of h2 and http/1.1 only the second is agreed on."""
    names: list[str | None] = []
    context = server_context(ca.issue_cert("localhost"))
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with listening(tls=context) as server:
        connection = await open_connection(trusting(ca_file, server))

        assert names == ["localhost"]
        assert tls_of(connection).selected_alpn_protocol() == "http/1.1"
        connection.abort()


async def test_a_configured_server_name_is_sent_and_verified(ca: trustme.CA, ca_file: Path) -> None:
    names: list[str | None] = []
    context = server_context(ca.issue_cert("provider.test"))
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with listening(tls=context) as server:
        connection = await open_connection(trusting(ca_file, server, server_name="provider.test"))

        assert names == ["provider.test"]
        connection.abort()


async def test_an_address_is_verified_as_an_address(ca: trustme.CA, ca_file: Path) -> None:
    async with listening(tls=server_context(ca.issue_cert("127.0.0.1"))) as server:
        target = target_of(f"https://127.0.0.1:{server.port}", tls={"ca_file": ca_file})
        connection = await open_connection(target)

        assert await server.next_peer()
        connection.abort()


async def test_a_client_certificate_is_shown(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    ca.issue_cert("gateway.test").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "client.pem")
    )
    context = server_context(ca.issue_cert("localhost"))
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    async with listening(tls=context) as server:
        target = trusting(ca_file, server, cert_file=tmp_path / "client.pem")
        connection = await open_connection(target)
        peer = await server.next_peer()
        shown = peer.writer.get_extra_info("peercert")

        assert ("DNS", "gateway.test") in shown["subjectAltName"]
        connection.abort()


async def test_a_missing_client_certificate_opens_no_connection(
    ca: trustme.CA, ca_file: Path
) -> None:
    """In TLS 1.2; in 1.3 the server's refusal arrives after the handshake, as a reset."""
    context = server_context(ca.issue_cert("localhost"))
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(tls=context) as server:
        with pytest.raises(UpstreamError):
            await open_connection(trusting(ca_file, server))


async def test_a_server_that_speaks_no_tls_is_a_tls_failure(ca_file: Path) -> None:
    async with listening() as server:
        dialing = asyncio.ensure_future(tls_failure(trusting(ca_file, server)))
        (await server.next_peer()).writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        assert (await dialing).message.startswith("TLS failed")


async def test_a_server_that_hangs_up_in_the_handshake_is_a_failed_connect(ca_file: Path) -> None:
    async with listening() as server:
        dialing = asyncio.ensure_future(open_connection(trusting(ca_file, server)))
        (await server.next_peer()).close()
        with pytest.raises(UpstreamError) as caught:
            await dialing

        assert caught.value.reason is Reason.UPSTREAM_CONNECT_FAILED
