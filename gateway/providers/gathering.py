"""Collects the texts of one JSON body, each with its role, kind and path."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path, Place, Span, WholeBody
from gateway.providers.json_places import KEY
from gateway.providers.json_text import DEPTH_MAX, UnreadableJsonError

STRUCTURAL: Final = frozenset(
    {
        "type", "id", "object", "role", "status", "index", "model", "format", "encoding_format",
        "call_id", "tool_call_id", "tool_use_id", "toolUseId", "item_id", "event_id",
        "response_id", "previous_response_id", "media_type", "mime_type", "mimeType", "$schema",
        "$ref", "required", "service_tier", "system_fingerprint", "finish_reason", "stop_reason",
        "finishReason", "stopReason", "obfuscation", "signature", "encrypted_content",
        "thoughtSignature", "thought_signature", "cache_control", "cachePoint", "usage",
        "usageMetadata", "logprobs", "logprobsResult", "top_logprobs",
    }
)  # fmt: skip
"""Members with a fixed vocabulary or an opaque value, which no model takes for text.

They are passed over where the dialect describes the object, never in data such as a tool's result.
"""
_SKIPPED: Final = 0
_OWN: Final = 1
"""Skipped as a text, but an object of that name says something, such as a tool's parameter."""
_NAMING: Final = 2
"""Its members have names of the client's own, and its values are described: a schema's."""
_DATA: Final = 3
"""All in it is the client's own."""
_SPECIAL: Final[dict[str, int]] = {
    **dict.fromkeys(STRUCTURAL, _SKIPPED),
    **dict.fromkeys(
        ("type", "id", "object", "role", "status", "index", "model", "format", "signature"), _OWN
    ),
    **dict.fromkeys(
        ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), _NAMING
    ),
    **dict.fromkeys(
        ("metadata", "variables", "attributes", "arguments", "structuredContent", "env",
         "chat_template_kwargs", "input_examples", "example", "examples", "default", "const",
         "enum"),
        _DATA,
    ),
}  # fmt: skip
"""Members that `leaves` and `rest` do not take as they take all others."""
TEXTS_MAX: Final = 16_384
"""Texts of one body or event. Each costs microseconds; one with more is read as a single text."""
NUMBER_MIN: Final = 100_000
"""Smaller whole numbers in the data of tools are not shown: they identify nobody."""

_NOWHERE: Final = WholeBody(0)


class Gatherer:
    """The texts of one body, in the order in which a form names them."""

    __slots__ = ("_places", "gaps", "spans", "tool_gaps")

    def __init__(self, places: Place = _NOWHERE) -> None:
        self._places = places
        self.spans: list[Span] = []
        self.gaps: set[Gap] = set()
        self.tool_gaps: set[Gap] = set()

    def add(
        self,
        role: str,
        kind: str,
        text: Any,
        path: Path,
        echoes: tuple[tuple[Path, bytes], ...] = (),
    ) -> None:
        """Adds one text; what is empty or no text is none.

        Raises `UnreadableJsonError` where there are too many.
        """
        if text and isinstance(text, str):
            if len(self.spans) >= TEXTS_MAX:
                raise UnreadableJsonError(Gap.TOO_DEEP)
            self.spans.append(Span(role, kind, text, path, self._places, echoes))

    def gap(self, gap: Gap, *, tool: bool = False) -> None:
        """Notes a part that is not shown; `tool`: it belongs to a tool."""
        self.gaps.add(gap)
        if tool:
            self.tool_gaps.add(gap)

    def texts(self, role: str, kind: str, value: Any, path: Path) -> None:
        """Adds a text, or a list of texts."""
        if isinstance(value, str):
            self.add(role, kind, value, path)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self.add(role, kind, inner, (*path, index))

    def data(self, role: str, kind: str, value: Any, path: Path, depth: int = 0) -> None:
        """Adds everything that says something in `value`: texts, keys and long numbers."""
        if isinstance(value, str):
            self.add(role, kind, value, path)
        elif isinstance(value, dict):
            if self._too_deep(depth):
                return
            for key, inner in value.items():
                self.add(role, kind, key, (*path, key, KEY))
                self.data(role, kind, inner, (*path, key), depth + 1)
        elif isinstance(value, list):
            if self._too_deep(depth):
                return
            for index, inner in enumerate(value):
                self.data(role, kind, inner, (*path, index), depth + 1)
        elif type(value) is int and not -NUMBER_MIN < value < NUMBER_MIN:
            self.add(role, kind, str(value), path)

    def every(self, role: str, kind: str, value: Any, path: Path, depth: int = 0) -> None:
        """Adds the texts in `value`, whose members have names of the client's own."""
        if isinstance(value, str):
            self.add(role, kind, value, path)
        elif isinstance(value, dict):
            if self._too_deep(depth):
                return
            for key, inner in value.items():
                self.every(role, kind, inner, (*path, key), depth + 1)
        elif isinstance(value, list):
            if self._too_deep(depth):
                return
            for index, inner in enumerate(value):
                self.every(role, kind, inner, (*path, index), depth + 1)

    def leaves(self, role: str, kind: str, value: Any, path: Path, depth: int = 0) -> None:
        """Adds the texts in `value`, an object that a provider describes."""
        if isinstance(value, str):
            self.add(role, kind, value, path)
        elif isinstance(value, dict):
            if self._too_deep(depth):
                return
            for key, inner in value.items():
                how = _SPECIAL.get(key)
                if how is None:
                    self.leaves(role, kind, inner, (*path, key), depth + 1)
                elif how > _OWN or (how == _OWN and not isinstance(inner, str)):
                    self._special(how, role, kind, inner, (*path, key), depth + 1)
        elif isinstance(value, list):
            if self._too_deep(depth):
                return
            for index, inner in enumerate(value):
                self.leaves(role, kind, inner, (*path, index), depth + 1)

    def rest(self, role: str, members: dict[str, Any], path: Path, known: Collection[str]) -> None:
        """Adds the texts of the members that are not in `known`."""
        for key, value in members.items():
            if key not in known and isinstance(value, (str, list, dict)):
                how = _SPECIAL.get(key)
                if how is None:
                    self.leaves(role, "other", value, (*path, key))
                elif how > _OWN or (how == _OWN and not isinstance(value, str)):
                    self._special(how, role, "other", value, (*path, key), 0)

    def _special(  # noqa: PLR0917  # called for many members: keywords would cost
        self, how: int, role: str, kind: str, value: Any, path: Path, depth: int
    ) -> None:
        if how == _DATA:
            self.every(role, kind, value, path, depth)
        elif how == _NAMING and isinstance(value, dict):
            for key, inner in value.items():
                self.leaves(role, kind, inner, (*path, key), depth + 1)
        elif how == _NAMING or isinstance(value, (dict, list)):
            self.leaves(role, kind, value, path, depth)

    def _too_deep(self, depth: int) -> bool:
        if depth < DEPTH_MAX:
            return False
        self.gaps.add(Gap.TOO_DEEP)
        return True
