"""A WebSocket whose messages plugins see: each event of the client whole, the server's as a stream.

| direction         | what is shown                                        | hook         |
|-------------------|------------------------------------------------------|--------------|
| client to server  | each message as a request of its own, in their order | `on_request` |
| server to client  | the texts of the messages, channel by channel        | `on_text`    |

A message that nobody edits goes on in the frames in which it came. A refusal ends the socket: the
client gets the dialect's error event and a close frame (1008), the server a cut connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from gateway.chain.runner import run
from gateway.chain.verdicts import VerdictFold
from gateway.plugin.coverage import Coverage
from gateway.plugin.exchange import Exchange, ResponseView
from gateway.plugin.headers import Headers, RawHeader
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.snapshot import Binding
from gateway.providers.dialect import Form
from gateway.providers.eventstream import NotAFrameError
from gateway.providers.forms import form_of, request_reader
from gateway.providers.gemini_live import LIVE
from gateway.providers.openai_responses import RESPONSES
from gateway.providers.realtime import REALTIME
from gateway.providers.sse import EventTooLargeError
from gateway.providers.streaming import BINARY
from gateway.providers.websocket import (
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    TOO_BIG,
    Message,
    MessageSplitter,
    close_frame,
)
from gateway.proxy.answer import settle
from gateway.proxy.body import too_large
from gateway.proxy.fiber import Signal, outside
from gateway.proxy.inbound import ClientConnection
from gateway.proxy.inspection import socket_coverage
from gateway.proxy.refusal import dialect_of, socket_refusal
from gateway.proxy.relay import Relay
from gateway.proxy.silence import Silence
from gateway.proxy.stream_text import StreamText
from gateway.proxy.tunnel import Tunnel
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.proxy.witness import answer_field
from gateway.reasons import Reason

WAITING_MAX: Final = 64
"""Messages of a client that may wait for plugins before its socket is not read any more."""

TURN_MESSAGES: Final = 8
"""Messages of one socket that are shown before other connections get their turn."""
_FORMS: Final = (REALTIME, RESPONSES, LIVE)
_SWITCHED: Final = 101
_OFFER: Final = "sec-websocket-extensions"


def socket_form(x: Exchange, binding: Binding) -> Form | None:
    """How the messages of a socket are read; None where this policy cannot be kept on one.

    A plugin that needs the body of a request for something else than its texts (a model, a
    price) cannot be asked, because a socket's handshake has none.
    """
    if not binding.inspects_sockets:
        return None
    form = form_of(dialect_of(x), x.path)
    return form if form in _FORMS else None


def prepare_handshake(x: Exchange) -> None:
    """Takes the offer of compression away, so that frames can be read (RFC 6455 section 9.1)."""
    x.request.headers.remove(_OFFER)


def open_tunnel(
    x: Exchange,
    binding: Binding,
    relay: Relay,
    client: ClientConnection,
    form: Form | None,
    *,
    message_bytes_max: int,
) -> Tunnel:
    """Tells the client that the server has switched; what follows is shown if there is a `form`.

    Raises UpstreamError where the server's answer cannot be used.
    """
    connection, head = relay.connection, relay.head
    if connection is None or head is None or relay.upgraded is None:
        raise UpstreamError(Reason.UPSTREAM_BAD_RESPONSE)
    coverage = b""
    if form is None:
        tunnel = Tunnel(client, connection)
    else:
        if Headers(head.headers).first(_OFFER.encode()) is not None:
            message = "it compresses a WebSocket, which it was not offered"
            raise UpstreamError(Reason.UPSTREAM_BAD_RESPONSE, message)
        tunnel = Socket(client, connection, x, binding, form, message_bytes_max=message_bytes_max)
        coverage = socket_coverage(x)
    fields = b"".join(b"%b: %b\r\n" % field for field in head.headers)
    tunnel.start(
        b"HTTP/1.1 101 %b\r\n%bx-sealgate-request-id: %b\r\n%b%b\r\n"
        % (head.phrase, fields, x.id.encode("latin-1"), answer_field(x, binding.chain), coverage),
        relay.upgraded,
    )
    return tunnel


class Socket(Tunnel):
    """The tunnel of a route whose policy reads texts."""

    def __init__(
        self,
        client: ClientConnection,
        connection: UpstreamConnection,
        x: Exchange,
        binding: Binding,
        form: Form,
        *,
        message_bytes_max: int,
    ) -> None:
        super().__init__(client, connection)
        self._x = x
        self._hooks = binding.chain.request
        self._bytes_max = message_bytes_max
        self._asking = MessageSplitter(masked=True, message_bytes_max=message_bytes_max)
        self._readers = (request_reader(form, None), request_reader(form, b"application/bytes"))
        x.response = ResponseView(_SWITCHED, b"", Headers([]), streamed=True)
        if binding.chain.reads_request or binding.chain.reads_answer:
            x.coverage = x.coverage or Coverage()
        self._answers: StreamText | None = None
        if binding.chain.text:
            self._answers = StreamText(x, binding.chain, MessageSplitter(masked=False), form)
        self._silence = Silence(asyncio.get_running_loop(), self._nudge)
        self._verdicts = VerdictFold(x)
        self._waiting: deque[Message] = deque()
        self._wake = Signal()
        self._over = False
        self._client_ended = False

    async def wait_done(self) -> None:
        """Shows the client's messages in their order until the socket is over."""
        while not self._over:
            await self._wake
            turn = 0
            while self._waiting and not self._over:
                await self._forward(self._waiting.popleft())
                turn += 1
                if turn % TURN_MESSAGES == 0:
                    await outside(asyncio.sleep(0))  # others get their turn
                if len(self._waiting) < WAITING_MAX and not self._connection.write_paused:
                    self._client.resume_reading()
            if self._client_ended and not self._over:
                self._client_ended = False
                super().on_client_end()

    # -- the client's side

    def on_client_data(self, data: bytes) -> None:
        if self._over:
            return
        self.bytes_in += len(data)
        self._connection.touch()
        if not self._hooks:
            self._send_up(data)
            return
        try:
            self._waiting.extend(self._asking.feed(data))
        except NotAFrameError as error:
            self._refuse(Reject(Reason.MALFORMED_REQUEST, str(error)), PROTOCOL_ERROR)
            return
        except EventTooLargeError:
            message = too_large(self._bytes_max)
            self._refuse(Reject(Reason.BODY_TOO_LARGE, message), TOO_BIG)
            return
        if len(self._waiting) >= WAITING_MAX:
            self._client.pause_reading()
        if self._waiting:
            self._wake.set()

    def on_client_end(self) -> None:
        self._client_ended = True
        self._wake.set()

    # -- the upstream's side

    def on_data(self, data: bytes) -> None:
        answers = self._answers
        if self._over:
            return
        if answers is None:
            super().on_data(data)
            return
        shown = answers.feed(data)
        if not answers.changes:
            super().on_data(data)  # all that look are in shadow mode
            return
        if shown:
            super().on_data(shown)
        if answers.reject is not None:
            self._refuse(answers.reject, POLICY_VIOLATION)
        elif answers.waits:
            self._silence.begin()

    def on_end(self, trailers: list[RawHeader]) -> None:
        self._nudge()
        super().on_end(trailers)

    def on_writable(self) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._client.resume_reading()

    # -- inner

    def _nudge(self) -> None:
        """Nothing came for a while: what is safe of the messages that wait goes out."""
        answers = self._answers
        if answers is not None and answers.changes and not self._over:
            shown = answers.nudge()
            if shown:
                super().on_data(shown)

    async def _forward(self, message: Message) -> None:
        """Shows one message of the client, and sends what it is then."""
        if not message.data:
            self._send_up(message.raw)
            return
        request = self._x.request
        request.begin(request.headers)
        request.body = message.data
        request.reader = self._readers[message.name is BINARY]
        document = request.document()
        if document is not None and document.gaps and self._x.coverage is not None:
            self._x.coverage.request.note(document.gaps)
            self._x.coverage.tools.note(document.tool_gaps)
        answer = await settle(run(self._hooks, self._x))
        self._verdicts.fold()
        if self._over:
            return
        if answer is not None:
            if isinstance(answer, Reply):
                answer = Reject(Reason.PLUGIN_DENIED, "a socket has no place for a plugin's answer")
            self._refuse(answer, POLICY_VIOLATION)
            return
        edited = request.body_edited and request.body is not None
        self._send_up(message.with_data(request.body or b"") if edited else message.raw)
        request.begin(request.headers)

    def _send_up(self, data: bytes) -> None:
        self._connection.write(data)
        if self._connection.write_paused:
            self._client.pause_reading()

    def _refuse(self, reject: Reject, code: int) -> None:
        """Ends the socket with the dialect's error event."""
        if self._over:
            return
        event = socket_refusal(self._x, reject)
        reason = reject.code or reject.reason.value
        self._client.write(event + close_frame(code, reason, masked=False))
        self._connection.abort()
        self._client.close_after()
        self.reject = reject
        self._finish()

    def _finish(self) -> None:
        self._over = True
        self._silence.end()
        self._wake.set()
