"""Upstreams that do exactly what a test says: byte for byte, at the moment it says so."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable

from tests.hostile.wire import DEADLINE_S, MalformedError, Message, TruncatedError, Wire


def listening_socket() -> socket.socket:
    """A listening socket on a free loopback port."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=512)
    sock.settimeout(DEADLINE_S)
    return sock


class RawUpstream:
    """An upstream without a will of its own: the test takes each connection in its hands.

    `accepted` counts connections; `open` are those not yet seen to be closed.
    """

    def __init__(self) -> None:
        self._listener = listening_socket()
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.open: list[Wire] = []

    def accept(self) -> Wire:
        """The next new connection."""
        sock, _ = self._listener.accept()
        wire = Wire(sock)
        self.accepted += 1
        self.open.append(wire)
        return wire

    def next(self) -> Wire:
        """The next connection, new or kept alive, on which bytes wait; closed ones are dropped."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            waiting = {wire.sock: wire for wire in self.open}
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._listener, *waiting], [], [], left)
            if not ready:
                raise TimeoutError("no request reached the upstream")
            for sock in ready:
                if sock is self._listener:
                    self.accept()
                elif self._has_bytes(waiting[sock]):
                    return waiting[sock]

    def _has_bytes(self, wire: Wire) -> bool:
        with contextlib.suppress(ConnectionResetError):
            if wire.sock.recv(1, socket.MSG_PEEK):
                return True
        self.open.remove(wire)
        wire.close()
        return False

    def receive(self) -> tuple[Wire, Message]:
        """The next request, whole, and the connection it came on."""
        wire = self.next()
        return wire, wire.read_request()

    def untouched(self) -> bool:
        """Whether no connection waits and no byte arrived on an open one, at this moment."""
        sockets = [self._listener, *(wire.sock for wire in self.open)]
        return not select.select(sockets, [], [], 0)[0]

    def forget(self) -> None:
        """Closes every connection, so that the next test starts with new ones."""
        while select.select([self._listener], [], [], 0)[0]:
            self.accept()
        for wire in self.open:
            wire.close()
        self.open.clear()

    def close(self) -> None:
        """Closes the connections and the port."""
        self.forget()
        self._listener.close()


def echo(request: Message) -> bytes:
    """An answer that tells what was asked: its body is the request line."""
    body = request.start
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head if request.method == b"HEAD" else head + body


class AnsweringUpstream:
    """An upstream that answers by itself, for tests with thousands of requests.

    `requests` are the well-formed requests in the order of arrival, `malformed` what was not one.
    """

    def __init__(self, answer: Callable[[Message], bytes] = echo) -> None:
        self._listener = listening_socket()
        self._listener.settimeout(None)
        self._answer = answer
        self._lock = threading.Lock()
        self._wires: list[Wire] = []
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[Message] = []
        self.malformed: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                wire = Wire(sock)
                sock.settimeout(None)
                self._wires.append(wire)
                threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: Wire) -> None:
        with contextlib.suppress(TruncatedError, OSError):
            while True:
                try:
                    request = wire.read_request()
                except MalformedError as error:
                    self.malformed.append(f"{error}: {bytes(wire.received)[-300:]!r}")
                    break
                with self._lock:
                    self.requests.append(request)
                wire.send(self._answer(request))
        wire.close()

    def taken(self) -> list[Message]:
        """The requests since the last call."""
        with self._lock:
            requests, self.requests = self.requests, []
        return requests

    def close(self) -> None:
        """Closes the port and every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._wires:
            with contextlib.suppress(OSError):
                wire.sock.shutdown(socket.SHUT_RDWR)
