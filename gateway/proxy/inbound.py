"""One request as the listener hands it on, and what may be asked of the connection behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.plugin.headers import Headers
from gateway.plugin.peer import ClientCertificate

if TYPE_CHECKING:
    from gateway.proxy.body import RequestBody


class WriteListener(Protocol):
    """Told when the client cannot keep up, and when it can again; gets tunnel bytes."""

    def on_client_slow(self) -> None: ...

    def on_client_ready(self) -> None: ...

    def on_client_data(self, data: bytes) -> None:
        """Bytes of an upgraded connection."""

    def on_client_end(self) -> None:
        """The client ended its direction of an upgraded connection."""

    def on_drain_deadline(self) -> None:
        """The gateway stops now: end the answer as well as the dialect allows."""


class ClientConnection(Protocol):
    """The client's side of one exchange.

    `left_in_order` says that it has closed the connection and nothing was on its way to it: a
    kernel resets one that is closed with bytes unread.
    """

    left_in_order: bool
    peer_ip: str
    tls: bool
    write_paused: bool
    draining: bool

    def certificate(self) -> ClientCertificate | None:
        """What the client proved to be (mutual TLS); None where it was not asked."""

    def write(self, data: bytes) -> None: ...

    def hold(self, data: bytes) -> bool:
        """Keeps a whole answer back until `release`; false where it must be written at once."""

    def release(self) -> None:
        """Writes what is kept back."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def listen(self, listener: WriteListener | None) -> None: ...

    def start_tunnel(self) -> bytes:
        """Turns the connection into a byte tunnel; returns what came after the request."""

    def keep_open(self) -> bool:
        """Whether the connection may carry another request after this answer."""

    def close_after(self) -> None:
        """No further request on this connection."""

    def abort(self, *, reset: bool = False) -> None:
        """Cuts the connection, so that the client sees a broken answer and not a short one.

        `reset` is for a body that the end of the connection ends: only RST says that it is short.
        """


class InboundRequest:
    """The head as received and the body as it comes.

    `target` and `headers` are the bytes of the wire. `chunked` and `content_length` say how the
    client delimits the body; neither means that there is none.
    """

    __slots__ = (
        "body",
        "chunked",
        "connection",
        "content_length",
        "expect_continue",
        "headers",
        "host",
        "http_10",
        "keep_alive",
        "method",
        "target",
        "upgrade",
    )

    def __init__(self, method: bytes, target: bytes, headers: Headers, body: RequestBody) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.host = b""
        self.connection: bytes | None = None
        """All Connection fields as one list."""
        self.http_10 = False
        self.keep_alive = True
        self.chunked = False
        self.content_length: int | None = None
        self.expect_continue = False
        self.upgrade = False
        """Whether this is a WebSocket handshake (RFC 6455 section 4.1)."""

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.content_length)
