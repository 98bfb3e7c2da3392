"""A streamed answer shown to plugins: cut into events, each passed as it came or re-encoded."""

from __future__ import annotations

from typing import Any, Final

from gateway.chain.compiled import Chain
from gateway.chain.runner import run_gaps
from gateway.plugin.coverage import Gap
from gateway.plugin.exchange import Exchange
from gateway.plugin.verdict import Reject
from gateway.providers.bedrock import unwrapped, wrapped
from gateway.providers.dialect import ALL, Form
from gateway.providers.eventstream import FrameSplitter, NotAFrameError
from gateway.providers.json_text import UnreadableJsonError, ambiguity, parse
from gateway.providers.mcp import RPC, is_json_rpc
from gateway.providers.sse import EventTooLargeError
from gateway.providers.streaming import BINARY, LAST, Piece, Splitter
from gateway.proxy.stream_channels import RefusedError, StreamChannels

_DONE: Final = b"[DONE]"
_EVENT_END: Final = b"\n\n"
_CHUNK: Final = b"chunk"


class Unwrapped:
    """A frame of Bedrock's invoke, seen as the event in it."""

    __slots__ = ("_outer", "_payload", "data", "name", "raw")

    def __init__(self, outer: Piece, payload: bytes, event: bytes) -> None:
        self._outer = outer
        self._payload = payload
        self.raw = outer.raw
        self.name = outer.name
        self.data: bytes | None = event

    def with_data(self, data: bytes) -> bytes:
        """The frame's bytes with another event in it."""
        if self.data is self._payload:
            return self._outer.with_data(data)
        return self._outer.with_data(wrapped(self._payload, data))


class StreamText:
    """The relay's `Transform` for routes with `on_text` plugins.

    An event that no plugin changes goes out byte for byte. What cannot be shown goes on only where
    every plugin that looks says so; `on_uninspectable` decides.
    """

    __slots__ = (
        "_channels", "_hooks", "_noted", "_passes", "_splitter", "_x", "changes", "cut",
        "reject",
    )  # fmt: skip

    def __init__(self, x: Exchange, chain: Chain, splitter: Splitter, form: Form | None) -> None:
        self._x = x
        self._hooks = chain.text
        self._splitter = splitter
        self._channels = StreamChannels(x, chain.text, None if form is None else form.stream)
        self._passes = False  # nothing can be cut any more, and what comes may pass unread
        self._noted: set[Gap] = set()
        self.reject: Reject | None = None
        self.cut = False
        self.changes = any(hook.enforced for hook in chain.text)

    def feed(self, data: bytes) -> bytes:
        if self.reject is not None:
            return b""
        if self._passes:
            return data
        out: list[bytes] = []
        try:
            pieces = self._splitter.feed(data)
        except EventTooLargeError:
            return self._give_up(Gap.TOO_LARGE)
        except NotAFrameError:
            return self._give_up(Gap.UNKNOWN_ENCODING)
        try:
            for piece in pieces:
                payload = piece.data
                if payload is None:
                    if piece.name is LAST:
                        out.append(self._channels.end([ALL]))
                    out.append(self._channels.pass_other(piece.raw))
                elif piece.name == _CHUNK:
                    inner = unwrapped(payload)
                    out.append(self._pass(Unwrapped(piece, payload, inner), inner))
                else:
                    out.append(self._pass(piece, payload))
        except RefusedError as refused:
            out.append(self._refused(refused))
        return b"".join(out)

    def finish(self) -> bytes:
        out = b""
        rest = self._splitter.pending
        if self._is_over():
            return b""
        if rest and isinstance(self._splitter, FrameSplitter):
            return self._give_up(Gap.UNKNOWN_ENCODING)  # half a frame
        if rest:
            # Some clients read a last event that no blank line ends, so it is shown as well.
            out = self.feed(_EVENT_END)
        if self._is_over():
            return out
        try:
            out += self._channels.end([ALL])
        except RefusedError as refused:
            return out + self._refused(refused)
        # What nobody changed does not get a blank line of ours.
        return out[: -len(_EVENT_END)] if rest and out.endswith(rest + _EVENT_END) else out

    @property
    def waits(self) -> bool:
        """See `Transform`."""
        return self.reject is None and self._channels.waits

    def nudge(self) -> bytes:
        """See `Transform`."""
        return self._channels.split() if self.reject is None else b""

    # -- inner

    def _is_over(self) -> bool:
        return self._passes or self.reject is not None

    def _refused(self, refused: RefusedError) -> bytes:
        """What was decided before still goes out."""
        out = self._channels.split()
        self.reject = refused.reject
        return out

    def _pass(self, piece: Piece, data: bytes) -> bytes:
        """What goes out once an event has come."""
        channels = self._channels
        if data == _DONE:
            return channels.end([ALL]) + channels.pass_other(piece.raw)
        known = channels.pass_known(piece, data)
        if known is not None:
            return known
        try:
            event, _ = parse(data)
        except UnreadableJsonError as error:
            binary = piece.name is BINARY
            self._note(Gap.BINARY if binary else error.gap)
            unread = binary or error.gap is Gap.INVALID_UTF8
            return channels.pass_other(piece.raw) if unread else channels.pass_raw(piece, data)
        gap = ambiguity(data, event)
        if gap is not None:
            self._note(gap)
            return channels.pass_raw(piece, data)
        if channels.form is None:
            self._recognise(event)
        if channels.form is None or not isinstance(event, dict):
            return channels.pass_raw(piece, data)
        try:
            return channels.pass_event(piece, data, event)
        except UnreadableJsonError as error:
            self._note(error.gap)
            return channels.pass_raw(piece, data)

    def _recognise(self, event: Any) -> None:
        """The form of a stream without a dialect, if its first event names it."""
        if is_json_rpc(event):
            self._channels.form = RPC.stream
        else:
            self._note(Gap.UNKNOWN_DIALECT)

    def _note(self, gap: Gap) -> None:
        if gap in self._noted:
            return
        self._noted.add(gap)
        coverage = self._x.coverage
        if coverage is not None:
            coverage.response.note((gap,))
        reject = run_gaps(self._hooks, self._x, (gap,))
        if reject is not None:
            raise RefusedError(reject)

    def _give_up(self, gap: Gap) -> bytes:
        """The stream cannot be cut from here on; it may pass as it is, or not at all."""
        try:
            self._note(gap)
            before = self._channels.end([ALL])
        except RefusedError as refused:
            return self._refused(refused)
        self._passes = True
        return before + self._splitter.pending
