"""One channel of a stream: its texts that wait, and what was shown and sent of it.

Characters whose halves stand in two events are shown as one. The first half goes out with its event
before the second has come, if nothing of that event is changed and all that stands before it went
out; then what is sent for the second begins with the half that is owed. Else the second one brings
both.
"""

from __future__ import annotations

from typing import Final

from gateway.providers.dialect import Piece as TextPiece
from gateway.providers.surrogates import (
    begins_in_low,
    ends_in_high,
    has_surrogates,
    joined,
    low_half,
)
from gateway.proxy.stream_queue import Editing, Segment, spread

REPEATED_CHARACTERS_MAX: Final = 4_194_304
"""A channel's text is remembered up to this, for the events that repeat it."""
_UNKNOWN: Final = "\ufffd"
"""Is shown for half a character."""


class Channel:
    """One channel: its last event, what was shown of it and what was sent.

    `segments` are its texts that wait for a plugin. Where the last of them has no event any more,
    nothing of the channel waits: the next event brings it.
    """

    __slots__ = (
        "editing", "high", "high_sent", "last", "open", "owed", "remembered", "segments", "sent",
        "shown",
    )  # fmt: skip

    def __init__(self, last: TextPiece, editing: Editing) -> None:
        self.last = last
        self.editing = editing
        """Its last event."""
        self.open = True
        self.segments: list[Segment] = []
        self.high = ""
        """The first half of a character whose second half has not come."""
        self.high_sent = False
        """Whether the half that stood before what is settled next went out."""
        self.owed = ""
        """A character of which the first half went out; U+FFFD where the second never comes."""
        self.shown: list[str] = []
        self.sent: list[str] = []
        self.remembered = 0

    @property
    def waits(self) -> bool:
        """Whether an event of it does."""
        return bool(self.segments) and self.segments[-1].editing is not None

    def segment(self, editing: Editing, piece: TextPiece, *, final: bool = False) -> Segment:
        """The text to show: halves of characters that two events share are put together."""
        high, self.high = self.high, ""
        text, whole = piece.text, ""
        if high:
            if begins_in_low(text):
                whole = joined(high, text[0])
                text = whole + text[1:]
            else:
                text = high + text
        if not final and ends_in_high(text):
            self.high, text = text[-1], text[:-1]
        segment = Segment(editing, piece, text)
        segment.had_high, segment.joined = bool(high), whole
        segment.ends_high = bool(self.high)
        return segment

    def remember(self, shown: str, sent: str) -> None:
        """For the events that repeat the text."""
        self.remembered += len(shown)
        if self.remembered <= REPEATED_CHARACTERS_MAX:
            self.shown.append(shown)
            self.sent.append(sent)

    def decide(self, out: str, pending: str) -> None:
        """Takes what plugins let go, `out`, while they still hold `pending`.

        What they hold is the end of what came, if they changed nothing of it; else all that came
        counts as decided, and what they hold goes out with what comes.
        """
        segments = self.segments
        rest = "".join([segment.text[segment.done :] for segment in segments])
        stop = len(rest)
        is_behind = bool(pending)
        if pending and rest.endswith(pending):
            stop -= len(pending)
            is_behind = False
        if stop or out:
            spread(segments, rest[:stop], out)
        while segments:
            first = segments[0]
            if first.done < len(first.text):
                return
            if first.editing is None:
                if len(segments) == 1:
                    return
                segments[1].out = first.out + segments[1].out
            del segments[0]
            if first.editing is not None:
                self.settle(first, first.editing, is_behind=is_behind)

    def settle(self, segment: Segment, editing: Editing, *, is_behind: bool) -> None:
        """Puts what became of a text into its event; `is_behind` says that text before it waits."""
        editing.open -= 1
        same = segment.out == segment.text and not self.owed
        if segment.had_high:
            same = same and self.high_sent
            if self.high_sent:
                self.owed = segment.joined or _UNKNOWN
        if same and not (is_behind and has_surrogates(segment.piece.text)):
            self.owed = ""
            self.high_sent = segment.ends_high
            return
        self.high_sent = False
        editing.change(segment.piece, self.without_owed(segment.out))

    def without_owed(self, out: str) -> str:
        """`out` without the half that went out before it."""
        if self.owed and out:
            if out.startswith(self.owed):
                out = ("" if self.owed == _UNKNOWN else low_half(self.owed)) + out[1:]
            self.owed = ""
        return out

    def last_half(self) -> str:
        """What goes out at the end for a first half that waited for its second."""
        waited = self.high and not self.high_sent
        self.high = ""
        return _UNKNOWN if waited else ""

    def split(self) -> None:
        """Settles all texts as far as they are decided; what is open is kept for a later event."""
        lead, rest = "", ""
        for segment in self.segments:
            rest += segment.text[segment.done :]
            segment.out, lead = lead + segment.out, ""
            if segment.editing is None:
                lead = segment.out
            else:
                self.settle(segment, segment.editing, is_behind=bool(rest))
        self.segments = [Segment(None, self.last, rest)] if rest else []
