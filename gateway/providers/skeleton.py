"""An event that is like one before it, but for its text: read without parsing it again.

A model's answer is hundreds of events that differ in one string. Once an event was parsed, checked
and understood, the bytes around that string are remembered. What has the same bytes around it, and
a valid JSON string in its place, has the same structure, the same keys and the same meaning:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}
    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}
          |<------------------- alike ------------------------->|   |<------ alike ------>|

A few members that change with every event, and that no form reads, may differ as well.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.providers.dialect import DELTA, Event, Piece
from gateway.providers.json_places import Places

_CHANGING: Final = ("obfuscation", "sequence_number", "created_at", "p")
"""Members of the outermost object: padding, a running number, the time of writing."""
_KEPT: Final = 4
"""Skeletons of one stream: choices take turns."""
_BYTES_MAX: Final = 16_384
"""Longer events are not remembered."""


class Skeleton:
    """The bytes of one event around what may differ in it.

    `_parts` stand between the values, `_kinds` are the types of these, and the value with the
    number `_number` is the text.
    """

    __slots__ = ("_head", "_kinds", "_name", "_number", "_parts", "_piece", "_tail")

    def __init__(self, data: bytes, name: bytes, piece: Piece) -> None:
        """Raises LookupError where the text has no place of its own."""
        places = Places(data)
        text = places.of(piece.path)
        members = places.members(())
        others = [members[key][2:] for key in _CHANGING if key in members and (key,) != piece.path]
        holes = sorted([text, *(place for place in others if _may_change(data, place))])
        self._number = holes.index(text)
        self._kinds = [type(orjson.loads(data[start:stop])) for start, stop in holes]
        starts = [0, *(stop for _, stop in holes)]
        stops = [*(start for start, _ in holes), len(data)]
        parts = [data[start:stop] for start, stop in zip(starts, stops, strict=True)]
        self._head, self._tail, self._parts = parts[0], parts[-1], parts[1:-1]
        self._name = name
        self._piece = piece

    def text_of(self, data: bytes, name: bytes) -> str:
        """The text of another event, if it is like this one; else ""."""
        if not data.startswith(self._head) or not data.endswith(self._tail) or name != self._name:
            return ""
        stop = len(data) - len(self._tail)
        at = len(self._head)
        text = ""
        number = 0
        for part in self._parts:
            place = data.find(part, at, stop)
            if place < 0:
                return ""
            value = self._value(data[at:place], number)
            if value is None:
                return ""
            if number == self._number:
                text = value
            number += 1
            at = place + len(part)
        if at > stop:
            return ""
        value = self._value(data[at:stop], number)
        if value is None:
            return ""
        return value if number == self._number else text

    def _value(self, written: bytes, number: int) -> Any:
        """What is written there, None where it is something else than the values before it."""
        try:
            value = orjson.loads(written)
        except orjson.JSONDecodeError:
            return None
        return value if type(value) is self._kinds[number] else None

    def piece(self, text: str) -> Piece:
        """The piece of the event that has this text."""
        like = self._piece
        return Piece(
            like.channel, like.scope, like.kind, text, like.path, DELTA, like.echoes, like.role
        )


def _may_change(data: bytes, place: tuple[int, int]) -> bool:
    """A number, or a text that no form showed: one that is empty might be shown with a content."""
    value = orjson.loads(data[place[0] : place[1]])
    return type(value) is int or (type(value) is str and value != "")


class Skeletons:
    """The skeletons of one stream. An event whose like never comes again is soon not learnt from.

    `_missed` counts the events since the last one that was known: the 1st, 2nd, 4th, 8th ... of
    them is learnt, since that costs as much as reading it anew.
    """

    __slots__ = ("_event", "_known", "_missed")

    def __init__(self) -> None:
        self._known: list[Skeleton] = []
        self._missed = 0
        self._event = Event()

    def read(self, data: bytes, name: bytes) -> Event | None:
        """What the event holds, if one like it came before; only until the next call."""
        for skeleton in self._known:
            text = skeleton.text_of(data, name)
            if text:
                self._missed = 0
                self._event.pieces = [skeleton.piece(text)]
                return self._event
        return None

    def text(self, data: bytes, name: bytes) -> str:
        """The text of an event alone, if one like it came before; else ""."""
        for skeleton in self._known:
            text = skeleton.text_of(data, name)
            if text:
                self._missed = 0
                return text
        return ""

    def learn(self, data: bytes, name: bytes, read: Event) -> None:
        """Takes an event that was not known, and what it was read as."""
        if self.missed() and _is_one_text(read):
            self.keep(data, name, read.pieces[0])

    def missed(self) -> bool:
        """Counts an event that was not known; whether it is one to learn from."""
        self._missed += 1
        return not self._missed & (self._missed - 1)

    def keep(self, data: bytes, name: bytes, piece: Piece) -> None:
        """Takes an event that was not known, in which but this text nothing is to be read."""
        if len(data) > _BYTES_MAX:
            return
        try:
            skeleton = Skeleton(data, name, piece)
        except (LookupError, ValueError):  # half a character, which is read by the long way
            return
        self._known = [skeleton, *self._known[: _KEPT - 1]]


def _is_one_text(read: Event) -> bool:
    """Whether the event brings one part of one channel, and nothing else."""
    if len(read.pieces) != 1 or read.ends or read.over or read.gaps or read.tool_gaps:
        return False
    piece = read.pieces[0]
    return piece.mode == DELTA and not piece.echoes and bool(piece.path)
