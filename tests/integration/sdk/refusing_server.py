"""A server that refuses everything as the gateway would, and counts how often it was asked."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gateway.plugin.headers import Headers
from gateway.providers.errors import refusal_body, stream_error_event
from gateway.providers.recognise import recognise_dialect
from gateway.settings import Dialect
from tests.integration.sdk.threaded_server import ThreadedServer

CODE = "model_denied"
MESSAGE = "The policy does not allow this model"
REQUEST_ID = "req_42"


@dataclass
class Refusal:
    """What the next answers are; `before` is sent first in an unfinished stream."""

    status: int = 400
    retry: bool = False
    retry_after_s: float | None = None
    dialect: Dialect | None = None
    before: bytes | None = None


class RefusingServer(ThreadedServer):
    """Set `refusal`, then read `asked`."""

    def __init__(self) -> None:
        self.refusal = Refusal()
        self.asked = 0
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._refuse)
        super().__init__(app)

    async def _refuse(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await request.read()
        refusal = self.refusal
        dialect = refusal.dialect or _dialect(request)
        if refusal.before is not None:
            return await self._break_off(request, dialect, refusal.before)
        raw, body = refusal_body(
            dialect,
            status=refusal.status,
            code=CODE,
            message=MESSAGE,
            request_id=REQUEST_ID,
            retry=refusal.retry,
            retry_after_s=refusal.retry_after_s,
        )
        headers = {name.decode(): value.decode() for name, value in raw}
        return web.Response(status=refusal.status, body=body, headers=headers)

    async def _break_off(
        self, request: web.Request, dialect: Dialect, before: bytes
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(before)
        event = stream_error_event(
            dialect,
            status=502,
            code="upstream_truncated",
            message="The provider broke its answer off",
            request_id=REQUEST_ID,
            responses_api=request.path.endswith("/responses"),
        )
        await response.write(event)
        assert request.transport is not None
        request.transport.close()
        return response


def _dialect(request: web.Request) -> Dialect:
    path, _, query = request.raw_path.partition("?")
    return recognise_dialect(path, query, Headers(list(request.raw_headers)))
