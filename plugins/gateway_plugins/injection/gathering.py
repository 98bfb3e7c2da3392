"""Which texts of a message are judged, and which of them are history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from gateway.plugin import Span
from gateway_plugins.injection.memory import Found
from gateway_plugins.injection.parts import STANDING, Part, part_of_answer, part_of_request

History: TypeAlias = Literal["new", "known", "all"]


class Text:
    """One text to judge.

    `old` says that it stands before the last thing that the model said, `newest` that it belongs to
    the last message, `known` that its finding was remembered.
    """

    __slots__ = ("found", "known", "newest", "old", "part", "span")

    def __init__(self, span: Span, part: Part, *, old: bool, newest: bool) -> None:
        self.span = span
        self.part = part
        self.old = old
        self.newest = newest
        self.known = False
        self.found: Found | None = None

    @property
    def is_repeated(self) -> bool:
        """Whether it stands in the history, as far as one can tell.

        A client that keeps a refused message has no answer of the model behind it.
        """
        return self.old or (self.known and not self.newest and self.part.name not in STANDING)


def request_texts(spans: Sequence[Span], parts: dict[str, Part], history: History) -> list[Text]:
    """What is judged of a request, in its order."""
    answered = _last_of_the_model(spans)
    last = _last_message(spans)
    texts = []
    for index, span in enumerate(spans):
        part = parts.get(part_of_request(span.role, span.kind))
        if part is None or not span.text:
            continue
        old = index < answered and part.name not in STANDING
        if not old or history != "new":
            texts.append(Text(span, part, old=old, newest=span.path[:2] == last))
    return texts


def _last_of_the_model(spans: Sequence[Span]) -> int:
    for index in range(len(spans) - 1, -1, -1):
        if spans[index].role == "assistant":
            return index
    return -1


def _last_message(spans: Sequence[Span]) -> tuple[str | int, ...]:
    for index in range(len(spans) - 1, -1, -1):
        if part_of_request(spans[index].role, spans[index].kind) not in STANDING:
            return spans[index].path[:2]
    return ()


def answer_texts(spans: Sequence[Span], parts: dict[str, Part]) -> list[Text]:
    """What is judged of a whole answer."""
    texts = []
    for span in spans:
        part = parts.get(part_of_answer(span.kind))
        if part is not None and span.text:
            texts.append(Text(span, part, old=False, newest=True))
    return texts
