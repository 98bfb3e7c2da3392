"""Texts in a delta that no dialect names: which of them are the next part of a longer one.

What stands in a delta goes on in the next one. So a text of a name that nobody knows has a channel
there, named by its path (`other:0:reasoning_text`), and what is cut in two is shown as one. Deeper
within, only members are taken for such a part whose names say that they are text.

Everything else is read event by event, and never held back: half a name, an address or a quotation
is of no use to a client, and two of them are not one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import DELTA, Event, Json, Piece
from gateway.providers.gathering import STRUCTURAL, Gatherer
from gateway.providers.json_text import DEPTH_MAX

_TEXTS: Final = frozenset(
    {
        "text", "content", "delta", "thinking", "thinking_content", "reasoning", "summary",
        "reasoning_content", "reasoning_text", "summary_text", "transcript", "refusal", "answer",
        "arguments", "input", "output", "code", "diff", "stdout", "stderr", "logs", "partial_json",
    }
)  # fmt: skip
"""Names of running text, wherever in a delta they stand."""
_WHOLE: Final = STRUCTURAL | {
    "name", "author", "provider", "channel", "recipient", "namespace", "phase", "version", "kind",
    "title", "url", "uri", "link", "path", "language", "lang", "locale", "created", "date",
    "timestamp", "fingerprint", "hash", "checksum", "nonce", "data", "category", "severity",
    "level", "stop", "matched_stop", "event", "citation", "image", "audio", "video", "file",
}  # fmt: skip
"""Names of what is no running text, though it stands in a delta."""
_WHOLE_ENDS: Final = (
    "_id", "Id", "_name", "Name", "_type", "Type", "_url", "_uri", "_at", "_role", "_hash",
    "_fingerprint", "_signature", "_reason", "_status", "_format", "_language", "_version",
    "_index", "_token_ids",
)  # fmt: skip
_APART: Final = STRUCTURAL | {
    "annotations", "citations", "citation", "url_citation", "file_citation", "sources", "context",
    "search_results", "web_search", "documents", "grounding_metadata", "groundingMetadata",
    "images", "videos", "files", "metadata", "error", "related_questions", "tool_results",
    "content_filter_results", "content_filter_offsets", "content_filter_result",
}  # fmt: skip
"""Objects and lists that come whole."""
_VERDICTS: Final = frozenset({"safe", "low", "medium", "high"})
"""How severe a content is: Azure says it with every event, four times over."""
_NAMING: Final = frozenset({"type", "index", "format"})


class DeltaTexts:
    """Adds to an event what is found; `channel` is what the names of its channels begin with."""

    __slots__ = ("_kind", "_read", "_role", "_scope")

    def __init__(
        self, read: Event, scope: str, kind: str = "other", role: str = "assistant"
    ) -> None:
        self._read = read
        self._scope = scope
        self._kind = kind
        self._role = role

    def members(self, holder: Json, path: Path, known: Collection[str], channel: str) -> None:
        """The members of a delta that are not in `known`."""
        for key, value in holder.items():
            if value and key not in known:
                self.member(key, value, (*path, key), f"{channel}:{key}")

    def member(self, key: str, value: Any, path: Path, channel: str) -> None:
        """One member of a delta."""
        if not isinstance(value, str):
            self._within(key, value, path, channel)
        elif key in _WHOLE or key.endswith(_WHOLE_ENDS):
            self._apart(key, value, path)
        else:
            self.part(value, path, channel)

    def value(self, value: Any, path: Path, channel: str) -> None:
        """What stands where the dialect has running text: one, several, or an object."""
        if isinstance(value, str):
            self.part(value, path, channel)
        else:
            self._within("text", value, path, channel)

    def inner(self, holder: Json, path: Path, known: Collection[str], channel: str) -> None:
        """The members of an object within a delta that are not in `known`."""
        number = holder.get("index")
        if type(number) is int:
            channel = f"{channel}:{number}"
        for key, value in holder.items():
            if not value or key in known:
                continue
            at = (*path, key)
            if not isinstance(value, str):
                self._within(key, value, at, f"{channel}:{key}")
            elif key in _TEXTS:
                self.part(value, at, channel if key == "text" else f"{channel}:{key}")
            elif key not in STRUCTURAL:
                self._apart(key, value, at)

    def part(self, text: str, path: Path, channel: str) -> None:
        """The next part of a channel."""
        if text:
            self._read.pieces.append(
                Piece(channel, self._scope, self._kind, text, path, DELTA, (), self._role)
            )

    def _within(self, key: str, value: Any, path: Path, channel: str) -> None:
        if len(path) > DEPTH_MAX:
            self._read.gaps.add(Gap.TOO_DEEP)
        elif key in _APART:
            self._apart(key, value, path)
        elif isinstance(value, dict):
            self.inner(value, path, (), channel)
        elif isinstance(value, list):
            for place, each in enumerate(value):
                at = (*path, place)
                if not isinstance(each, str):
                    self._within(key, each, at, channel)
                elif key in _TEXTS:
                    self.part(each, at, channel)
                else:
                    self._apart(key, each, at)

    def _apart(self, key: str, value: Any, path: Path) -> None:
        found = Gatherer()
        if path[-1] == key:
            found.leaves(self._role, self._kind, {key: value}, path[:-1])
        else:  # an element of a list of that name
            found.leaves(self._role, self._kind, value, path)
        found.spans = [
            span
            for span in found.spans
            if span.path[-1] != "severity" or span.text not in _VERDICTS
        ]
        self._read.add_gathered(found)


def frame_of(template: Json) -> Json:
    """The members of an event that carry no text: what may be said again in an event of our own."""
    return {
        key: value
        for key, value in template.items()
        if value is None
        or isinstance(value, (bool, int, float))
        or (isinstance(value, str) and key in STRUCTURAL)
    }


def only(template: Json, path: Path, depth: int, text: str) -> Any:
    """What stands at `path[:depth]`, with `text` at `path`, and no other text but what names it."""
    inner: Any = template
    containers: list[Any] = []
    for step in path[:-1]:
        inner = inner[step]
        containers.append(inner)
    value: Any = text
    for step, container in zip(
        reversed(path[depth:]), reversed(containers[depth - 1 :]), strict=True
    ):
        if isinstance(step, int):
            value = [value]
        else:
            value = {k: v for k, v in container.items() if k in _NAMING} | {step: value}
    return value
