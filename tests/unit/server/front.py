"""A listener with a handler that answers by itself, for the tests of listener and drain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from gateway.plugin.verdict import Reject
from gateway.proxy.fiber import outside
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.server.listener import Listener
from gateway.server.service import ConnectionService
from gateway.server.sockets import bind_listeners, port_of
from gateway.settings import LimitSettings
from gateway.telemetry.metrics import Metrics

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Echo:
    """Answers with the client's address; `/wait` waits for the test."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.running = asyncio.Event()

    async def serve(self, request: InboundRequest, client: ClientConnection) -> None:
        if request.target == b"/wait":
            self.running.set()
            await outside(self.go.wait())
        body = client.peer_ip.encode()
        close = b"" if client.keep_open() else b"connection: close\r\n"
        client.write(b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n" % (close, len(body)) + body)

    def refuse_unparsed(self, reject: Reject, client: ClientConnection) -> bytes:
        return b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Front:
    def __init__(self, limits: LimitSettings, **options: Any) -> None:
        self.echo = Echo()
        self.metrics = Metrics()
        loop = asyncio.get_running_loop()
        self.service = ConnectionService(self.echo, limits, loop)
        sockets = bind_listeners("127.0.0.1", 0, 1, "listener")[0]
        self.port = port_of(sockets)
        options.setdefault("descriptors_max", 100_000)
        self.listener = Listener(sockets, self.service, self.metrics, **options)
        self.listener.start()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes = ASK) -> bytes:
        """The whole answer on a connection of its own, empty where there is none."""
        reader, writer = await self.connect()
        writer.write(data)
        with contextlib.suppress(ConnectionResetError):
            if head := await read_head(reader):
                writer.close()
                return head
        writer.close()
        return b""


async def read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    return head + await reader.read(20)


FrontMaker = Callable[..., Front]
