"""Workers without a proxy: they answer every request with their pid and policy version.

The bundle is a dict; its members make a worker misbehave: `refuse` (the error of a policy),
`crash` (the process ends while it starts), `slow` (start never ends).
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from gateway.errors import ConfigError, Problem
from gateway.plugin.verdict import Reject
from gateway.proxy.fiber import outside
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.server.control import TargetReport
from gateway.server.worker import serve
from gateway.settings import Settings
from gateway.telemetry.logs import ExchangeLog
from gateway.telemetry.metrics import Metrics


def main(control: socket.socket, listeners: list[socket.socket]) -> int:
    return serve(control, listeners, PlainEngine)


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


class PlainEngine:
    def __init__(self, settings: Settings, metrics: Metrics, log: ExchangeLog) -> None:
        self.handler = self
        self._metrics = metrics
        self._version = 0
        self._prepared = 0

    async def start(self, version: int, bundle: Any) -> str:
        if "crash" in bundle:
            os._exit(7)
        digest = await self.prepare(version, bundle)
        self.commit(version)
        return digest

    async def prepare(self, version: int, bundle: Any) -> str:
        if "refuse" in bundle:
            raise ConfigError([Problem("policy.yaml", 3, 5, bundle["refuse"])])
        if "die" in bundle:
            os._exit(9)
        self._prepared = version
        return f"digest-{bundle.get('name', '')}"

    def commit(self, version: int) -> None:
        assert version == self._prepared
        self._version = version

    async def abort(self, version: int) -> None:
        self._prepared = 0

    def upstreams(self) -> dict[str, tuple[TargetReport, ...]]:
        return {"one": (TargetReport("http://a", ejected=True, ejections=3),)}

    async def close(self) -> None:
        return

    async def serve(self, request: InboundRequest, client: ClientConnection) -> None:
        if request.target == b"/hang":
            listening = _Hanging(client)
            client.listen(listening)
            await outside(listening.ended.wait())
        route = self._metrics.route("plain", "none")
        route.done(200, "allow", 0.001, 0.001, 0, 0)
        client.write(answer(b"%d %d" % (os.getpid(), self._version)))

    def refuse_unparsed(self, reject: Reject, client: ClientConnection) -> bytes:
        return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Hanging:
    """An answer that ends only when the drain time is over."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client
        self.ended = asyncio.Event()

    def on_client_slow(self) -> None: ...

    def on_client_ready(self) -> None: ...

    def on_client_data(self, data: bytes) -> None: ...

    def on_client_end(self) -> None: ...

    def on_drain_deadline(self) -> None:
        self.ended.set()
