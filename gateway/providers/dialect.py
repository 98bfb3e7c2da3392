"""What a dialect is to the gateway: where the texts stand in its bodies and in its streams.

A `Form` is one API of one provider (OpenAI's chat completions, Gemini's generateContent). It names
the texts of a whole body to a `Gatherer`, and the texts of one event of a stream as `Piece`s. It
computes no places and edits nothing: a text is named by its path, and what is edited is spliced
into the bytes by `document.py` and `proxy/stream_text.py`, the same way for every form.

What a form does not know is not passed over: its texts are gathered as `other`. So a new member of
a provider's API is inspected, if not understood, on the day on which it appears.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.gathering import Gatherer

Json: TypeAlias = dict[str, Any]
Echoes: TypeAlias = tuple[tuple[Path, bytes], ...]
"""Places that repeat a text in another form, and the JSON for them once the text is edited."""

DELTA: Final = 0
"""The next part of a channel's text."""
WHOLE: Final = 1
"""A text on its own: a channel that begins and ends with it."""
REPEAT: Final = 2
"""All of a channel's text once more (`response.output_text.done`): the channel has ended."""

ALL: Final = ""
"""As a scope that ends: every channel."""


class Piece:
    """One text in one event.

    `scope` is what ends together: a choice, a block, an item. `path` is its place in the event.
    """

    __slots__ = ("channel", "echoes", "kind", "mode", "path", "role", "scope", "text")

    def __init__(  # noqa: PLR0917  # made for each event: keywords would cost
        self,
        channel: str,
        scope: str,
        kind: str,
        text: str,
        path: Path,
        mode: int = DELTA,
        echoes: Echoes = (),
        role: str = "assistant",
    ) -> None:
        self.channel = channel
        self.scope = scope
        self.kind = kind
        self.text = text
        self.path = path
        self.mode = mode
        self.echoes = echoes
        self.role = role


class Event:
    """What one event of a stream is about: its texts, and the scopes that end with it.

    `over` is the end of the names of channels of which nothing more comes, nor any repetition, in
    a stream that goes on for hours; "" where there is none.
    """

    __slots__ = ("ends", "gaps", "over", "pieces", "tool_gaps")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.ends: list[str] = []
        self.over = ""
        self.gaps: set[Gap] = set()
        self.tool_gaps: set[Gap] = set()

    def add(  # noqa: PLR0917  # called for each text: keywords would cost
        self,
        channel: str,
        scope: str,
        kind: str,
        text: Any,
        path: Path,
        mode: int = DELTA,
        echoes: Echoes = (),
    ) -> None:
        """Adds a text of the assistant; what is empty or no text is none."""
        if text and isinstance(text, str):
            self.pieces.append(Piece(channel, scope, kind, text, path, mode, echoes))

    def add_gathered(self, found: Gatherer) -> None:
        """Adds the texts of `found`, each as a channel of its own."""
        for span in found.spans:
            self.pieces.append(
                Piece(span.kind, "", span.kind, span.text, span.path, WHOLE, span.echoes, span.role)
            )
        self.gaps |= found.gaps
        self.tool_gaps |= found.tool_gaps

    def leaves(self, value: Any, path: Path, kind: str = "other", role: str = "assistant") -> None:
        """Adds every text at or below `value`, each as a channel of its own."""
        found = Gatherer()
        found.leaves(role, kind, value, path)
        self.add_gathered(found)

    def rest(self, members: Json, path: Path, known: frozenset[str]) -> None:
        """Adds the texts of the members that the dialect does not name."""
        if known.issuperset(members):
            return
        found = Gatherer()
        found.rest("assistant", members, path, known)
        self.add_gathered(found)


class StreamForm(Protocol):
    """Reads one kind of stream; keeps nothing of it."""

    repeats: bool
    """Whether events come that repeat the text of a channel."""

    def event(self, event: Json, name: bytes) -> Event:
        """What `event` holds; `name` is the one of the framing."""
        ...

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        """An event that brings `text` and nothing else to the channel of `piece`.

        `template` is the event in which `piece` came.
        """
        ...


def _no_message(message: Json, path: Path, found: Gatherer) -> None:
    found.leaves("unknown", "text", message, path)


@dataclass(frozen=True, slots=True)
class Form:
    """One API of one provider: how its requests, its whole answers and its streams are read.

    `history` is the member of a request that holds the conversation, "" where there is none, and
    `message` reads one element of it.
    """

    name: str
    request: Callable[[Json, Gatherer], None]
    response: Callable[[Any, Gatherer], None]
    stream: StreamForm
    history: str = ""
    message: Callable[[Json, Path, Gatherer], None] = _no_message


def objects(value: Any) -> list[tuple[int, Json]]:
    """The objects of a list, with their indices."""
    if not isinstance(value, list):
        return []
    return [(index, inner) for index, inner in enumerate(value) if isinstance(inner, dict)]


def word(value: Any) -> str:
    """A member that names a kind; what is no text names none."""
    return value if isinstance(value, str) else ""


def label(value: Any, default: int = 0) -> str:
    """The index that a provider writes into an event, as a part of a channel's name."""
    return str(value) if type(value) is int else str(default)
