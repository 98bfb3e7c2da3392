"""A whole JSON body in its dialect: its texts, their places, and what it is after an edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import orjson

from gateway.plugin.coverage import Gap
from gateway.plugin.text import UNPARSED, Document, Path, RawDocument, Span, UnreadDocument
from gateway.providers.gathering import Gatherer
from gateway.providers.json_places import KEY, Places, edited_string, splice, writes_ascii
from gateway.providers.json_text import UnreadableJsonError, ambiguity, parse
from gateway.providers.surrogates import has_surrogates, without_surrogates

Gather: TypeAlias = Callable[[Any, Gatherer], None]


class JsonDocument:
    """See `Document`. Places are looked for when somebody asks, which is when a text is edited."""

    __slots__ = ("body", "gaps", "parsed", "places", "spans", "tool_gaps", "unread")

    def __init__(self, body: bytes, places: Places) -> None:
        self.body = body
        self.parsed: Any = UNPARSED
        self.spans: Sequence[Span] = ()
        self.gaps: frozenset[Gap] = frozenset()
        self.tool_gaps: frozenset[Gap] = frozenset()
        self.unread = False
        self.places = places

    def edited(self, edits: Sequence[tuple[Span, str]]) -> Document:
        """The document with other texts in the places of these spans; no other byte changes."""
        places = self.places
        ascii_only = writes_ascii(self.body)
        texts = {span.path: text for span, text in edits}
        changes: list[tuple[tuple[int, int], bytes]] = []
        for path, text in texts.items():
            place = places.of(path)
            old = self.body[place[0] : place[1]]
            changes.append((place, edited_string(old, text, ascii_only=ascii_only)))
        changes += [
            (places.of(path), fresh)
            for span, _ in edits
            for path, fresh in span.echoes
            if path not in texts
        ]
        body = splice(self.body, changes)
        fresh_places = Places(body)
        document = JsonDocument(body, fresh_places)
        document.gaps, document.tool_gaps = self.gaps, self.tool_gaps
        renamed = any(path[-1:] == (KEY,) for path in texts)
        document.spans = [
            Span(
                span.role,
                span.kind,
                texts.get(span.path, span.text),
                _renamed(span.path, texts) if renamed else span.path,
                fresh_places,
                span.echoes,
            )
            for span in self.spans
        ]
        return document


def _renamed(path: Path, texts: dict[Path, str]) -> Path:
    """The path after an edit of keys on the way."""
    steps = list(path)
    for end in range(1, len(path) + 1):
        fresh = texts.get((*path[:end], KEY))
        if fresh is not None:
            steps[end - 1] = fresh
    return tuple(steps)


def read_json(gather: Gather, body: bytes, parsed: Any = UNPARSED) -> Document:
    """Reads `body`; `gather` names the texts of its value to a `Gatherer`.

    What is no JSON, or JSON that can be read in two ways, is shown as one raw text, so that a guard
    still sees what there is; the gap tells why.
    """
    surrogates = False
    if parsed is UNPARSED or parsed is None:
        try:
            parsed, surrogates = parse(body)
        except UnreadableJsonError as error:
            if error.gap is Gap.INVALID_UTF8:
                return UnreadDocument(body, error.gap)
            return RawDocument(body, error.gap)
    compact = not surrogates and is_compact(body, parsed)
    gap = None if compact else ambiguity(body, parsed)
    if gap is not None:
        return RawDocument(body, gap)
    places = Places(body, parsed if compact else None)
    found = Gatherer(places)
    try:
        gather(parsed, found)
    except UnreadableJsonError as error:
        return RawDocument(body, error.gap)
    if surrogates and any(has_surrogates(span.text) for span in found.spans):
        found.gap(Gap.LONE_SURROGATES)
        for span in found.spans:
            span.text = without_surrogates(span.text)
    document = JsonDocument(body, places)
    document.spans = found.spans
    document.gaps, document.tool_gaps = frozenset(found.gaps), frozenset(found.tool_gaps)
    if not surrogates:
        document.parsed = parsed
    return document


def is_compact(body: bytes, parsed: Any) -> bool:
    """Whether `body` is what orjson writes for its value, as most clients do.

    Then nothing in it can be read in two ways, and the places of its values are sums of sizes.
    """
    try:
        return orjson.dumps(parsed) == body
    except TypeError:
        return False


def json_value(body: bytes) -> Any:
    """The value of `body`; None where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
