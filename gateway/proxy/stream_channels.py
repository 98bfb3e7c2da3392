"""The texts of one stream, channel by channel: shown to plugins, and put back into the events.

An event goes on as it came unless a plugin changed a text in it. While a plugin holds some of it
back, it waits (stream_queue.py), but not for long: where the stream is silent, or other texts come,
it goes on without what is held, which a later event of its channel brings then. Where the channel
ends before, an event of our own brings it, in front of the one that ends the channel. An event that
repeats a channel's whole text gets the text that was sent.
"""

from __future__ import annotations

from typing import Any, Final, cast

import orjson

from gateway.chain.compiled import Hook
from gateway.chain.runner import run_gaps, run_text
from gateway.chain.text import held_text
from gateway.plugin.coverage import Gap
from gateway.plugin.exchange import Exchange
from gateway.plugin.text import TextStream
from gateway.plugin.verdict import Reject
from gateway.providers.dialect import ALL, DELTA, WHOLE, Event, Json, StreamForm
from gateway.providers.dialect import Piece as TextPiece
from gateway.providers.json_places import json_string
from gateway.providers.skeleton import Skeletons
from gateway.providers.streaming import Piece
from gateway.providers.surrogates import has_surrogates, without_surrogates
from gateway.proxy.stream_channel import REPEATED_CHARACTERS_MAX, Channel
from gateway.proxy.stream_queue import WAITING_BYTES_MAX, Editing, EventQueue, Queued
from gateway.reasons import Reason

EVENT_CHANNEL: Final = "event"
"""The channel of all events of no known form."""
CHANNELS_MAX: Final = 1024

_PLACE: Final = "\0text\0"
"""Stands for a text in an event of our own, until it is written with as few escapes as may be."""


class RefusedError(Exception):
    """A plugin ends the stream here."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason.value)
        self.reject = reject


class StreamChannels:
    """All channels of one stream, and the events that wait for one of them.

    `form` reads the events; None while it is not known.
    """

    __slots__ = ("_channels", "_hooks", "_noted", "_queue", "_skeletons", "_x", "form")

    def __init__(self, x: Exchange, hooks: tuple[Hook, ...], form: StreamForm | None) -> None:
        self._x = x
        self._hooks = hooks
        self.form = form
        self._channels: dict[str, Channel] = {}
        self._queue = EventQueue()
        self._skeletons = Skeletons()
        self._noted: set[Gap] = set()

    def pass_event(self, source: Piece, data: bytes, event: Json) -> bytes:
        """What goes out once an event has come. Raises `RefusedError` where a plugin ends it all.

        May raise `UnreadableJsonError` before anything of the event was shown.
        """
        form = cast("StreamForm", self.form)
        read = form.event(event, source.name)
        self._skeletons.learn(data, source.name, read)
        if read.gaps:
            self.note(read.gaps, read.tool_gaps)
        return self._pass_read(source, data, read, is_ping=event.get("type") == "ping")

    def pass_known(self, source: Piece, data: bytes) -> bytes | None:
        """The same for an event that is like one before it but for its text; None for others."""
        read = self._skeletons.read(data, source.name)
        return None if read is None else self._pass_read(source, data, read)

    def _pass_read(
        self, source: Piece, data: bytes, read: Event, *, is_ping: bool = False
    ) -> bytes:
        out = b""
        if self._queue.waits and not self._may_wait(read, is_ping=is_ping):
            out = self.split()
        if not read.pieces and not read.ends and not read.over:
            return out + self._behind(source.raw)
        editing = Editing(source, data)
        for number, piece in enumerate(read.pieces):
            if piece.mode == DELTA:
                self._pass_delta(piece, editing, final=_ends_here(read, number))
            elif piece.mode == WHOLE:
                self._pass_whole(piece, editing)
        if read.ends:
            self._close_all(read.ends)
        for piece in read.pieces:
            if piece.mode not in {DELTA, WHOLE}:
                self._close(piece.channel)
                self._pass_repeat(piece, editing)
        if read.over:
            self._forget(read.over)
        if not editing.open and not self._queue.waits:
            return out + editing.result() if out else editing.result()
        self._queue.push(editing)
        return self._queue.drain(out)

    def pass_raw(self, source: Piece, data: bytes) -> bytes:
        """The same for an event of no known form: its data are the text of a channel."""
        text = data.decode("utf-8", "replace")
        piece = TextPiece(EVENT_CHANNEL, EVENT_CHANNEL, "raw", text, (), DELTA, (), "unknown")
        editing = Editing(source, data)
        out = b""
        channel = self._channels.get(EVENT_CHANNEL)
        if self._queue.size > WAITING_BYTES_MAX or channel is None or not channel.waits:
            out = self.split()
        self._pass_delta(piece, editing, final=False)
        self._queue.push(editing)
        return self._queue.drain(out)

    def pass_other(self, raw: bytes) -> bytes:
        """The same for bytes that are no event: they stay behind what came before them.

        A sign of life (a comment, a ping) does not wait for a word to end.
        """
        if not self._queue.waits:
            return raw
        out = b"" if raw.isspace() else self.split()
        return out + self._behind(raw)

    def end(self, scopes: list[str]) -> bytes:
        """Ends the channels of these scopes; what goes out then."""
        self._close_all(scopes)
        return self._queue.drain()

    @property
    def waits(self) -> bool:
        """Whether an event waits."""
        return self._queue.waits

    def split(self) -> bytes:
        """Lets go what is decided of the events that wait.

        Half the data of an event of no known form would be no JSON any more: they wait, but for
        more than the queue may hold.
        """
        full = self._queue.size > WAITING_BYTES_MAX
        for name, channel in self._channels.items():
            if channel.waits and (full or name != EVENT_CHANNEL):
                channel.split()
        return self._queue.drain()

    def note(self, gaps: set[Gap], tool_gaps: set[Gap] | frozenset[Gap] = frozenset()) -> None:
        """Says that something cannot be shown; asks, once per kind, whether it may pass."""
        fresh = gaps - self._noted
        if not fresh:
            return
        self._noted |= fresh
        coverage = self._x.coverage
        if coverage is not None:
            coverage.response.note(fresh)
            coverage.tools.note(tool_gaps)
        reject = run_gaps(self._hooks, self._x, fresh)
        if reject is not None:
            raise RefusedError(reject)

    # -- inner

    def _may_wait(self, read: Event, *, is_ping: bool) -> bool:
        """Whether an event stays behind those that wait, or makes them go.

        | it brings                                  | it waits                                   |
        |--------------------------------------------|--------------------------------------------|
        | text of a channel that waits               | it may tell what they wait for             |
        | arguments of a tool call, a whole text     | nobody can use the half of it              |
        | no text                                    | but for pings, which are signs of life     |
        | text of another channel                    | no: a choice does not wait for another one |
        """
        if self._queue.size > WAITING_BYTES_MAX:
            return False
        if not read.pieces:
            return not is_ping
        for piece in read.pieces:
            if piece.mode == DELTA and piece.kind != "tool_call_arguments":
                channel = self._channels.get(piece.channel)
                if channel is None or not channel.waits:
                    return False
        return True

    def _behind(self, raw: bytes) -> bytes:
        if not self._queue.waits:
            return raw
        self._queue.push(Queued(raw))
        return b""

    def _close_all(self, scopes: list[str]) -> None:
        ending = [
            name
            for name, channel in self._channels.items()
            if channel.open and (ALL in scopes or channel.last.scope in scopes)
        ]
        for name in ending:
            self._close(name)

    def _forget(self, over: str) -> None:
        """Ends the channels whose names end with `over`, and lets go of what is known of them."""
        names = [name for name in self._channels if name.endswith(over)]
        for name in names:
            self._close(name)
            del self._channels[name]

    def _run(self, piece: TextPiece, text: str, *, final: bool) -> str:
        stream = TextStream(piece.channel, text, final=final, role=piece.role, kind=piece.kind)
        reject = run_text(self._hooks, self._x, stream)
        if reject is not None:
            raise RefusedError(reject)
        return stream.text

    def _shown(self, text: str) -> str:
        if not has_surrogates(text):
            return text
        self.note({Gap.LONE_SURROGATES})
        return without_surrogates(text)

    def _pass_delta(self, piece: TextPiece, editing: Editing, *, final: bool) -> None:
        channel = self._channels.get(piece.channel)
        if channel is None or not channel.open:
            if len(self._channels) >= CHANNELS_MAX:
                raise RefusedError(Reject(Reason.UNINSPECTABLE, Gap.TOO_DEEP.value))
            channel = self._channels[piece.channel] = Channel(piece, editing)
        channel.last, channel.editing = piece, editing
        segment = channel.segment(editing, piece, final=final)
        text = self._shown(segment.text)
        has_halves = segment.ends_high or text is not segment.text
        segment.text = text
        out = self._run(piece, text, final=final)
        if self.form is not None and self.form.repeats:
            channel.remember(text, out)
        if final:
            channel.open = False
        editing.open += 1
        if out == text and not channel.segments:
            segment.out = text
            is_behind = has_halves and held_text(self._x, piece.channel) != ""
            channel.settle(segment, editing, is_behind=is_behind)
            return
        channel.segments.append(segment)
        channel.decide(out, "" if final else held_text(self._x, piece.channel))

    def _pass_whole(self, piece: TextPiece, editing: Editing) -> None:
        shown = self._shown(piece.text)
        out = self._run(piece, shown, final=True)
        if out != shown:
            editing.change(piece, out)

    def _pass_repeat(self, piece: TextPiece, editing: Editing) -> None:
        channel = self._channels.get(piece.channel)
        text = without_surrogates(piece.text)
        if channel is None or channel.remembered > REPEATED_CHARACTERS_MAX:
            self._pass_whole(piece, editing)
            return
        if len(channel.shown) > 1:
            channel.shown, channel.sent = ["".join(channel.shown)], ["".join(channel.sent)]
        if channel.shown != [text]:
            # It says something else than its parts did.
            self._pass_whole(piece, editing)
        elif channel.sent != channel.shown:
            editing.change(piece, channel.sent[0])

    def _close(self, name: str) -> None:
        """Ends a channel. What no event of it brings any more goes out in one of our own."""
        channel = self._channels.get(name)
        if channel is None or not channel.open:
            return
        channel.open = False
        if channel.high:
            self.note({Gap.LONE_SURROGATES})
        out = self._run(channel.last, "", final=True)
        if out and self.form is not None and self.form.repeats:
            channel.remember("", out)
        if channel.segments:
            channel.decide(out, "")
            out = channel.segments[0].out if channel.segments else ""
            channel.segments = []
        out = channel.without_owed(out) + channel.last_half()
        if out:
            self._queue.push(Queued(self._made(channel, out)))

    def _made(self, channel: Channel, text: str) -> bytes:
        """An event that brings `text`, made after the last one of its channel."""
        source = channel.editing.source
        if not channel.last.path or self.form is None:
            raw = source.with_data(text.encode())
        else:
            fresh: Any = self.form.delta(channel.editing.event(), channel.last, _PLACE)
            raw = source.with_data(
                orjson.dumps(fresh).replace(orjson.dumps(_PLACE), json_string(text), 1)
            )
        # An event ends at the CR of its blank line; the LF may have come in another portion.
        return raw + b"\n" if raw.endswith(b"\r\n\r") else raw


def _ends_here(read: Event, number: int) -> bool:
    """Whether the channel of this piece ends with it."""
    piece = read.pieces[number]
    if ALL not in read.ends and piece.scope not in read.ends:
        return False
    return all(later.channel != piece.channel for later in read.pieces[number + 1 :])
