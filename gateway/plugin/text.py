"""What a plugin sees of a body, in any dialect: spans of a whole one, pieces of a streamed one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of text in a body: who says it, what it is, where it stands.

    `role`: `user`, `assistant`, `system`, `tool`, or `unknown` where the dialect is not understood.
    `kind`: `text`, `tool_call_arguments`, `tool_result`, ... or `raw` for the whole body as text.
    `start` and `stop` are byte offsets into the body.
    """

    role: str
    kind: str
    text: str
    start: int
    stop: int


class TextStream:
    """One piece of a streamed answer, as it passes.

    `channel` names what the piece belongs to; pieces of one channel come in order. Where no dialect
    gives finer channels, it is `event` and `text` is the data of one server-sent event (or one
    line of NDJSON). `final` marks the last call of a channel, whose text may be empty.
    """

    __slots__ = ("channel", "edited", "final", "text")

    def __init__(self, channel: str, text: str, *, final: bool = False) -> None:
        self.channel = channel
        self.text = text
        self.final = final
        self.edited = False

    def replace(self, text: str) -> None:
        """Sends `text` in place of this piece; plugins after this one see the new text."""
        self.text = text
        self.edited = True
