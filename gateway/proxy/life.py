"""The steps of one exchange, in the order of handler.py, and what is known of it so far."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from time import monotonic
from typing import Final, Protocol

from gateway.chain.compiled import Chain
from gateway.chain.runner import run, run_complete
from gateway.plugin.exchange import Exchange, RequestView
from gateway.plugin.facts import CLIENT_ADDRESS
from gateway.plugin.headers import RawHeader
from gateway.plugin.identity import PRINCIPAL
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.routes import NeedsModel
from gateway.policy.snapshot import Binding, Identify
from gateway.providers.body_model import model_in_body
from gateway.providers.dialect import Form
from gateway.proxy.answer import local_answer, settle, start_answer
from gateway.proxy.attempts import Attempts
from gateway.proxy.body import BodyError, too_large
from gateway.proxy.choice import choose, locate
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.endings import left_with_all, outcome_of
from gateway.proxy.ext_authz import decide
from gateway.proxy.fiber import outside
from gateway.proxy.holding import let_go
from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.proxy.inspection import ready_request
from gateway.proxy.meter import Meter
from gateway.proxy.outbound import OutboundRequest
from gateway.proxy.parts import ProxyParts
from gateway.proxy.refusal import refusal_response, reply_response, status_of
from gateway.proxy.relay import Relay
from gateway.proxy.socket import open_tunnel, prepare_handshake, socket_form
from gateway.proxy.tunnel import Tunnel
from gateway.proxy.upstream import UpstreamError
from gateway.proxy.witness import begin, close, note_end
from gateway.reasons import Reason
from gateway.telemetry.identifiers import loggable_id
from gateway.telemetry.traces import trace_id

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_SWITCHED: Final = 101
_ADDRESS: Final = CLIENT_ADDRESS
_clock: Final = monotonic
_log = logging.getLogger("sealgate.proxy")


class Service(Protocol):
    """What an exchange asks of the `Proxy` that serves it."""

    parts: ProxyParts
    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines

    def finish_later(self, hooks: Awaitable[None], life: Life) -> None: ...


class Life:
    """One exchange; `run` it once."""

    __slots__ = (
        "_attempts", "_binding", "_client", "_form", "_parts", "_payload", "_proxy",
        "_received_payload", "_reject", "_relay", "_request", "_snapshot", "_started_at", "_status",
        "_tunnel", "received", "x",
    )  # fmt: skip

    def __init__(self, proxy: Service, request: InboundRequest, client: ClientConnection) -> None:
        self._proxy = proxy
        self._parts = parts = proxy.parts
        self._request = request
        self._client = client
        self._started_at = _clock()
        self._snapshot = parts.store.current
        self._snapshot.acquire()
        self._binding: Binding | None = None
        self.received: list[RawHeader] | None = None
        self._payload: bytes | None = None
        self._received_payload: bytes | None = None
        self._relay: Relay | None = None
        self._tunnel: Tunnel | None = None
        self._form: Form | None = None
        self._attempts: Attempts | None = None
        self._reject: Reject | None = None
        self._status = 0
        parts.metrics.exchanges_active += 1
        self.x = self._exchange()

    def _exchange(self) -> Exchange:
        request, parts = self._request, self._parts
        headers = request.headers
        known_id = headers.first(b"x-request-id")
        request_id = loggable_id(known_id) or parts.request_ids.next()
        view = RequestView(
            request.method.decode("ascii"),
            request.target.decode("latin-1"),
            headers,
            host=request.host.decode("latin-1"),
            scheme="https" if self._client.tls else "http",
            http_version="1.0" if request.http_10 else "1.1",
        )
        x = Exchange(request_id, view, started_at=self._started_at)
        x.peer = self._client
        address, x.client_ip = parts.addresses.resolve(self._client.peer_ip, headers)
        if address is not None:
            x.facts[_ADDRESS] = address
        x.policy_version = self._snapshot.version
        return x

    # -- the steps ------------------------------------------------------------------------------

    async def run(self) -> None:
        """All of it; whatever goes wrong ends here as one answer or one cut connection."""
        try:
            try:
                answer = await self._until_answer()
            except BodyError as broken:
                answer = broken.reject
            except UpstreamError as failed:
                answer = Reject(failed.reason, failed.message)
            if answer is not None:
                self._stop_upstream()
                await self._answer_here(answer)
        except asyncio.CancelledError:
            relay = self._relay
            if relay is None or not left_with_all(self._client, relay.kind, relay.tail):
                self._reject = Reject(Reason.CLIENT_DISCONNECTED)
            self._stop_upstream()
        except Exception as error:  # noqa: BLE001  # one exchange's fault must not end the others
            _log.error("exchange %s failed", self.x.id, exc_info=error)
            self._refuse_or_cut(Reject(Reason.INTERNAL_ERROR))
        finally:
            self._complete()

    async def _until_answer(self) -> Reject | Reply | None:
        """Goes as far as it can; what comes back is answered by the gateway itself."""
        found = self._snapshot.resolve(self.x.request, None)
        binding = found if isinstance(found, Binding) else await self._choose(found)
        if not isinstance(binding, Binding):
            return binding
        self.bind(binding)
        request, body = self._request, self._request.body
        if not binding.route.upstream:
            asks_model = self._payload is not None
            return await decide(self.x, binding, asks_model=asks_model, received=self.received)
        chain = binding.chain
        if chain.request_headers:
            step = run(chain.request_headers, self.x)
            if step is not None and (answer := await settle(step)) is not None:
                return answer
        if self.x.body_bytes_max is not None:
            body.bytes_max = min(body.bytes_max, self.x.body_bytes_max)
        if request.upgrade and binding.reads_bodies:
            self._form = socket_form(self.x, binding)
            if self._form is None:
                return Reject(Reason.UPGRADE_UNSUPPORTED)
            prepare_handshake(self.x)
        if request.content_length is not None and request.content_length > body.bytes_max:
            return Reject(Reason.BODY_TOO_LARGE, too_large(body.bytes_max))
        body.check()
        if request.expect_continue and not body.complete and not body.size:
            self._continue()
        if self._form is None and binding.needs_request_body and chain.wants_body(self.x):
            if self._payload is None:
                self._payload = self._received_payload = await self._whole_body()
            await ready_request(self.x, binding, self._payload)
            answer = await settle(run(chain.request, self.x))
            if answer is not None:
                return answer
            self._payload = self.x.request.body
        elif self._payload is None and body.complete:
            self._payload = self._received_payload = body.take_ready()
        return await self._forward(binding)

    async def _choose(self, found: Reject | NeedsModel | Identify) -> Binding | Reject | Reply:
        """The policy, where it takes more than the head to tell, or what is answered instead."""
        if isinstance(found, Reject):
            chosen: Binding | Reject | Reply = self._unrouted(found)
        else:
            chosen = await choose(self, self._snapshot, found)
        if self._binding is None and not isinstance(chosen, Binding):
            route = self._snapshot.route_of(self.x.request)
            if route is not None:
                locate(self.x, route)
        return chosen

    def _unrouted(self, found: Reject) -> Reject | Reply:
        """What is answered where no policy was found, which may be a page of our own."""
        unrouted = self._parts.unrouted
        if unrouted is None or found.reason is not Reason.NO_ROUTE:
            return found
        return unrouted(self.x.request) or found

    async def read_model(self) -> str | Reject:
        """Reads the model from the body, because the choice depends on it; "" if it names none."""
        x, request = self.x, self._request
        if request.upgrade:
            # The model would stand in a message of the socket.
            return Reject(Reason.UPGRADE_UNSUPPORTED)
        if x.body_bytes_max is not None:
            request.body.bytes_max = min(request.body.bytes_max, x.body_bytes_max)
        if request.expect_continue and not request.body.complete:
            self._continue()
        x.request.body = self._payload = self._received_payload = await self._whole_body()
        named = model_in_body(x.request)
        if not isinstance(named, (str, Reject)):
            named = await outside(named)
        if isinstance(named, str):
            x.model = named or None
        return named

    def bind(self, binding: Binding) -> None:
        """Notes the way and the policy; the way once, and the policy once it is chosen."""
        self._binding = binding
        self.x.policy = binding.policy_name
        if binding.chain.witness is not None:
            ref = self._parts.request_ids.next()
            begin(self.x, binding.chain, self._snapshot.digest, ref)
        if not self.x.route:
            locate(self.x, binding.route)

    def _continue(self) -> None:
        """Asks the client for the body it holds back (RFC 9110 section 10.1.1)."""
        self._request.expect_continue = False
        self._client.write(CONTINUE)

    async def _whole_body(self) -> bytes:
        body, bytes_max = self._request.body, self._parts.limits.buffer_bytes_max
        if body.complete and body.size <= bytes_max:
            body.check()
            return body.take_ready()
        return await outside(body.whole(bytes_max))

    async def _forward(self, binding: Binding) -> Reject | Reply | None:
        proxy, parts, client = self._proxy, self._parts, self._client
        upstream = parts.upstreams[binding.route.upstream]
        self._relay = relay = Relay(self.x, client, proxy.loop)
        if binding.needs_usage and self._request.method == b"POST":
            relay.meter = Meter(self.x, self._payload)
        self._attempts = attempts = Attempts(
            upstream,
            OutboundRequest(self.x, binding, self._request, self._payload, upstream.credential),
            relay,
            timeouts=binding.route.timeouts or upstream.timeouts,
            deadlines=proxy.deadlines,
            metrics=parts.metrics,
        )
        client.listen(relay)
        upstream.retry_budget.begin_request()
        try:
            head = await attempts.answer_head()
            if head.status == _SWITCHED:
                self._tunnel = tunnel = open_tunnel(
                    self.x, binding, relay, client, self._form,
                    message_bytes_max=parts.limits.buffer_bytes_max,
                )  # fmt: skip
                self._status = _SWITCHED
                await tunnel.wait_done()
                self._reject = tunnel.reject
                return None
            answer = await start_answer(
                self.x, binding, relay, client, head,
                buffer_bytes_max=parts.limits.buffer_bytes_max,
            )  # fmt: skip
            if answer is None:
                self._status = head.status
                await self._relayed(relay)
            return answer
        finally:
            upstream.retry_budget.end_request()

    async def _relayed(self, relay: Relay) -> None:
        """Waits until the answer is through."""
        if not relay.finished:
            streamed = int(self.x.response is not None and self.x.response.streamed)
            metrics = self._parts.metrics
            metrics.streams_active += streamed
            try:
                await relay.wait_done()
            finally:
                metrics.streams_active -= streamed
        self._reject = relay.reject

    # -- answers of our own -----------------------------------------------------------------------

    async def _answer_here(self, answer: Reject | Reply) -> None:
        if self._head_is_out():
            self._client.abort()  # two answers cannot be
            return
        x, binding = self.x, self._binding
        if isinstance(answer, Reject):
            self._reject = answer
            x.response = refusal_response(x, answer)
        else:
            x.response = reply_response(answer)
        if binding is not None and binding.chain.response_headers:
            await settle(run(binding.chain.response_headers, x))
        self._write_local()

    def _write_local(self) -> None:
        response = self.x.response
        if response is not None:
            self._status = response.status
            chain = self._chain()
            self._client.write(local_answer(response, self.x, self._client, chain))

    def _refuse_or_cut(self, reject: Reject) -> None:
        """After a fault of ours: a refusal while nothing is sent, else a cut connection."""
        self._stop_upstream()
        self._reject = reject
        if self._head_is_out():
            self._client.abort()
        else:
            self.x.response = refusal_response(self.x, reject)
            self._write_local()

    def _head_is_out(self) -> bool:
        return bool(self._status) or (self._relay is not None and self._relay.started)

    def _stop_upstream(self) -> None:
        if self._relay is not None:
            self._relay.cancel()

    # -- the record -------------------------------------------------------------------------------

    def _complete(self) -> None:
        """Ends the exchange: hooks, metrics, log line."""
        if self._attempts is not None:
            self._attempts.close()
        x, parts, relay = self.x, self._parts, self._relay
        if relay is not None and relay.meter is not None:
            relay.meter.close(sent=relay.sent, request_bytes=self._request.body.size)
        chain = self._chain()
        x.bytes_in, x.bytes_out = bytes_in, bytes_out = self._bytes()
        reject = self._reject
        status = self._status or (status_of(reject) if reject is not None else 0)
        outcome = outcome_of(reject)
        if x.evidence is not None:
            body, received = self._request.body, self._received_payload
            close(x, x.evidence, body, relay, received=received, forwarded=self._payload)
            note_end(x, x.evidence, reject, status=status, outcome=outcome)
        waiting = run_complete(chain.complete, x) if chain is not None and chain.complete else None
        if x.evidence is not None:
            let_go(x.evidence)
        duration_s = _clock() - self._started_at
        first_byte_s = None
        if relay is not None and relay.first_byte_at:
            first_byte_s = relay.first_byte_at - self._started_at
        metrics = parts.metrics
        metrics.exchanges_active -= 1
        metrics.route(x.route, x.upstream).done(
            status, outcome, duration_s, first_byte_s, bytes_in, bytes_out
        )
        if reject is not None:
            metrics.refusal(reject.reason)
        principal = x.facts.get(PRINCIPAL)
        if principal is not None:
            metrics.tenant(principal.tenant, outcome)
        metrics.coverage(x.coverage)
        metrics.verdicts(x.verdicts)
        if parts.log.enabled:
            parts.log.record(
                x,
                status=status,
                outcome=outcome,
                reason=(reject.code or reject.reason.value) if reject is not None else "",
                duration_s=duration_s,
                first_byte_s=first_byte_s,
                bytes_in=bytes_in,
                bytes_out=bytes_out,
                target=self._attempts.target if self._attempts is not None else "",
                trace_id=trace_id(x.request.headers.first(b"traceparent")),
            )
        if waiting is not None:
            self._proxy.finish_later(waiting, self)
        else:
            self.release()

    def _chain(self) -> Chain | None:
        return self._binding.chain if self._binding is not None else None

    def release(self) -> None:
        """Lets go of the snapshot."""
        self._snapshot.release()

    def _bytes(self) -> tuple[int, int]:
        bytes_in = self._request.body.size
        if self._tunnel is not None:
            return self._tunnel.bytes_in, self._tunnel.bytes_out
        if self._relay is not None and self._relay.bytes_out:
            return bytes_in, self._relay.bytes_out
        response = self.x.response
        if response is not None and response.local and response.body is not None:
            return bytes_in, len(response.body)
        return bytes_in, 0
