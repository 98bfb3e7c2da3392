"""What one answer used, read while its bytes pass; `x.usage` is filled from here.

    stream ........ each event is read as it passes: metered_stream.py
    whole answer .. goes on as it comes; what `UsageBody` keeps of it is read at its end.
    neither ....... an answer with a content-encoding, if it is whole or unknown: estimated.

An answer with another status than 2xx used nothing: no provider charges for it.
"""

from __future__ import annotations

from typing import Final

from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import Headers
from gateway.plugin.usage import Usage
from gateway.plugin.verdict import Reject
from gateway.providers.request_estimate import generates, input_tokens
from gateway.providers.streaming import StreamKind, make_splitter
from gateway.providers.usage import BYTES_PER_TOKEN, UsageReader
from gateway.providers.usage_body import UsageBody
from gateway.proxy.metered_stream import MeteredStream
from gateway.proxy.transform import Transform

_BEDROCK_COUNTS: Final = (b"x-amzn-bedrock-input-token-count", b"x-amzn-bedrock-output-token-count")
_OK_MIN, _OK_MAX = 200, 299


class Meter:
    """One exchange's meter, from the moment its request goes to the upstream."""

    __slots__ = ("_body", "_complete", "_free", "_generating", "_guessed", "_reader", "_x")

    def __init__(self, x: Exchange, payload: bytes | None) -> None:
        self._x = x
        request = x.request
        self._generating = generates(request.method, request.path)
        self._guessed = payload is not None
        guess = 0
        if payload and self._generating:
            guess = input_tokens(payload, request.headers)
        x.usage = usage = Usage(input_tokens=guess)
        self._reader = UsageReader(usage)
        self._body: UsageBody | None = None
        self._free = False
        self._complete = False

    def stream(
        self, status: int, kind: StreamKind | None, inner: Transform | None
    ) -> Transform | None:
        """What a stream goes through; `inner` is what it went through without a meter.

        `kind` is None for a stream that cannot be decoded.
        """
        self._free = not _OK_MIN <= status <= _OK_MAX
        if self._free or kind is None:
            return inner
        return MeteredStream(self._x, self._reader, make_splitter(kind), inner, self.ended)

    def body(self, status: int, headers: Headers) -> Transform | None:
        """What a whole answer goes through."""
        self._free = not _OK_MIN <= status <= _OK_MAX
        if self._free:
            return None
        given = [headers.first(name) for name in _BEDROCK_COUNTS]
        counts = [int(value) for value in given if value is not None and value.isdigit()]
        if len(counts) == len(_BEDROCK_COUNTS):
            self._reader.counted(*counts)
        self._body = UsageBody()
        return MeteredBody(self, self._body)

    def whole(self, status: int, headers: Headers, body: bytes | None) -> None:
        """Takes an answer that is held for plugins; None where it was too large to hold."""
        transform = self.body(status, headers)
        if transform is not None and body is not None:
            transform.feed(body)
            transform.finish()

    def ended(self) -> None:
        """The provider ended its answer in order."""
        self._complete = True
        if self._body is not None:
            found = self._body.read()
            if found is not None:
                self._reader.whole(found)
            elif self._generating and not self._reader.reported:
                self._reader.unread(self._body.size)
            self._body = None

    def close(self, *, sent: bool, request_bytes: int) -> None:
        """The exchange is over: settles `x.usage`."""
        x, reader = self._x, self._reader
        if not sent:
            x.usage = None
            return
        if self._free or not (self._generating or reader.reported):
            x.usage = Usage(estimated=False)
            return
        if self._body is not None:
            reader.unread(self._body.size)  # it was broken off
        usage = reader.usage
        if not self._guessed and not usage.input_tokens and self._generating:
            usage.input_tokens = -(-request_bytes // BYTES_PER_TOKEN)
        reader.close(complete=self._complete)


class MeteredBody:
    """A whole answer on its way, seen and not changed."""

    __slots__ = ("_body", "_meter", "changes", "cut", "reject")

    def __init__(self, meter: Meter, body: UsageBody) -> None:
        self._meter = meter
        self._body = body
        self.reject: Reject | None = None
        self.cut = False
        self.changes = False

    def feed(self, data: bytes) -> bytes:
        """See `Transform`."""
        self._body.feed(data)
        return data

    def finish(self) -> bytes:
        """See `Transform`."""
        self._meter.ended()
        return b""

    @property
    def waits(self) -> bool:
        """See `Transform`."""
        return False

    def nudge(self) -> bytes:
        """See `Transform`."""
        return b""
