"""Accepts connections: file-descriptor limit, PROXY protocol, TLS; then the HTTP connection.

The accept loop is our own and not the loop's `create_server`, because that one cannot pause: near
the limit of open files a server has to leave connections in the kernel's queue, where they wait,
and must not accept them only to find that it cannot reach an upstream.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
from typing import Any

from gateway.networks import NetworkSet, parse_address
from gateway.server.certificates import Certificates
from gateway.server.http1 import ServerConnection
from gateway.server.proxy_protocol import (
    HEADER_BYTES,
    ProxyProtocolError,
    Source,
    parse_source,
    payload_length,
)
from gateway.server.service import ConnectionService
from gateway.telemetry.metrics import Metrics

_log = logging.getLogger("sealgate.listener")

PAUSE_S = 0.1
"""How long accepting stops when descriptors run out, before it is tried again."""
AT_ONCE_MAX = 64
"""Connections that are taken before those that are open are served again."""
DESCRIPTOR_SHARE = 0.9
"""Share of RLIMIT_NOFILE from which on accepting pauses; the rest is for upstream connections that
running exchanges still need."""

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def raise_descriptor_limit() -> int:
    """Lifts this process's limit of open files as far as it may, and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Listener:
    """Takes connections from `sockets` and makes a ServerConnection of each.

    `descriptors_max` is the number of open files at which accepting pauses. With
    `proxy_protocol`, every connection must come from one of these networks and begin with a PROXY
    v2 header.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        service: ConnectionService,
        metrics: Metrics,
        *,
        certificates: Certificates | None = None,
        proxy_protocol: NetworkSet | None = None,
        descriptors_max: int,
    ) -> None:
        self._sockets = sockets
        self._service = service
        self._metrics = metrics
        self._certificates = certificates
        self._proxy_protocol = proxy_protocol
        self._descriptors_max = descriptors_max
        self._connections_max = service.limits.connections_max
        self._guarded = certificates is not None or proxy_protocol is not None
        self._opening: dict[asyncio.Task[Any], ServerConnection] = {}
        self._paused: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to accept."""
        for each in self._sockets:
            each.setblocking(False)
            self._service.loop.add_reader(each, self._accept_waiting, each)

    def stop(self) -> None:
        """Takes what already waits in the kernel's queue, then closes the sockets."""
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        for each in self._sockets:
            self._service.loop.remove_reader(each)
            while self._accept_one(each):
                pass
            each.close()
        self._sockets = []

    async def settle(self) -> None:
        """Waits until every connection that was accepted is open or has failed."""
        while self._opening:
            await asyncio.wait(self._opening)

    def _accept_waiting(self, listening: socket.socket) -> None:
        """Takes what waits. One in each turn of a busy loop would let a burst wait for seconds."""
        for _ in range(AT_ONCE_MAX):
            if self._paused is not None or not self._accept_one(listening):
                return

    def _accept_one(self, listening: socket.socket) -> bool:
        """Takes one connection; false when there is none to take now."""
        try:
            connection, peer = listening.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                self._pause()
                return False
            return True  # that connection died while it waited (ECONNABORTED and its like)
        connection.setblocking(False)
        self._metrics.connections_accepted += 1
        if self._is_full():
            self._service.refused_connections += 1
            connection.close()
            return True
        if connection.fileno() >= self._descriptors_max:
            # The kernel hands out the lowest free number, so all below it are in use.
            self._pause()
        self._hand_over(connection, peer)
        return True

    def _hand_over(self, connection: socket.socket, peer: Any) -> None:
        protocol = ServerConnection(self._service)
        loop = self._service.loop
        # A plain connection needs no time limit and no clean-up to become one: 25 us less.
        work = (
            self._open(connection, peer, protocol)
            if self._guarded
            else loop.connect_accepted_socket(lambda: protocol, connection)
        )
        task = loop.create_task(work)
        self._opening[task] = protocol
        task.add_done_callback(self._opening.pop)

    def _is_full(self) -> bool:
        """Also counts TLS handshakes under way, which the service does not know of yet."""
        live, most = self._service.connections, self._connections_max
        if len(live) >= most:
            return True
        if len(self._opening) + len(live) < most:
            return False
        return len(live) + sum(one not in live for one in self._opening.values()) >= most

    def _pause(self) -> None:
        if self._paused is not None:
            return
        self._metrics.accept_pauses += 1
        for each in self._sockets:
            self._service.loop.remove_reader(each)
        self._paused = self._service.loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self.start()

    async def _open(self, connection: socket.socket, peer: Any, protocol: ServerConnection) -> None:
        """Reads the PROXY header, does the TLS handshake, and hands over to HTTP."""
        cause = "proxy_protocol"
        try:
            async with asyncio.timeout(self._service.head_s):
                if self._proxy_protocol is not None:
                    source = await self._read_source(connection, peer)
                    if source is not None:
                        protocol.peer_ip, protocol.peer_port = source
                cause = "tls"
                await self._service.loop.connect_accepted_socket(
                    lambda: protocol,
                    connection,
                    ssl=self._certificates.context if self._certificates else None,
                )
        except (OSError, ProxyProtocolError, TimeoutError):
            # Scanners and aborted handshakes are everyday; they are counted, not logged.
            self._metrics.connection_refused(cause)
            connection.close()

    async def _read_source(self, connection: socket.socket, peer: Any) -> Source | None:
        trusted = self._proxy_protocol
        address = parse_address(peer[0])
        if trusted is None or address is None or address not in trusted:
            raise ProxyProtocolError("the peer is not a trusted proxy")
        header = await self._read_exactly(connection, HEADER_BYTES)
        payload = await self._read_exactly(connection, payload_length(header))
        return parse_source(header, payload)

    async def _read_exactly(self, connection: socket.socket, count: int) -> bytes:
        """Not a byte more: what follows belongs to TLS or HTTP."""
        data = b""
        while len(data) < count:
            part = await self._service.loop.sock_recv(connection, count - len(data))
            if not part:
                raise ProxyProtocolError("the connection ended inside the PROXY header")
            data += part
        return data
