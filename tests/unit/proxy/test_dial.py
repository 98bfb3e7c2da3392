"""Connections to targets: every way there, every way to fail, and nothing left open."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.proxy.dial import dial
from gateway.proxy.resolver import AddrInfo, Resolver
from gateway.proxy.target import Target
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.reasons import Reason
from tests.unit.proxy.loopback import listening, new_connection, open_connection, target_of


def resolving(target: Target, *addresses: str) -> Target:
    """The target with a name that leads to `addresses`."""

    async def lookup(host: str, port: int) -> list[AddrInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (text, port)) for text in addresses]

    return replace(target, resolver=Resolver("provider.test", target.port, lookup=lookup))


def refusing_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def socket_of(connection: UpstreamConnection) -> socket.socket:
    assert connection._transport is not None
    sock: socket.socket = connection._transport.get_extra_info("socket")
    return sock


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_or_a_name_is_connected_to(host: str) -> None:
    async with listening() as server:
        connection = await open_connection(target_of(f"http://{host}:{server.port}"))
        peer = await server.next_peer()
        connection.write(b"ping")

        assert await peer.reader.readexactly(4) == b"ping"
        connection.abort()


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
async def test_an_ipv6_address_is_connected_to() -> None:
    async with listening(host="::1") as server:
        connection = await open_connection(target_of(f"http://[::1]:{server.port}"))

        assert await server.next_peer()
        connection.abort()


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    """127.0.0.2 is an address of this machine too, and nobody listens there."""
    async with listening() as server:
        target = resolving(target_of(f"http://x.test:{server.port}"), "127.0.0.2", "127.0.0.1")
        connection = await open_connection(target)

        assert await server.next_peer()
        connection.abort()


async def test_small_writes_go_out_at_once_and_dead_peers_are_found() -> None:
    async with listening() as server:
        connection = await open_connection(target_of(f"http://127.0.0.1:{server.port}"))
        sock = socket_of(connection)

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        connection.abort()


async def test_a_unix_socket_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "u.sock"
    async with listening(unix_path=path) as server:
        connection = await open_connection(target_of(f"unix:{path}"))
        peer = await server.next_peer()
        connection.write(b"ping")

        assert await peer.reader.readexactly(4) == b"ping"
        connection.abort()


async def failure_of(target: Target, timeout_s: float = 30.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await open_connection(target, timeout_s)
    assert not caught.value.sent
    return caught.value


async def test_a_refused_connection_is_a_failed_connect_without_inner_addresses() -> None:
    error = await failure_of(target_of(f"http://127.0.0.1:{refusing_port()}"))

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED
    assert error.message == "it refused the connection"


async def test_several_refused_addresses_are_one_failed_connect() -> None:
    target = resolving(target_of(f"http://x.test:{refusing_port()}"), "127.0.0.2", "127.0.0.3")
    error = await failure_of(target)

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED
    assert "127.0.0" not in error.message


async def test_a_missing_unix_socket_is_a_failed_connect(tmp_path: Path) -> None:
    error = await failure_of(target_of(f"unix:{tmp_path}/nobody.sock"))

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED
    assert error.message == "its Unix socket does not exist"


async def test_a_unix_socket_without_a_server_is_a_failed_connect(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    error = await failure_of(target_of(f"unix:{path}"))

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED


async def test_an_unknown_host_name_is_a_failed_connect() -> None:
    async def lookup(host: str, port: int) -> list[AddrInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    target = target_of("http://x.test")
    error = await failure_of(replace(target, resolver=Resolver("x.test", 80, lookup=lookup)))

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED
    assert error.message == "its host name could not be resolved"


async def test_a_name_that_leads_to_a_metadata_address_is_not_connected_to() -> None:
    error = await failure_of(resolving(target_of("http://x.test"), "169.254.169.254"))

    assert error.reason is Reason.UPSTREAM_CONNECT_FAILED
    assert "link-local" in error.message


async def test_a_connection_that_spoke_or_closed_before_it_was_asked_is_not_handed_out() -> None:
    def closing() -> UpstreamConnection:
        connection = new_connection()
        connection.reusable = False
        return connection

    async with listening() as server:
        with pytest.raises(UpstreamError) as caught:
            await dial(target_of(f"http://127.0.0.1:{server.port}"), closing, 30.0)

        assert caught.value.reason is Reason.UPSTREAM_CONNECT_FAILED
        assert await (await server.next_peer()).is_gone()


# -- the limit, and a cancelled dial, in every phase ----------------------------------------


PHASES = {
    "asking the proxy": {"url": "http://provider.test:80", "proxy": "http://127.0.0.1:{port}"},
    "tls": {"url": "https://127.0.0.1:{port}"},
    "tls in a tunnel": {"url": "https://provider.test", "proxy": "http://127.0.0.1:{port}"},
}


def phase_target(phase: str, port: int) -> Target:
    settings = {name: text.format(port=port) for name, text in PHASES[phase].items()}
    return target_of(**settings)


@pytest.mark.parametrize("phase", PHASES)
async def test_the_limit_covers_every_phase_and_leaves_nothing_open(phase: str) -> None:
    """The server accepts and then says nothing."""
    async with listening() as server:
        error = await failure_of(phase_target(phase, server.port), timeout_s=0.05)

        assert error.reason is Reason.UPSTREAM_CONNECT_TIMEOUT
        assert await (await server.next_peer()).is_gone()


@pytest.mark.parametrize("phase", PHASES)
async def test_a_cancelled_dial_leaves_nothing_open(phase: str) -> None:
    async with listening() as server:
        dialing = asyncio.ensure_future(open_connection(phase_target(phase, server.port)))
        peer = await server.next_peer()
        await peer.reader.read(1)  # the request for a tunnel, or the handshake, has begun
        if phase == "tls in a tunnel":
            peer.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.reader.read(1)
        dialing.cancel()

        with pytest.raises(asyncio.CancelledError):
            await dialing
        assert await peer.is_gone()


async def test_the_limit_covers_the_name_lookup() -> None:
    async def lookup(host: str, port: int) -> list[AddrInfo]:
        return await asyncio.get_running_loop().create_future()

    target = target_of("http://x.test")
    silent = replace(target, resolver=Resolver("x.test", 80, lookup=lookup))
    error = await failure_of(silent, timeout_s=0.05)

    assert error.reason is Reason.UPSTREAM_CONNECT_TIMEOUT
