"""What all connections of one listener in one worker share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from gateway.plugin.verdict import Reject
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.settings import LimitSettings

if TYPE_CHECKING:
    from gateway.server.http1 import ServerConnection

CONNECTION_TICK_S = 0.25
"""How late a connection's time limit may take effect."""


class Handler(Protocol):
    """Serves one exchange; the proxy's handler is the real one."""

    def serve(
        self, request: InboundRequest, client: ClientConnection
    ) -> Coroutine[Any, Any, None]: ...

    def refuse_unparsed(self, reject: Reject, client: ClientConnection) -> bytes:
        """The whole answer to bytes that never became a request; records the refusal."""


class ConnectionService:
    """Handler, limits and the set of live connections."""

    def __init__(
        self,
        handler: Handler,
        limits: LimitSettings,
        loop: asyncio.AbstractEventLoop,
        *,
        tls: bool = False,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.loop = loop
        self.tls = tls
        self.draining = False
        self.connections: set[ServerConnection] = set()
        self.per_ip: dict[str, int] = {}
        self.deadlines = Deadlines(loop, CONNECTION_TICK_S)
        self.refused_connections = 0

        self.head_s = limits.head_timeout_ms / 1000
        self.idle_s = limits.idle_timeout_ms / 1000
        self.body_idle_s = limits.body_idle_timeout_ms / 1000
        self.write_s = limits.write_timeout_ms / 1000

    def admit(self, connection: ServerConnection) -> bool:
        """Counts a new connection in; False when it is over a limit and must be closed."""
        count = self.per_ip.get(connection.peer_ip, 0)
        if (
            len(self.connections) >= self.limits.connections_max
            or count >= self.limits.connections_per_ip_max
        ):
            self.refused_connections += 1
            return False
        self.per_ip[connection.peer_ip] = count + 1
        self.connections.add(connection)
        self.deadlines.add(connection)
        return True

    def leave(self, connection: ServerConnection) -> None:
        """Counts a closed connection out."""
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        self.deadlines.discard(connection)
        count = self.per_ip.get(connection.peer_ip, 1) - 1
        if count:
            self.per_ip[connection.peer_ip] = count
        else:
            self.per_ip.pop(connection.peer_ip, None)

    def begin_drain(self) -> None:
        """Closes idle connections now, and each other one after its running exchange."""
        self.draining = True
        for connection in list(self.connections):
            connection.begin_drain()

    def end_drain(self) -> None:
        """The drain time is over: every running answer is ended as its dialect ends a failure."""
        for connection in list(self.connections):
            connection.drain_deadline()
