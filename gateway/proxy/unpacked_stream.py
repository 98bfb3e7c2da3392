"""A streamed answer that comes compressed, or that is looked at and not touched.

    unchanged ... every reader only watches (shadow mode, a meter): the bytes go on as they came
    unpacked .... a step may change a text: decoded, shown, and sent on without content-encoding

That the second is sent decoded and not packed again is what the gateway asked for: it sends
`accept-encoding: identity`, which every client takes (RFC 9110 section 12.5.3). It is known before
the first byte, because the head is; so it does not depend on whether a text is changed in the end.
"""

from __future__ import annotations

from gateway.chain.compiled import Hook
from gateway.chain.runner import run_gaps
from gateway.plugin.body import DIGESTS
from gateway.plugin.coverage import Gap
from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import Headers
from gateway.plugin.verdict import Reject
from gateway.providers.content_coding import DecodeError
from gateway.providers.stream_decoding import StreamDecoder
from gateway.proxy.transform import Transform
from gateway.reasons import Reason


class Watched:
    """Shows a stream to `inner`, and sends on what came, whatever `inner` makes of it."""

    __slots__ = ("_inner", "changes", "cut", "reject")

    def __init__(self, inner: Transform) -> None:
        self._inner = inner
        self.reject: Reject | None = None
        self.cut = False
        self.changes = False

    def feed(self, data: bytes) -> bytes:
        """See `Transform`."""
        if self._inner.reject is None:
            self._inner.feed(data)
        return data

    def finish(self) -> bytes:
        """See `Transform`."""
        if self._inner.reject is None:
            self._inner.finish()
        return b""

    @property
    def waits(self) -> bool:
        """See `Transform`."""
        return False

    def nudge(self) -> bytes:
        """See `Transform`."""
        return b""


class Unpacked:
    """Decodes a stream for `inner`, and sends on what `inner` lets out.

    What does not decode ends the stream, whatever the policy says of such gaps: its beginning is
    out without the coding that its rest still has.
    """

    __slots__ = ("_decoder", "_hooks", "_inner", "_x", "changes", "cut", "reject")

    def __init__(
        self, x: Exchange, hooks: tuple[Hook, ...], decoder: StreamDecoder, inner: Transform
    ) -> None:
        self._x = x
        self._hooks = hooks
        self._decoder = decoder
        self._inner = inner
        self.reject: Reject | None = None
        self.cut = False
        self.changes = True

    def feed(self, data: bytes) -> bytes:
        """See `Transform`."""
        if self.reject is not None or self.cut:
            return b""
        try:
            data = self._decoder.feed(data)
        except DecodeError as error:
            return self._broken(error.gap)
        if not data:
            return b""
        out = self._inner.feed(data)
        self.reject, self.cut = self._inner.reject, self._inner.cut
        return out

    def finish(self) -> bytes:
        """See `Transform`."""
        if self.reject is not None:
            return b""
        if not self.cut and not self._decoder.ended:
            self.reject = Reject(Reason.UPSTREAM_TRUNCATED)
            return b""
        out = self._inner.finish()
        self.reject = self._inner.reject
        return out

    @property
    def waits(self) -> bool:
        """See `Transform`."""
        return self.reject is None and self._inner.waits

    def nudge(self) -> bytes:
        """See `Transform`."""
        return self._inner.nudge()

    def _broken(self, gap: Gap) -> bytes:
        coverage = self._x.coverage
        if coverage is not None:
            coverage.response.note((gap,))
            coverage.tools.note((gap,))
        asked = run_gaps(self._hooks, self._x, (gap,)) if self._hooks else None
        self.reject = asked or Reject(Reason.UNINSPECTABLE, gap.value)
        return b""


def unpacked(
    x: Exchange,
    hooks: tuple[Hook, ...],
    decoder: StreamDecoder,
    inner: Transform,
    headers: Headers,
) -> Transform:
    """What a compressed stream goes through for `inner`; mends `headers` where it is decoded."""
    through = Unpacked(x, hooks, decoder, inner)
    if not inner.changes:
        return Watched(through)
    headers.remove("content-encoding")
    headers.drop(DIGESTS)
    tag = headers.first(b"etag")
    if tag is not None and not tag.startswith(b"W/"):
        headers.remove("etag")  # a strong one tells codings apart (RFC 9110 section 8.8.3.3)
    return through
