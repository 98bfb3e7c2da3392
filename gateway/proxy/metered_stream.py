"""A streamed answer on its way through the meter: read event by event, and cut by a guard.

The bytes go on as they came, and at once. Only where one of the events must not reach the client
(the usage that the gateway itself asked for) or where a guard may end the stream, the bytes of an
event that is not whole yet wait for the rest of it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final, Protocol

import orjson

from gateway.plugin.exchange import Exchange
from gateway.plugin.usage import StreamGuard
from gateway.plugin.verdict import Reject
from gateway.providers.eventstream import NotAFrameError
from gateway.providers.sse import EVENT_BYTES_MAX, EventTooLargeError
from gateway.providers.stream_end import Ending, ending_of
from gateway.providers.stream_usage import is_usage_event, without_null_usage
from gateway.providers.streaming import StreamKind, make_splitter
from gateway.providers.usage import BYTES_PER_TOKEN, UsageReader, may_report
from gateway.proxy.transform import Transform

_DONE: Final = b"[DONE]"
_EVENT_END: Final = b"\n\n"


class Cuttable(Protocol):
    """What cuts a stream into pieces."""

    @property
    def pending(self) -> bytes:
        """Bytes of no finished piece."""

    def feed(self, chunk: bytes, /) -> Any:
        """The pieces that `chunk` completes."""

    def finish(self) -> Any:
        """What is left at the end."""


class MeteredStream:
    """A streamed answer on its way; see the module."""

    __slots__ = (
        "_ending", "_guards", "_hides", "_holds", "_inner", "_on_end", "_reader", "_splitter",
        "_started", "_waiting", "changes", "cut", "reject",
    )  # fmt: skip

    def __init__(
        self,
        x: Exchange,
        reader: UsageReader,
        splitter: Cuttable,
        inner: Transform | None,
        on_end: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._on_end = on_end
        self._splitter: Cuttable | None = splitter
        self._inner = inner
        self._hides = x.usage_asked
        self._guards: tuple[StreamGuard, ...] = x.stream_guards
        self._holds = self._hides or bool(self._guards)
        self._ending: Ending | None = None
        self._started = False
        self._waiting = 0
        self.reject: Reject | None = None
        self.cut = False
        self.changes = self._holds or (inner is not None and inner.changes)

    def feed(self, data: bytes) -> bytes:
        """See `Transform`."""
        out = b"" if self.cut else self._metered(data)
        inner = self._inner
        if inner is not None and out:
            out = inner.feed(out)
            self.reject = inner.reject
        return out

    def finish(self) -> bytes:
        """See `Transform`."""
        out = b"" if self.cut or self._splitter is None else self._rest(self._splitter)
        if not self.cut:
            self._on_end()
        inner = self._inner
        if inner is not None:
            out = (inner.feed(out) if out else b"") + inner.finish()
            self.reject = inner.reject
        return out

    @property
    def waits(self) -> bool:
        """See `Transform`."""
        return self._inner is not None and self._inner.waits

    def nudge(self) -> bytes:
        """See `Transform`."""
        return b"" if self._inner is None else self._inner.nudge()

    # -- inner

    def _metered(self, data: bytes) -> bytes:
        splitter = self._splitter
        if splitter is None:
            return data
        self._waiting += len(data)
        if self._waiting > EVENT_BYTES_MAX:
            return self._give_up(splitter.pending + data, data)
        try:
            pieces = splitter.feed(data)
        except (EventTooLargeError, NotAFrameError):
            return self._give_up(splitter.pending, data)
        if not self._holds:
            for piece in pieces:
                self._waiting -= len(piece.raw)
                self._read(piece)
            return data
        out: list[bytes] = []
        for piece in pieces:
            raw: bytes = piece.raw
            self._waiting -= len(raw)
            event = self._read(piece)
            if event is not None and self._hides:
                if is_usage_event(event):
                    continue
                raw = without_null_usage(raw)
            out.append(raw)
            if self._guards and self._guarded():
                usage = self._reader.usage
                end = b"" if self._ending is None else self._ending.end(usage)
                if end:
                    usage.cut = self.cut = True
                    out.append(end)
                    break
        return b"".join(out)

    def _give_up(self, held: bytes, data: bytes) -> bytes:
        """An event is too large, or the framing is lost: what follows passes unread."""
        self._splitter, self._guards = None, ()
        return held if self._holds else data

    def _rest(self, splitter: Cuttable) -> bytes:
        """The bytes of a last event that its framing did not end; some clients read it."""
        held = splitter.pending
        if not held:
            return b""
        pieces = splitter.finish()
        if all(piece.data is None for piece in pieces):
            pieces = make_splitter(StreamKind.SSE).feed(held + _EVENT_END)
        hidden = False
        for piece in pieces:
            event = self._read(piece)
            hidden = hidden or (self._hides and event is not None and is_usage_event(event))
        return b"" if hidden or not self._holds else held

    def _read(self, piece: Any) -> dict[str, Any] | None:
        """Takes one piece; the event in it, if it is one."""
        data: bytes | None = piece.data
        if data is None or data == _DONE:
            return None
        name: bytes = piece.name
        try:
            event = orjson.loads(data)
            if name == b"chunk":  # Bedrock's invoke: the model's own event in base64
                event = orjson.loads(b64decode(event["bytes"]))
        except (ValueError, KeyError, TypeError):
            # Lone surrogates are legal on the wire; whatever it is, it is at least one token.
            self._reader.unread(BYTES_PER_TOKEN)
            return None
        if type(event) is not dict:
            return None
        # In Bedrock's frames, base64 hides the words that are looked for.
        self._reader.event(event, name, may_report=name == b"chunk" or may_report(data))
        if self._guards:
            self._follow(event, name)
        return event

    def _follow(self, event: dict[str, Any], name: bytes) -> None:
        if not self._started:
            self._started = True
            self._ending = ending_of(event, name)
            if self._ending is None:
                self._guards = ()  # a form whose end is not known cannot be cut
        if self._ending is not None:
            if self._hides and event.get("usage") is None:
                event.pop("usage", None)  # it is not the client's wish
            self._ending.note(event, name)

    def _guarded(self) -> bool:
        """Whether a guard ends the stream here."""
        usage = self._reader.usage
        for guard in self._guards:
            if not guard.cut and usage.output_tokens >= guard.at_output_tokens:
                guard.reached(usage)
            if guard.cut:
                return True
        return False
