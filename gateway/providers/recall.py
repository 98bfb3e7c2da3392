"""Remembers how the last requests were read, because a conversation sends its history again.

An agent's hundredth turn repeats ninety-nine and adds one. A body that begins as a remembered one
does, up to the end of one of its messages, and ends as that one does behind its messages, says the
same in those parts: in JSON nothing reaches from one element of an array into another. So only what
stands between is parsed, and the texts of the messages before are the very objects of before.

What is compared are the bytes themselves. Bodies with gaps are not remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeAlias

import orjson

from gateway.plugin.text import Span
from gateway.providers.dialect import Form
from gateway.providers.document import JsonDocument, is_compact
from gateway.providers.gathering import Gatherer
from gateway.providers.json_places import MemberPlaces, Places
from gateway.providers.json_text import ambiguity

BODY_BYTES_MIN: Final = 8192
"""A smaller body is read as quickly as it is compared."""
BODY_BYTES_MAX: Final = 2_097_152
"""A larger one would drive out too many others."""
REMEMBERED_BYTES_MAX: Final = 8_388_608
"""All remembered bodies of one worker together; their texts take as much again."""

_KEY_BYTES: Final = 1024
_ALIKE_MAX: Final = 4
"""Conversations that begin with the same bytes."""
_ARRAY_BEGIN: Final = ord("[")
_BLANKS: Final = b" \t\r\n"

_Key: TypeAlias = tuple[str, bytes]


class _Read:
    """One body as it was read: where its messages stand, their texts, and those around them."""

    __slots__ = ("around", "body", "elements", "members", "places", "within")

    def __init__(  # noqa: PLR0917  # made here alone
        self,
        body: bytes,
        places: Places,
        members: dict[str, MemberPlaces],
        elements: list[tuple[int, int]],
        around: tuple[list[Span], list[Span]],
        within: list[list[Span]],
    ) -> None:
        self.body = body
        self.places = places
        self.members = members
        self.elements = elements
        self.around = around
        self.within = within

    def document(self) -> JsonDocument:
        """The body with all its texts."""
        document = JsonDocument(self.body, self.places)
        before, after = self.around
        spans = before.copy()
        for texts in self.within:
            spans += texts
        spans += after
        document.spans = spans
        return document


class Recall:
    """The memory of one worker."""

    __slots__ = ("_reads", "_size")

    def __init__(self) -> None:
        self._reads: OrderedDict[_Key, list[_Read]] = OrderedDict()
        self._size = 0

    def read(self, form: Form, body: bytes) -> JsonDocument | None:
        """The document of `body`, if a part of it is known; it is remembered then."""
        if not form.history or not BODY_BYTES_MIN <= len(body) <= BODY_BYTES_MAX:
            return None
        key = (form.name, body[:_KEY_BYTES])
        best: _Read | None = None
        known = 0
        for read in self._reads.get(key, ()):
            count = _common(read, body, form.history)
            if count > known:
                best, known = read, count
        if best is None:
            return None
        fresh = _continued(best, known, body, form)
        if fresh is None:
            return None
        self._keep(key, fresh, best)
        return fresh.document()

    def learn(self, form: Form, document: JsonDocument) -> None:
        """Remembers a document that was read as a whole."""
        body = document.body
        if document.gaps or not BODY_BYTES_MIN <= len(body) <= BODY_BYTES_MAX:
            return
        read = _read_of(document, form.history) if form.history else None
        if read is not None:
            self._keep((form.name, body[:_KEY_BYTES]), read, None)

    def _keep(self, key: _Key, fresh: _Read, old: _Read | None) -> None:
        reads = self._reads.setdefault(key, [])
        self._reads.move_to_end(key)
        if old is not None:
            reads.remove(old)
            self._size -= len(old.body)
        elif len(reads) >= _ALIKE_MAX:
            self._size -= len(reads.pop(0).body)
        reads.append(fresh)
        self._size += len(fresh.body)
        while self._size > REMEMBERED_BYTES_MAX:
            _, gone = self._reads.popitem(last=False)
            self._size -= sum([len(read.body) for read in gone])


def _read_of(document: JsonDocument, name: str) -> _Read | None:
    """What is to be remembered; None where the messages cannot be told from the rest."""
    places, body = document.places, document.body
    try:
        members = places.members(())
        start = members[name][2]
    except (LookupError, TypeError, AttributeError):
        return None
    if body[start] != _ARRAY_BEGIN:
        return None
    elements = places.elements((name,))
    within: list[list[Span]] = [[] for _ in elements]
    around: tuple[list[Span], list[Span]] = ([], [])
    side = 0
    for span in document.spans:
        if span.path[0] == name and len(span.path) > 1:
            within[int(span.path[1])].append(span)
            side = 1
        else:
            around[side].append(span)
    if not side:
        return None  # which texts come before those of the messages is not known
    places.forget_value()
    return _Read(body, places, members, elements, around, within)


def _common(read: _Read, body: bytes, name: str) -> int:
    """How many messages of `read` the body begins with; 0 if it does not end as that one does."""
    tail = read.body[read.members[name][3] - 1 :]
    if not body.endswith(tail):
        return 0
    room = len(body) - len(tail)
    count, step = len(read.elements), 1
    while count > 0:
        stop = read.elements[count - 1][1]
        if stop <= room and body.startswith(read.body[:stop]):
            return count
        count -= step
        step *= 2  # the last messages differ now and then (cache marks), the first ones hardly
    return 0


def _continued(read: _Read, known: int, body: bytes, form: Form) -> _Read | None:
    """The body that begins with the first `known` messages of `read`, and has others after them."""
    name = form.history
    shift = len(body) - len(read.body)
    stop = read.members[name][3] - 1 + shift
    middle = body[read.elements[known - 1][1] : stop].lstrip(_BLANKS)
    elements = read.elements[:known]
    added: list[Any] = []
    if middle:
        if not middle.startswith(b","):
            return None
        middle = b"[" + middle[1:] + b"]"
        try:
            added = orjson.loads(middle)
        except orjson.JSONDecodeError:
            return None
        compact = is_compact(middle, added)
        if not added or (not compact and ambiguity(middle, added) is not None):
            return None
        offset = stop - len(middle) + 1
        inner = Places(middle, added if compact else None)
        elements += [(offset + start, offset + end) for start, end in inner.elements(())]
    members = _shifted(read.members, name, shift)
    places = Places(body)
    places.learn(members, name, elements)
    found = Gatherer(places)
    within = read.within[:known]
    for number, message in enumerate(added, known):
        if not isinstance(message, dict):
            return None  # what that is, the form itself says
        found.spans = []
        form.message(message, (name, number), found)
        within.append(found.spans)
    if found.gaps:
        return None
    before, after = [[_placed(span, places) for span in side] for side in read.around]
    return _Read(body, places, members, elements, (before, after), within)


def _placed(span: Span, places: Places) -> Span:
    return Span(span.role, span.kind, span.text, span.path, places, span.echoes)


def _shifted(members: dict[str, MemberPlaces], name: str, shift: int) -> dict[str, MemberPlaces]:
    """The places of the members after the messages have got longer."""
    moved: dict[str, MemberPlaces] = {}
    behind = 0
    for key, (key_start, key_stop, start, stop) in members.items():
        here = behind
        if key == name:
            behind = shift
        moved[key] = (key_start + here, key_stop + here, start + here, stop + behind)
    return moved
