"""A streamed answer shown to plugins: cut into events, each passed as it came or re-encoded."""

from __future__ import annotations

from gateway.chain.compiled import Chain
from gateway.chain.runner import run_text
from gateway.plugin.exchange import Exchange
from gateway.plugin.text import TextStream
from gateway.plugin.verdict import Reject
from gateway.providers.sse import EventTooLargeError
from gateway.providers.streaming import Splitter
from gateway.reasons import Reason

EVENT_CHANNEL = "event"
_EVENT_END = b"\n\n"


class StreamText:
    """The relay's `Transform` for routes with `on_text` plugins.

    An event that no plugin changes goes out byte for byte. One that is not UTF-8 cannot be shown;
    it is refused, because nothing uninspected may pass unsaid.
    """

    __slots__ = ("_hooks", "_splitter", "_x", "changes", "cut", "reject")

    def __init__(self, x: Exchange, chain: Chain, splitter: Splitter) -> None:
        self._x = x
        self._hooks = chain.text
        self._splitter = splitter
        self.reject: Reject | None = None
        self.cut = False
        self.changes = True

    def feed(self, data: bytes) -> bytes:
        try:
            pieces = self._splitter.feed(data)
        except EventTooLargeError as error:
            self.reject = Reject(Reason.UNINSPECTABLE, str(error))
            return b""
        out: list[bytes] = []
        for piece in pieces:
            if piece.data is None:
                out.append(piece.raw)
                continue
            shown = self._show(piece.data, final=False)
            if shown is None:
                break
            out.append(piece.raw if shown is piece.data else piece.with_data(shown))
        return b"".join(out)

    def finish(self) -> bytes:
        out = b""
        rest = self._splitter.pending
        if rest and self.reject is None:
            # Some clients read a last event that no blank line ends, so it is shown as well.
            out = self.feed(_EVENT_END)
            if out == rest + _EVENT_END:
                out = rest
        if self.reject is None:
            self._show(b"", final=True)
        return out

    def _show(self, data: bytes, *, final: bool) -> bytes | None:
        """The data to send: the same object if nobody changed it; None once it was refused."""
        try:
            text = TextStream(EVENT_CHANNEL, data.decode(), final=final)
        except UnicodeDecodeError:
            self.reject = Reject(Reason.UNINSPECTABLE, "an event of the stream is not UTF-8")
            return None
        self.reject = run_text(self._hooks, self._x, text)
        if self.reject is not None:
            return None
        return text.text.encode() if text.edited else data
