"""What the supervisor, the forker and the workers say to each other.

Messages are frozen dataclasses, pickled, each behind a length of four bytes, over a Unix socket
pair that no other process can open. Pickle is used only here, between processes of one gateway
that were forked by it: nothing from outside is ever unpickled.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from gateway.settings import Settings
from gateway.telemetry.metrics import MetricsSnapshot

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Start:
    """First message to a worker: who it is and what to serve."""

    worker: int
    settings: Settings
    version: int
    bundle: Any


@dataclass(frozen=True, slots=True)
class Prepare:
    """Compile and start these policies, but go on serving the old ones."""

    version: int
    bundle: Any


@dataclass(frozen=True, slots=True)
class Commit:
    """Serve what was prepared under this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Throw away what was prepared under this version."""

    version: int


@dataclass(frozen=True, slots=True)
class ReloadCertificates:
    """Read the listener's certificate files now."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept nothing more, finish what runs for at most `timeout_s`, then exit."""

    timeout_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Exit at once."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a Report with this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a worker: it runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker accepts connections."""

    version: int
    digest: str


FAILED_EXIT = 2
"""The exit code of a worker that said why it cannot start."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot start: the operator's text. It ends with `FAILED_EXIT` then."""

    message: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Answer to Prepare; `error` is empty when it went well."""

    version: int
    digest: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """Answer to Commit."""

    version: int


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target of an upstream as one worker sees it."""

    target: str
    ejected: bool
    ejections: int


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's numbers: sent when asked (`number` > 0) and about once a second."""

    number: int
    metrics: MetricsSnapshot
    upstreams: dict[str, tuple[TargetReport, ...]] = field(default_factory=dict)


ToWorker = Start | Prepare | Commit | Abort | ReloadCertificates | Drain | Stop | Ask
FromWorker = Hello | Ready | Failed | Prepared | Committed | Report


def encode(message: object) -> bytes:
    """One message as it goes over the socket."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Turns received bytes back into messages, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[object]:
        """The messages that `data` completes."""
        self._buffer += data
        messages: list[object] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(pickle.loads(self._buffer[_LENGTH.size : end]))  # noqa: S301  # see the module
            del self._buffer[:end]
        return messages


class Channel(asyncio.Protocol):
    """One end of a control socket on an event loop.

    `on_message` gets each message; `on_closed` is called once when the other end is gone.
    """

    def __init__(self, on_message: Callable[[object], None], on_closed: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio passes it
        self._transport = None
        self._on_closed()

    def send(self, message: object) -> None:
        """Sends a message; one to an end that is gone is dropped, as its `on_closed` tells all."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def close(self) -> None:
        """Closes after what was sent has gone out."""
        if self._transport is not None:
            self._transport.close()
