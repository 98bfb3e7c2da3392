"""Five hundred streams at once on one worker: every event arrives, whole, once and in order."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway

STREAMS = 500
IN_STEP = 10
"""Events that every stream has received before the next is written."""
AT_ONCE = 20
"""Events written after that without waiting for anybody."""
BARE = "version: 1\nname: bare\nchain: []\n"
READ = "version: 1\nname: read\nchain: [{reader: {}}]\n"
READER = """
from gateway.plugin import Plugin

class Reader(Plugin):
    name = "reader"

    def on_text(self, x, text):
        if "no such text" in text.text:
            x.flag("found")
"""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def event(stream: int, number: int) -> bytes:
    return b'data: {"stream":%d,"number":%d,"text":"%b"}\n\n' % (stream, number, b"x" * 100)


class Provider:
    """Holds every stream open until the test has written what it wants."""

    def __init__(self) -> None:
        self.streams: dict[int, asyncio.StreamWriter] = {}
        self.written = 0
        self.all_here = asyncio.Event()
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, sock=listener)
        try:
            yield
        finally:
            self._over.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"x-stream: (\d+)\r\n", head)
        assert found is not None
        writer.write(HEAD)
        self.streams[int(found[1])] = writer
        if len(self.streams) == STREAMS:
            self.all_here.set()
        await self._over.wait()
        writer.close()

    def write(self, number: int) -> None:
        """Event `number` of every stream, each as a write of its own."""
        for stream, writer in self.streams.items():
            data = event(stream, number)
            self.written += len(data)
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        for writer in self.streams.values():
            writer.write(b"0\r\n\r\n")


class Clients:
    """All readers together; `received` holds each stream's body so far."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.received = [b""] * STREAMS
        self._total = 0
        self._changed = asyncio.Condition()

    async def read(self, stream: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nx-stream: %d\r\n"
            b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}" % stream
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        while size := int(await reader.readline(), 16):
            self.received[stream] += (await reader.readexactly(size + 2))[:-2]
            self._total += size
            async with self._changed:
                self._changed.notify_all()
        writer.close()

    async def have(self, total: int) -> None:
        """Returns when all streams together have received `total` bytes."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._total >= total)


@pytest.fixture(scope="module", autouse=True)
def _descriptors() -> None:
    """Two sockets per stream here, and two more in the worker, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8 * STREAMS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


@pytest.fixture(scope="module")
def reader_plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which a plugin that reads every event is installed."""
    folder: Path = tmp_path_factory.mktemp("installed")
    metadata = folder / "reader-1.0.dist-info"
    metadata.mkdir()
    (folder / "reader.py").write_text(READER)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: reader\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sealgate.plugins]\nreader = reader:Reader\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where the provider listens: open before the gateway starts, so that its port is known."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * STREAMS) as listener:
        yield listener


@pytest.fixture(params=[BARE, READ], ids=["passed-on", "read-by-a-plugin"])
def gateway(
    request: pytest.FixtureRequest, listener: socket.socket, reader_plugin: dict[str, str]
) -> Iterator[GatewayProcess]:
    upstreams = {"openai": f"http://127.0.0.1:{listener.getsockname()[1]}"}
    with running_gateway(
        policies=request.param, upstreams=upstreams, environment=reader_plugin
    ) as gateway:
        yield gateway


async def test_every_event_of_every_stream_arrives_in_order(
    gateway: GatewayProcess, listener: socket.socket
) -> None:
    """First in step, so that all streams are open and interleaved; then all at once."""
    provider, clients = Provider(), Clients(gateway.port)
    async with provider.serving(listener), asyncio.TaskGroup() as readers:
        for stream in range(STREAMS):
            readers.create_task(clients.read(stream))
        await provider.all_here.wait()
        for number in range(IN_STEP):
            provider.write(number)
            await clients.have(provider.written)
        for number in range(IN_STEP, IN_STEP + AT_ONCE):
            provider.write(number)
        provider.end()

    for stream in range(STREAMS):
        written = b"".join(event(stream, number) for number in range(IN_STEP + AT_ONCE))
        assert clients.received[stream] == written
