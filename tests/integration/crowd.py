"""Many clients at once, each with a connection of its own, for the tests of limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tests.integration.plugin_client import CHAT, HELLO

ANSWER_TIMEOUT_S = 90.0


class Client:
    """One kept-alive connection; a lean HTTP client, so that two hundred fit beside the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, path: str = CHAT, body: bytes = HELLO, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of one answer."""
        self._send(path, body, headers)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            status, fields = await self._head()
            if fields.get("transfer-encoding") == "chunked":
                return status, fields, await self._chunks()
            length = int(fields.get("content-length", "0"))
            return status, fields, await self._reader.readexactly(length)

    async def begin(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status, when the head of the answer is here."""
        self._send(path, body, headers)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return (await self._head())[0]

    def _send(self, path: str, body: bytes, headers: Mapping[str, str] | None) -> None:
        fields = {
            "host": "gateway",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def _head(self) -> tuple[int, dict[str, str]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")
        pairs = (field.partition(":") for field in rest if field)
        return int(line.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(parts)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


Answer = tuple[int, dict[str, str], bytes]


async def crowd(
    ports: Sequence[int],
    *,
    clients: int,
    requests: int,
    body: bytes = HELLO,
    seen: Callable[[Answer], object] = lambda _: None,
) -> Counter[int]:
    """The answers by status; every client sends `requests`, and they take the `ports` in turn."""
    statuses: Counter[int] = Counter()

    async def run(number: int) -> None:
        client = await Client.connect(ports[number % len(ports)])
        try:
            for _ in range(requests):
                answer = await client.ask(body=body)
                statuses[answer[0]] += 1
                seen(answer)
        finally:
            await client.close()

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(run(number))
    return statuses
