"""One exchange's life. Read this first.

    serve
      resolve      pin the snapshot, find route and policy; model and caller first, where the policy
                   depends on them                                                   (choice.py)
      admit        on_request_headers of every plugin; then 100 Continue, if the client waits for it
      inspect      on_request, only where a plugin of this policy wants the body
      forward      choose a target, send, wait for the head            (outbound.py, attempts.py)
      answer       on_response_headers, then relay the body            (answer.py, relay.py)
      complete     on_complete, log line, metrics: always, once

Whatever happens on the way ends as exactly one answer to the client or one cut connection, and as
one completed exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from gateway.plugin.exchange import Exchange, RequestView
from gateway.plugin.headers import Headers
from gateway.plugin.verdict import Reject
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.headers import response_head
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.proxy.life import Life
from gateway.proxy.parts import ProxyParts
from gateway.proxy.refusal import unparsed_response

UPSTREAM_TICK_S: Final = 0.1
"""How late an upstream's time limit may take effect."""


class Proxy:
    """Serves exchanges; one per worker."""

    def __init__(self, parts: ProxyParts, loop: asyncio.AbstractEventLoop) -> None:
        self.parts = parts
        self.loop = loop
        self.deadlines = Deadlines(loop, UPSTREAM_TICK_S)
        self._completing: set[asyncio.Task[None]] = set()

    def serve(self, request: InboundRequest, client: ClientConnection) -> Coroutine[Any, Any, None]:
        """One exchange from its head to its record."""
        return Life(self, request, client).run()

    def refuse_unparsed(self, reject: Reject, client: ClientConnection) -> bytes:
        """The whole answer to bytes that never became a request; records the refusal."""
        parts = self.parts
        x = Exchange(parts.request_ids.next(), RequestView("", "", Headers([])))
        x.client_ip = client.peer_ip
        response = unparsed_response(reject, x.id)
        body = response.body or b""
        parts.metrics.refusal(reject.reason)
        parts.log.record(
            x,
            status=response.status,
            outcome="refused",
            reason=reject.reason.value,
            duration_s=0.0,
            first_byte_s=None,
            bytes_in=0,
            bytes_out=len(body),
        )
        head = response_head(
            response.status,
            response.phrase,
            response.headers,
            chunked=False,
            content_length=len(body),
            added=b"connection: close\r\n",
        )
        return head + body

    def finish_later(self, hooks: Awaitable[None], life: Life) -> None:
        """Lets on_complete hooks that wait end in the background; the snapshot lives until then."""

        async def finish() -> None:
            try:
                await hooks
            finally:
                life.release()

        task = self.loop.create_task(finish(), name=f"complete {life.x.id}")
        self._completing.add(task)
        task.add_done_callback(self._completing.discard)
