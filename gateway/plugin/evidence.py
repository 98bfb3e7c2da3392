"""What the core notes of one exchange for a step that leaves a receipt.

It is made where a step of the policy overrides `Plugin.begin_evidence`, and nowhere else, so that a
policy without receipts pays nothing. The core fills it; the step reads it in `on_complete`.

Bodies are noted as the very pieces that pass, so that noting costs next to nothing while an
exchange waits for it. They are handed to `sink` in batches once they are more than `batch_bytes`
(hashing a batch costs a third of hashing its pieces), and what is left is read at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from gateway.plugin.exchange import Exchange

STREAM_BATCH_BYTES: Final = 16_384
"""What of a stream is noted before it is handed on."""
WHOLE_BYTES_MAX: Final = 1_048_576
"""A whole body up to this size is there at the end; of a larger one only its size and digest."""

Sink: TypeAlias = Callable[["BodyTrace", bytes], None]


class Held(Protocol):
    """A connection that keeps an answer back."""

    def release(self) -> None:
        """Sends the answer now."""


class BodyTrace:
    """One body at one point of its way.

    `label` says which. `size` are its bytes as they passed, but for the `held` ones that wait to be
    taken. `flushed` says that a part of it was handed to the sink already, so that the whole is not
    here any more.
    """

    __slots__ = ("_batch_bytes", "_pieces", "_sink", "flushed", "held", "label", "size")

    def __init__(self, label: str, sink: Sink, batch_bytes: int = WHOLE_BYTES_MAX) -> None:
        self.label = label
        self.size = 0
        self.flushed = False
        self._sink = sink
        self._batch_bytes = batch_bytes
        self._pieces: list[bytes] = []
        self.held = 0

    def add(self, data: bytes) -> None:
        """Notes the next piece."""
        self._pieces.append(data)
        self.held += len(data)
        if self.held > self._batch_bytes:
            rest = self.take()
            self.flushed = True
            self._sink(self, rest)

    def take(self) -> bytes:
        """What was not handed to the sink; all of the body where `flushed` is false."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self.size += self.held
        self.held = 0
        return data


class Attempt:
    """One try of one target: its name, and the status it answered with or why it did not."""

    __slots__ = ("reason", "status", "target")

    def __init__(self, target: str, status: int, reason: str) -> None:
        self.target = target
        self.status = status
        self.reason = reason


class Evidence:
    """One exchange as the core saw it.

    `ref` names the receipt before it has an id; it stands in the header `x-sealgate-receipt` of the
    answer. `secret` is what the salts of the commitments are made from; empty where there is none.

    `response_encoding` is the content-encoding of the answer as it came, empty for none.

    `request` is the body as it was received, `forwarded` as it was sent on: the same object where
    nothing was changed, None where nothing was sent. `response` and `returned` likewise. Times are
    `Runtime.monotonic` seconds, 0.0 for what did not happen.

    `on_delay` is called once, where an answer begins whose end is not here yet, before its first
    byte; the step may set it.

    `gathers` says that the step writes the records of one turn of the loop together: a whole answer
    then waits until its record is written, and `held` is who lets it go. The step sets `due` where
    it will see to that itself; else the core does, after `on_complete`.

    `status`, `outcome` (served, refused, failed, aborted), `reason` and `stream_outcome` (complete,
    client_gone, upstream_lost, timeout, cut_by_policy, gateway_crash) are known in `on_complete`.
    """

    __slots__ = (
        "attempts",
        "due",
        "ended_at",
        "first_byte_at",
        "forwarded",
        "forwarded_at",
        "gathers",
        "held",
        "on_delay",
        "outcome",
        "policy_digest",
        "reason",
        "ref",
        "request",
        "response",
        "response_encoding",
        "returned",
        "secret",
        "sink",
        "status",
        "stream_outcome",
    )

    def __init__(self, ref: str, secret: bytes, sink: Sink) -> None:
        self.ref = ref
        self.secret = secret
        self.sink = sink
        self.request = BodyTrace("request_received", sink)
        self.forwarded: BodyTrace | None = None
        self.response: BodyTrace | None = None
        self.response_encoding = b""
        self.returned: BodyTrace | None = None
        self.attempts: list[Attempt] = []
        self.on_delay: Callable[[Exchange, Evidence], None] | None = None
        self.gathers = False
        self.held: Held | None = None
        self.due = False
        self.forwarded_at = 0.0
        self.first_byte_at = 0.0
        self.ended_at = 0.0
        self.policy_digest = ""
        self.status = 0
        self.outcome = ""
        self.reason = ""
        self.stream_outcome = ""

    def begin_answer(self, *, edited: bool, streamed: bool) -> tuple[BodyTrace, BodyTrace | None]:
        """The answer begins: what notes it as it comes, and as it goes where those differ.

        What is compressed is kept as a whole, streamed or not, because only so it can be read.
        """
        batched = streamed and not self.response_encoding
        batch = STREAM_BATCH_BYTES if batched else WHOLE_BYTES_MAX
        self.response = response = BodyTrace("response_received", self.sink, batch)
        returned = BodyTrace("response_returned", self.sink, batch) if edited else None
        self.returned = response if returned is None else returned
        return response, returned
