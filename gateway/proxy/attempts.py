"""The way to the upstream: which target, how often, and what is never sent twice.

| what happened                                     | another target is tried                   |
|---------------------------------------------------|-------------------------------------------|
| no connection (refused, TLS, time-out, queue)     | yes: nothing was sent                     |
| the connection closed, no request byte written    | yes                                       |
| it closed after bytes were written, no answer yet | only a method that may be repeated        |
|                                                   | (RFC 9110 section 9.2.2), body still here |
| an answer whose status `failover.on_status` lists | yes, if the whole body is still here      |
| anything after a byte went to the client          | never                                     |

Each further try also needs attempts left (`failover.attempts_max`), a target that was not tried and
room in the retry budget.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from gateway.plugin.evidence import Attempt
from gateway.proxy.balancer import TargetState, Upstream
from gateway.proxy.body import BodyError
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.fiber import outside
from gateway.proxy.headers import chunk, last_chunk
from gateway.proxy.outbound import OutboundRequest
from gateway.proxy.pool import Pool
from gateway.proxy.relay import Relay
from gateway.proxy.target import Target
from gateway.proxy.upstream import ResponseHead, UpstreamConnection, UpstreamError
from gateway.reasons import Reason
from gateway.settings import TimeoutSettings
from gateway.telemetry.metrics import Metrics

REPEATABLE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
FAILURE_STATUSES: Final = frozenset({500, 502, 503, 504, 529})
"""Answers that count against a target's health, whether or not another one is tried."""


class Attempts:
    """Tries targets of one upstream for one exchange until one answers."""

    __slots__ = (
        "_deadlines",
        "_metrics",
        "_pump",
        "_relay",
        "_request",
        "_retrying",
        "_timeouts",
        "_tried",
        "_upstream",
        "target",
    )

    def __init__(
        self,
        upstream: Upstream,
        request: OutboundRequest,
        relay: Relay,
        *,
        timeouts: TimeoutSettings,
        deadlines: Deadlines,
        metrics: Metrics,
    ) -> None:
        self._upstream = upstream
        self._request = request
        self._relay = relay
        self._timeouts = timeouts
        self._deadlines = deadlines
        self._metrics = metrics
        self._tried: list[Target] = []
        self._retrying = False
        self._pump: asyncio.Task[None] | None = None
        self.target = ""

    async def answer_head(self) -> ResponseHead:
        """The head of the first answer that counts.

        Raises UpstreamError when no target answered, BodyError when the client's body broke off.
        """
        while True:
            state = self._upstream.pick(self._tried)
            self.target = state.target.label
            try:
                connection = state.pool.try_acquire()
                if connection is None:
                    connection = await self._connection(state.pool)
                self._send(connection, state.target)
                head = await self._relay.wait_head()
            except UpstreamError as error:
                if error.reason is not Reason.UPSTREAM_QUEUE_TIMEOUT:  # our own limit
                    state.failed()
                self._metrics.upstream_error(self._upstream.name, error.reason)
                self._note(0, error.reason.value)
                if not self._may_repeat(error) or not self._next(state):
                    raise
            else:
                self._note(head.status, "")
                listed = head.status in self._upstream.failover.on_status
                if listed or head.status in FAILURE_STATUSES:
                    state.failed()
                else:
                    state.succeeded()
                if not listed or not self._body_is_here() or not self._next(state):
                    return head

    def close(self) -> None:
        """Ends what still runs for this exchange; called once, whatever happened."""
        if self._pump is not None:
            self._pump.cancel()
        if self._retrying:
            self._retrying = False
            self._upstream.retry_budget.end_retry()

    # -- inner

    def _note(self, status: int, reason: str) -> None:
        evidence = self._relay.x.evidence
        if evidence is not None:
            evidence.attempts.append(Attempt(self.target, status, reason))

    def _may_repeat(self, error: UpstreamError) -> bool:
        if not error.sent:
            return True
        return self._request.method in REPEATABLE and self._body_is_here()

    def _body_is_here(self) -> bool:
        payload = self._request.payload
        limit = self._upstream.failover.body_bytes_max
        return payload is not None and len(payload) <= limit

    def _next(self, state: TargetState) -> bool:
        """Makes ready for another target; False when this attempt was the last."""
        self._tried.append(state.target)
        upstream = self._upstream
        tries_max = min(upstream.failover.attempts_max, len(upstream.targets))
        if len(self._tried) >= tries_max:
            return False
        if not self._retrying:
            if not upstream.retry_budget.begin_retry():
                return False
            self._retrying = True
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        self._relay.reset()
        self._metrics.retry(upstream.name)
        return True

    async def _connection(self, pool: Pool) -> UpstreamConnection:
        """A connection that takes time to get."""
        connect_timeout_s = self._timeouts.connect_ms / 1000
        connection = await outside(pool.acquire(connect_timeout_s), unwanted=pool.release)
        if connection.is_stale():  # it closed in the turn of the loop that brought it here
            connection.abort()
            raise UpstreamError(Reason.UPSTREAM_RESET, "it closed the connection")
        return connection

    def _send(self, connection: UpstreamConnection, target: Target) -> None:
        relay, request, timeouts = self._relay, self._request, self._timeouts
        relay.connection = connection
        connection.begin(
            relay,
            request.method,
            self._deadlines,
            first_byte_s=timeouts.first_byte_ms / 1000,
            idle_s=timeouts.idle_ms / 1000,
            total_s=timeouts.total_ms / 1000,
            upgrade=request.upgrade,
        )
        evidence = relay.x.evidence
        if evidence is not None:
            evidence.forwarded_at = monotonic()
        head = request.head(target)
        payload = request.payload
        if payload is None:
            connection.write(head)
            self._pump = asyncio.get_running_loop().create_task(self._pass_body(connection))
            return
        if request.chunked:
            end = last_chunk(request.body.trailers)
            payload = chunk(payload) + end if payload else end
        connection.write(head + payload)
        connection.finish_request()

    async def _pass_body(self, connection: UpstreamConnection) -> None:
        """Passes the rest of the request on, as fast as the upstream takes it."""
        body, chunked, relay = self._request.body, self._request.chunked, self._relay
        evidence = relay.x.evidence
        try:
            while data := await body.next():
                if evidence is not None:
                    evidence.request.add(data)
                connection.write(chunk(data) if chunked else data)
                if connection.write_paused:
                    await relay.wait_writable()
        except BodyError as error:
            relay.fail_request(error)
            return
        if chunked:
            connection.write(last_chunk(body.trailers))
        connection.finish_request()
