"""Opens connections to targets; every way to fail becomes an UpstreamError here, and only here."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

import aiohappyeyeballs

from gateway.proxy.resolver import AddrInfo, ForbiddenAddressError, Resolver
from gateway.proxy.target import Target, Tunnel
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.reasons import Reason

__all__ = ["Target", "dial"]

ConnectionFactory = Callable[[], UpstreamConnection]

HAPPY_EYEBALLS_S = 0.25
"""The next address is tried beside a silent one after this (RFC 8305 section 5)."""
TLS_SHUTDOWN_S = 1.0
"""How long a closing TLS connection may wait for the other side's close_notify."""
PROXY_HEAD_BYTES_MAX = 16_384
# A silent stream may last for minutes: probes keep NAT entries alive and find a dead peer after
# 60 + 4 x 15 seconds.
KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 15
KEEPALIVE_PROBES = 4


class ProxyRefusedError(OSError):
    """The outbound proxy did not open the tunnel."""


async def dial(target: Target, factory: ConnectionFactory, timeout_s: float) -> UpstreamConnection:
    """Connects to `target` within `timeout_s`, which covers name lookup, TCP, proxy and TLS.

    Raises UpstreamError with one of three reasons (connect failed, connect timeout, TLS failed)
    and `sent` false. A cancelled dial leaves nothing open.
    """
    try:
        async with asyncio.timeout(timeout_s):
            connection = await _open(target, factory, timeout_s)
            if not connection.reusable:  # it closed, or spoke, before it was asked anything
                connection.abort()
                raise ConnectionResetError
            return connection
    except TimeoutError as error:
        message = f"no connection within {timeout_s:g} s"
        raise UpstreamError(Reason.UPSTREAM_CONNECT_TIMEOUT, message) from error
    except ssl.SSLCertVerificationError as error:
        raise UpstreamError(Reason.UPSTREAM_TLS_FAILED, error.verify_message) from error
    except ssl.SSLError as error:
        message = f"TLS failed: {error.reason or 'the handshake was broken off'}"
        raise UpstreamError(Reason.UPSTREAM_TLS_FAILED, message) from error
    except OSError as error:
        raise UpstreamError(Reason.UPSTREAM_CONNECT_FAILED, _explain(error)) from error


_EXPLANATIONS: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "its host name could not be resolved"),
    (ConnectionRefusedError, "it refused the connection"),
    (ConnectionResetError, "it closed the connection before it was ready"),
    (ConnectionAbortedError, "it closed the connection before it was ready"),
    (FileNotFoundError, "its Unix socket does not exist"),
)


def _explain(error: OSError) -> str:
    # The event loop's own texts name addresses of the inner network, and this text goes to clients.
    if isinstance(error, ProxyRefusedError | ForbiddenAddressError):
        return str(error)
    for kind, text in _EXPLANATIONS:
        if isinstance(error, kind):
            return text
    return os.strerror(error.errno) if error.errno else "the connection failed"


async def _open(target: Target, factory: ConnectionFactory, timeout_s: float) -> UpstreamConnection:
    loop = asyncio.get_running_loop()
    if target.unix_path is not None:
        _, connection = await loop.create_unix_connection(factory, target.unix_path)
        return connection
    sock = await _open_socket(target)
    tls: dict[str, Any] = {}
    if target.tls is not None:
        tls = {
            "ssl": target.tls,
            "server_hostname": target.server_name,
            # A little longer than our own limit, so that ours is the one that says why.
            "ssl_handshake_timeout": timeout_s + 1.0,
            "ssl_shutdown_timeout": TLS_SHUTDOWN_S,
        }
    _, connection = await loop.create_connection(factory, sock=sock, **tls)
    return connection


async def _open_socket(target: Target) -> socket.socket:
    tunnel = target.tunnel
    if tunnel is None:
        if target.resolver is None:
            raise TypeError(f"{target.label} has no way to get there")
        return await _connect(target.resolver)
    sock = await _connect(tunnel.resolver)
    try:
        await _open_tunnel(sock, tunnel)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(resolver: Resolver) -> socket.socket:
    addresses = await resolver.addresses()
    try:
        return await aiohappyeyeballs.start_connection(
            addresses,
            happy_eyeballs_delay=HAPPY_EYEBALLS_S,
            interleave=1,
            socket_factory=_socket,
        )
    except OSError:
        resolver.expire()
        raise


def _socket(info: AddrInfo) -> socket.socket:
    family, kind, protocol, _, _ = info
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock


_KEEPALIVE = tuple(
    (getattr(socket, name), value)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    )
    if hasattr(socket, name)
)


async def _open_tunnel(sock: socket.socket, tunnel: Tunnel) -> None:
    """Asks the proxy for a tunnel; the socket is at the tunnel's first byte afterwards."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, tunnel.request)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = await loop.sock_recv(sock, 4096)
        if not piece:
            raise ProxyRefusedError("the outbound proxy closed the connection")
        head += piece
        if len(head) > PROXY_HEAD_BYTES_MAX:
            raise ProxyRefusedError("the outbound proxy's answer is too large")
    version, _, rest = head.partition(b" ")
    status = rest[:3]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.isdigit():
        raise ProxyRefusedError("the outbound proxy does not speak HTTP/1.1")
    if not status.startswith(b"2"):
        raise ProxyRefusedError(f"the outbound proxy answered {status.decode('ascii')}")
    if not head.endswith(b"\r\n\r\n"):
        # In a tunnel the client speaks first, so these bytes are not the target's.
        raise ProxyRefusedError("the outbound proxy sent bytes of its own into the tunnel")
