"""The texts of one stream, channel by channel: shown to plugins, and put back into the events.

An event goes on as it came unless a plugin changed a text in it, or holds some of it back. Text
that was held goes out with a later event of its channel. Where the channel ends before, an event of
our own brings the rest, in front of the one that ends it. An event that repeats a channel's whole
text gets the text that was sent.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.chain.compiled import Hook
from gateway.chain.runner import run_gaps, run_text
from gateway.plugin.coverage import Gap
from gateway.plugin.exchange import Exchange
from gateway.plugin.text import TextStream
from gateway.plugin.verdict import Reject
from gateway.providers.dialect import ALL, DELTA, WHOLE, Event, Json, StreamForm
from gateway.providers.dialect import Piece as TextPiece
from gateway.providers.json_places import Places, json_string, splice, writes_ascii
from gateway.providers.streaming import Piece
from gateway.providers.surrogates import (
    begins_in_low,
    ends_in_high,
    has_surrogates,
    joined,
    low_half,
    without_surrogates,
)
from gateway.reasons import Reason

CHANNELS_MAX: Final = 1024
REPEATED_CHARACTERS_MAX: Final = 4_194_304
"""A channel's text is remembered up to this, for the events that repeat it."""

_PLACE: Final = "\0text\0"
"""Stands for a text in an event of our own, until it is written with as few escapes as may be."""


class RefusedError(Exception):
    """A plugin ends the stream here."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason.value)
        self.reject = reject


class Editing:
    """One event on its way, and what changes in it."""

    __slots__ = ("_places", "changes", "data", "event", "source")

    def __init__(self, source: Piece, data: bytes, event: Json) -> None:
        self.source = source
        self.data = data
        self.event = event
        self.changes: list[tuple[tuple[int, int], bytes]] = []
        self._places: Places | None = None

    def change(self, piece: TextPiece, text: str) -> None:
        """Puts `text` in the place of a piece, and takes away what repeats it in other forms."""
        places = self._places
        if places is None:
            places = self._places = Places(self.data)
        fresh = json_string(text, ascii_only=writes_ascii(self.data))
        self.changes.append((places.of(piece.path), fresh))
        self.changes.extend((places.of(path), json) for path, json in piece.echoes)

    def result(self) -> bytes:
        """The data to send: the same object if nothing changed."""
        return splice(self.data, self.changes) if self.changes else self.data


class Channel:
    """One channel: its last event, what was shown of it and what was sent."""

    __slots__ = (
        "high", "high_sent", "last", "open", "owed", "remembered", "sent", "shown", "source",
        "template",
    )  # fmt: skip

    def __init__(self, last: TextPiece, editing: Editing) -> None:
        self.last = last
        self.template = editing.event
        self.source = editing.source
        self.open = True
        self.high = ""
        """The first half of a character whose second half has not come."""
        self.high_sent = False
        self.owed = ""
        """A character of which the first half went out."""
        self.shown: list[str] = []
        self.sent: list[str] = []
        self.remembered = 0

    def join(self, text: str) -> str:
        """The text to show: halves of characters that two events share are put together."""
        high, self.high = self.high, ""
        if high:
            if begins_in_low(text):
                whole = joined(high, text[0])
                if self.high_sent:
                    self.owed = whole
                text = whole + text[1:]
            else:
                text = high + text
        if ends_in_high(text):
            self.high, text = text[-1], text[:-1]
        return text

    def remember(self, shown: str, sent: str) -> None:
        """For the events that repeat the text."""
        self.remembered += len(shown)
        if self.remembered <= REPEATED_CHARACTERS_MAX:
            self.shown.append(shown)
            self.sent.append(sent)


class StreamChannels:
    """All channels of one stream."""

    __slots__ = ("_channels", "_form", "_hooks", "_noted", "_x")

    def __init__(self, x: Exchange, hooks: tuple[Hook, ...], form: StreamForm) -> None:
        self._x = x
        self._hooks = hooks
        self._form = form
        self._channels: dict[str, Channel] = {}
        self._noted: set[Gap] = set()

    def pass_event(self, source: Piece, data: bytes, event: Json) -> tuple[bytes, bytes]:
        """What goes out before an event, and its data; the same object if it is unchanged.

        Raises `RefusedError` where a plugin ends the stream.
        """
        read = self._form.event(event, source.name)
        if read.gaps:
            self.note(read.gaps, read.tool_gaps)
        if not read.pieces and not read.ends and not read.over:
            return b"", data
        editing = Editing(source, data, event)
        for number, piece in enumerate(read.pieces):
            if piece.mode == DELTA:
                final = _ends_here(read, number)
                self._pass_delta(piece, editing, final=final)
            elif piece.mode == WHOLE:
                self._pass_whole(piece, editing)
        before = self.end(read.ends) if read.ends else b""
        for piece in read.pieces:
            if piece.mode not in {DELTA, WHOLE}:
                before += self._close(piece.channel)
                self._pass_repeat(piece, editing)
        if read.over:
            before += self._forget(read.over)
        return before, editing.result()

    def end(self, scopes: list[str]) -> bytes:
        """Ends the channels of these scopes; events with what was held of them."""
        ending = [
            name
            for name, channel in self._channels.items()
            if channel.open and (ALL in scopes or channel.last.scope in scopes)
        ]
        return b"".join([self._close(name) for name in ending])

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

    def _forget(self, over: str) -> bytes:
        """Ends the channels whose names end with `over`, and lets go of what is known of them."""
        names = [name for name in self._channels if name.endswith(over)]
        rest = b"".join([self._close(name) for name in names])
        for name in names:
            del self._channels[name]
        return rest

    def _run(self, piece: TextPiece, text: str, *, final: bool) -> str:
        if has_surrogates(text):
            self.note({Gap.LONE_SURROGATES})
            text = without_surrogates(text)
        stream = TextStream(piece.channel, text, final=final, role=piece.role, kind=piece.kind)
        reject = run_text(self._hooks, self._x, stream)
        if reject is not None:
            raise RefusedError(reject)
        return stream.text

    def _pass_delta(self, piece: TextPiece, editing: Editing, *, final: bool) -> None:
        channel = self._channels.get(piece.channel)
        if channel is None or not channel.open:
            if len(self._channels) >= CHANNELS_MAX:
                raise RefusedError(Reject(Reason.UNINSPECTABLE, Gap.TOO_DEEP.value))
            channel = self._channels[piece.channel] = Channel(piece, editing)
        channel.last, channel.template, channel.source = piece, editing.event, editing.source
        unsent = channel.high if not channel.high_sent else ""
        shown = channel.join(piece.text)
        out = self._run(piece, shown, final=final)
        if self._form.repeats:
            channel.remember(without_surrogates(shown), out)
        if final:
            channel.open = False
        if out == without_surrogates(shown) and not unsent:
            channel.owed = ""
            channel.high_sent = bool(channel.high)
            return
        channel.high_sent = False
        if channel.owed and out:
            if out.startswith(channel.owed):
                out = low_half(channel.owed) + out[1:]
            channel.owed = ""
        editing.change(piece, out)

    def _pass_whole(self, piece: TextPiece, editing: Editing) -> None:
        shown = without_surrogates(piece.text)
        out = self._run(piece, piece.text, final=True)
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

    def _close(self, name: str) -> bytes:
        """Ends a channel; an event with what was held of it, if anything was."""
        channel = self._channels.get(name)
        if channel is None or not channel.open:
            return b""
        channel.open = False
        if channel.high:
            self.note({Gap.LONE_SURROGATES})
        out = self._run(channel.last, "", final=True)
        if not out:
            return b""
        if self._form.repeats:
            channel.remember("", out)
        if channel.owed and out.startswith(channel.owed):
            out = low_half(channel.owed) + out[1:]
        fresh: Any = self._form.delta(channel.template, channel.last, _PLACE)
        raw = channel.source.with_data(
            orjson.dumps(fresh).replace(orjson.dumps(_PLACE), json_string(out), 1)
        )
        # An event ends at the CR of its blank line; the LF may have come in another portion.
        return raw + b"\n" if raw.endswith(b"\r\n\r") else raw


def _ends_here(read: Event, number: int) -> bool:
    """Whether the channel of this piece ends with it."""
    piece = read.pieces[number]
    if ALL not in read.ends and piece.scope not in read.ends:
        return False
    return all(later.channel != piece.channel for later in read.pieces[number + 1 :])
