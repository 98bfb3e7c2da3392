"""Real servers on the loopback address that a test drives peer by peer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.proxy.dial import dial
from gateway.proxy.target import Target, compile_targets
from gateway.proxy.upstream import UpstreamConnection
from gateway.proxy.upstream_tls import ClientContexts
from gateway.settings import UpstreamSettings


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def is_gone(self) -> bool:
        """Waits until the other side closed or reset the connection."""
        try:
            return await self.reader.read(-1) is not None
        except ConnectionError:
            return True

    def close(self) -> None:
        self.writer.transport.abort()


class Listening:
    """A server that only accepts; what happens then is the test's business."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self.peers: list[Peer] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self.accepted.put_nowait(peer)

    async def next_peer(self) -> Peer:
        return await self.accepted.get()


@asynccontextmanager
async def listening(
    *, tls: ssl.SSLContext | None = None, unix_path: Path | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Listening]:
    """A server on a free port of `host`, or on `unix_path`."""
    listener = Listening()
    if unix_path is not None:
        server = await asyncio.start_unix_server(listener.accept, unix_path)
    else:
        server = await asyncio.start_server(listener.accept, host, 0, ssl=tls)
        listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for peer in listener.peers:
            peer.close()
        await server.wait_closed()


@asynccontextmanager
async def connect_proxy(
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """An outbound HTTP proxy: its port, and the request heads that it was sent.

    It gives every CONNECT the same `answer`, and opens the tunnel if that is a good one.
    """
    heads: asyncio.Queue[bytes] = asyncio.Queue()
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.put_nowait(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        writer.write(answer)
        if answer.endswith(b"established\r\n\r\n"):
            far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        writer.close()
        with suppress(ConnectionResetError):  # how the gateway abandons a connection
            await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        await asyncio.gather(*serving)
        await server.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
        writer.close()


def target_of(url: str, **settings: object) -> Target:
    """The one target of an upstream with these settings."""
    written = UpstreamSettings.model_validate({"url": url, **settings})
    return compile_targets("test", written, ClientContexts())[0]


async def open_connection(target: Target, timeout_s: float = 30.0) -> UpstreamConnection:
    return await dial(target, new_connection, timeout_s)


def new_connection() -> UpstreamConnection:
    return UpstreamConnection(lambda _: None, lambda _: None)
