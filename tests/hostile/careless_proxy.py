"""A deliberately careless proxy: proves that the checks can fail (test_harness.py).

Each line marked "careless" is a mistake that real proxies made. It runs in a thread, on asyncio
streams, with one shared upstream connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from urllib.parse import quote, unquote

from tests.hostile.front import Front

_Head = tuple[str, list[list[str]]]


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    raw = (await reader.readuntil(b"\n\r\n")).decode("utf-8", "ignore")  # careless: drops bytes
    first, *lines = raw.replace("\r", "").strip("\n").split("\n")  # careless: bare LF and CR
    return first, [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]


async def _read_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "Content-Length" in fields:  # careless: the length wins over chunked
        return await reader.readexactly(int(fields["Content-Length"]))  # careless: "+5", "1_0"
    if "chunked" not in fields.get("Transfer-Encoding", ""):  # careless: "xchunked"
        return b""
    body = b""
    while size := int((await reader.readuntil(b"\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readuntil(b"\n")
    while (await reader.readuntil(b"\n")).strip():
        pass  # careless: trailers are lost
    return body


class CarelessProxy:
    """Listens on a free port and forwards to `upstream_port`."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._started = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait()
        self.front = Front(("127.0.0.1", self._port), b"127.0.0.1:%d" % upstream_port)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            while True:
                first, pairs = await _read_head(reader)
                fields = {name.title(): value for name, value in pairs}  # careless: a dict
                body = await _read_body(reader, fields)
                await self._forward(first, fields, body, writer)
        writer.close()

    async def _forward(
        self, first: str, fields: dict[str, str], body: bytes, client: asyncio.StreamWriter
    ) -> None:
        method, target, _ = first.split(" ")
        fields["Host"] = f"127.0.0.1:{self._upstream_port}"
        fields.setdefault("X-Request-Id", "1")
        if body:
            fields["Content-Length"] = str(len(body))  # careless: Transfer-Encoding stays
        if self._upstream is None:
            self._upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            self._writers.append(self._upstream[1])
        reader, writer = self._upstream  # careless: never looks whether it is still clean
        target = quote(unquote(target), safe="/?=&")  # careless: decoded and encoded again
        writer.write(_head(f"{method} {target} HTTP/1.1", fields) + body)
        first, pairs = await _read_head(reader)
        answer = {name.title(): value for name, value in pairs}
        content = await _read_body(reader, answer)  # careless: waits for the whole body
        if "Content-Length" not in answer:
            answer["Content-Length"] = str(len(content))
            answer.pop("Transfer-Encoding", None)
        client.write(_head(first, answer) + content)

    def close(self) -> None:
        """Ends the thread and every connection."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


def _head(first: str, fields: dict[str, str]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
