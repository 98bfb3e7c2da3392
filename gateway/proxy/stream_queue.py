"""Events of a stream that wait, in their order, until every text in them is decided.

A plugin that holds the end of a text back has not decided the event that brought it. Such an event
waits, and goes out as it came if nothing of it is changed in the end. The texts of a channel are
`Segment`s: what plugins let go is spread over them, so that an edit changes the events in which the
edited words stand, and no other.

    came      "write to al"   "ice@acme.org"   " or call"
    let go    "write to "     "[EMAIL]"        " or "
    sent                                       "write to [EMAIL]" "" " or " ... "call" is held
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gateway.providers.dialect import Json
from gateway.providers.dialect import Piece as TextPiece
from gateway.providers.json_places import Places, edited_string, splice, writes_ascii
from gateway.providers.json_text import parse
from gateway.providers.streaming import Piece

WAITING_BYTES_MAX: Final = 65_536
"""Events may wait up to this; then what is decided of them goes out without the rest."""


class Queued:
    """Bytes that go out behind events that wait."""

    __slots__ = ("open", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.open = 0
        """How many of its texts are not decided."""

    def result(self) -> bytes:
        """What is sent."""
        return self.raw


class Editing(Queued):
    """One event: its data, and the changes that plugins make to it."""

    __slots__ = ("_places", "changes", "data", "source", "whole")

    def __init__(self, source: Piece, data: bytes) -> None:
        super().__init__(source.raw)
        self.source = source
        self.data = data
        self.changes: list[tuple[tuple[int, int], bytes]] = []
        self.whole: str | None = None
        self._places: Places | None = None

    def event(self) -> Json:
        """Its JSON, which was valid when it came."""
        found: Json = parse(self.data)[0]
        return found

    def change(self, piece: TextPiece, text: str) -> None:
        """Puts `text` in the place of a piece, and takes away what repeats it in other forms."""
        if not piece.path:
            self.whole = text
            return
        places = self._places
        if places is None:
            places = self._places = Places(self.data)
        place = places.of(piece.path)
        old = self.data[place[0] : place[1]]
        fresh = edited_string(old, text, ascii_only=writes_ascii(self.data))
        self.changes.append((place, fresh))
        self.changes.extend((places.of(path), json) for path, json in piece.echoes)

    def result(self) -> bytes:
        """The event as it came if nothing changed."""
        if self.whole is not None:
            return self.source.with_data(self.whole.encode())
        if not self.changes:
            return self.raw
        return self.source.with_data(splice(self.data, self.changes))


class Segment:
    """A text of an event: `done` characters of `text` are decided, and came to `out`.

    Without `editing` it is what was not decided of events that are gone; the next one brings it.
    `had_high` says that half a character stood before it, `joined` is that whole character, and
    `ends_high` says that half of one follows `text`.
    """

    __slots__ = ("done", "editing", "ends_high", "had_high", "joined", "out", "piece", "text")

    def __init__(self, editing: Editing | None, piece: TextPiece, text: str) -> None:
        self.editing = editing
        self.piece = piece
        self.text = text
        self.done = 0
        self.out = ""
        self.had_high = self.ends_high = False
        self.joined = ""


def spread(segments: list[Segment], decided: str, out: str) -> None:
    """Says of the first characters that are open, `decided`, that they came to `out`.

    What both begin with and end with stays where it is; the rest goes where it begins.
    """
    stop = len(decided)
    same = out == decided
    begin = stop if same else _common(decided, out)
    most = min(stop, len(out)) - begin
    tail = 0 if same else _common(decided[::-1], out[::-1], most)
    fresh = "" if same else out[begin : len(out) - tail]
    resume = stop - tail
    place, last = 0, segments[-1]
    for segment in segments:
        if segment.done == len(segment.text) and segment is not last:
            continue
        part = segment.text[segment.done : segment.done + stop - place]
        segment.out += part[: max(0, begin - place)]
        if fresh and begin <= place + len(part):
            segment.out += fresh
            fresh = ""
        segment.out += part[max(0, resume - place) :]
        segment.done += len(part)
        place += len(part)
        if place >= stop:
            return


def _common(one: str, other: str, most: int | None = None) -> int:
    """How many characters the two begin with alike."""
    size = min(len(one), len(other)) if most is None else most
    for at in range(size):
        if one[at] != other[at]:
            return at
    return size


class EventQueue:
    """What waits, in its order."""

    __slots__ = ("_events", "size")

    def __init__(self) -> None:
        self._events: deque[Queued] = deque()
        self.size = 0
        """In bytes, as it came."""

    def push(self, event: Queued) -> None:
        """Adds one at the end."""
        self._events.append(event)
        self.size += len(event.raw)

    def drain(self, before: bytes = b"") -> bytes:
        """Takes off what is decided, up to the first event that is not; `before` goes before it."""
        events = self._events
        out = [before] if before else []  # one event alone is joined without a copy
        while events and not events[0].open:
            event = events.popleft()
            self.size -= len(event.raw)
            out.append(event.result())
        return b"".join(out)

    @property
    def waits(self) -> bool:
        """Whether anything does."""
        return bool(self._events)
