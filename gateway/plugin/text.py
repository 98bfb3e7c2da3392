"""What a plugin sees of a body, in any dialect: spans of a whole one, pieces of a streamed one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from gateway.plugin.coverage import Gap

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a JSON text: keys and indices, from the outside in."""

UNPARSED: Final = object()
"""Stands for the parsed form of a body that nobody has parsed yet."""


class Place(Protocol):
    """Finds where in a body the value at a path stands."""

    def of(self, path: Path) -> tuple[int, int]:
        """The first byte of the value, and the one after its last."""
        ...


class Document(Protocol):
    """A whole body as its dialect reads it; never changed, an edit makes another one.

    `gaps` are the parts that are not in `spans`, `tool_gaps` those that belong to tools; `unread`
    says that nothing could be read. `body` is the decoded body, `parsed` its JSON value, or
    UNPARSED where it has none in the strict sense.
    """

    body: bytes
    parsed: Any
    spans: Sequence[Span]
    gaps: frozenset[Gap]
    tool_gaps: frozenset[Gap]
    unread: bool

    def edited(self, edits: Sequence[tuple[Span, str]]) -> Document:
        """The document with other texts in the places of these spans; no other byte changes."""
        ...


Reader: TypeAlias = Callable[[bytes, Any], Document]
"""Reads a body; the second argument is its parsed form, or UNPARSED."""


class Span:
    """One text in a body: who says it, what it is, where it stands.

    `role`: `user`, `assistant`, `system`, `tool`, or `unknown`.
    `kind`: `text`, `system`, `reasoning`, `refusal`, `tool_description`, `tool_call_arguments`,
    `tool_result`, `document`, `file_name`, `other` for a text in a member that the dialect does not
    name, or `raw` for a whole body as text.
    `text` is free of JSON's escapes. `start` and `stop` are byte offsets into the body as it was
    when the span was read (after decompression), the quotes of a JSON text included. `path` names
    the same place. `echoes` are places that repeat the text in another form, with the JSON that
    takes their place when the span is edited.
    """

    __slots__ = ("_places", "echoes", "kind", "path", "role", "text")

    def __init__(  # noqa: PLR0917  # made for every text: keywords would cost
        self,
        role: str,
        kind: str,
        text: str,
        path: Path,
        places: Place,
        echoes: tuple[tuple[Path, bytes], ...] = (),
    ) -> None:
        self.role = role
        self.kind = kind
        self.text = text
        self.path = path
        self.echoes = echoes
        self._places = places

    @property
    def start(self) -> int:
        return self._places.of(self.path)[0]

    @property
    def stop(self) -> int:
        return self._places.of(self.path)[1]

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<Span {self.role} {self.kind} {len(self.text)} characters>"


class WholeBody:
    """The only place of a body that no dialect reads."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def of(self, path: Path) -> tuple[int, int]:
        """See `Place`."""
        del path
        return 0, self._size


class RawDocument:
    """A body that no dialect reads: one text, or nothing where it is not UTF-8."""

    __slots__ = ("body", "gaps", "parsed", "spans", "tool_gaps", "unread")

    def __init__(self, body: bytes, *gaps: Gap) -> None:
        self.body = body
        self.parsed: Any = UNPARSED
        self.spans: Sequence[Span] = ()
        self.tool_gaps: frozenset[Gap] = frozenset()
        self.unread = False
        found = set(gaps)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            found.add(Gap.INVALID_UTF8)
            self.unread = True
        else:
            if text:
                self.spans = (Span("unknown", "raw", text, (), WholeBody(len(body))),)
        self.gaps: frozenset[Gap] = frozenset(found)

    def edited(self, edits: Sequence[tuple[Span, str]]) -> Document:
        """The last text stands for the whole body."""
        return RawDocument(edits[-1][1].encode(), *self.gaps)


class UnreadDocument:
    """A body of which nothing can be read, and why."""

    __slots__ = ("body", "gaps", "parsed", "spans", "tool_gaps", "unread")

    def __init__(self, body: bytes, gap: Gap) -> None:
        self.body = body
        self.parsed: Any = UNPARSED
        self.spans: Sequence[Span] = ()
        self.gaps: frozenset[Gap] = frozenset({gap})
        self.tool_gaps: frozenset[Gap] = frozenset({gap})
        self.unread = True

    def edited(self, edits: Sequence[tuple[Span, str]]) -> Document:
        """Nothing of it can be edited."""
        del edits
        raise ValueError("nothing of this body could be read")


class TextStream:
    """One piece of a streamed answer, as it passes.

    `channel` names what the piece belongs to, such as `content:0`, `reasoning:0` or `tool:0:1`;
    pieces of one channel come in order, and its text is theirs, one after the other. `role` and
    `kind` are those of a `Span`. Where no dialect gives finer channels, `channel` is `event` and
    `text` the data of one event.

    `text` is what this use held back of the channel before, and then what is new; `fresh` is the
    index at which the new begins. `final` marks the last call of a channel, whose text may be
    empty; nothing can be held then. What is not held goes on to the next use, and to the client.
    """

    __slots__ = ("channel", "edited", "final", "fresh", "held", "kind", "role", "text")

    def __init__(
        self,
        channel: str,
        text: str,
        *,
        final: bool = False,
        role: str = "unknown",
        kind: str = "raw",
        fresh: int = 0,
    ) -> None:
        self.channel = channel
        self.text = text
        self.final = final
        self.role = role
        self.kind = kind
        self.fresh = fresh
        self.edited = False
        self.held = 0

    def replace(self, text: str) -> None:
        """Puts `text` in place of the whole `text`; uses after this one see the new one."""
        self.text = text
        self.edited = True

    def hold(self, characters: int) -> None:
        """Keeps back the last `characters` of `text`: they come again, before what is new then.

        Without effect where `final` is true. Call it after `replace`.
        """
        self.held = min(max(characters, 0), len(self.text))

    def release(self, characters: int) -> None:
        """Lets the first `characters` of `text` go, and holds the rest."""
        self.hold(len(self.text) - characters)

    def __repr__(self) -> str:
        # No content: it may be somebody's prompt.
        return f"<TextStream {self.channel} {len(self.text)} characters>"
