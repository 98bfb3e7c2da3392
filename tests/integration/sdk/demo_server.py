"""The simulated provider on a port of its own, in a thread, with every request on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.demo import make_app
from tests.integration.sdk.threaded_server import ThreadedServer


@dataclass(frozen=True)
class Seen:
    """One request as the provider received it."""

    method: str
    target: str
    headers: Mapping[str, str]


class DemoServer(ThreadedServer):
    """`seen` lists the requests in order."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        app = make_app()
        app.middlewares.append(self._record)
        super().__init__(app)

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append(Seen(request.method, request.raw_path, request.headers.copy()))
        return await handler(request)
