"""One message while it is judged: its texts, what is known of them, what becomes of them."""

from __future__ import annotations

from typing import Protocol

from gateway.plugin import PRINCIPAL, Exchange, Span
from gateway.plugin.body import Body
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway_plugins.injection.gathering import Text
from gateway_plugins.injection.marking import REMOVED, marked
from gateway_plugins.injection.memory import Found, Memory
from gateway_plugins.injection.parts import Part


class Scorer(Protocol):
    """What finds the score of a text."""

    def first_score(self, text: str, part: Part) -> Found:
        """What the model in this gateway finds in a text."""
        ...


class Message:
    """`fresh` are those of the `texts` that were not remembered."""

    __slots__ = ("body", "fresh", "tenant", "texts", "x")

    def __init__(self, x: Exchange, body: Body, texts: list[Text]) -> None:
        principal = x.fact(PRINCIPAL)
        self.tenant = ANONYMOUS_TENANT if principal is None else principal.tenant
        self.x = x
        self.body = body
        self.texts = texts
        self.fresh: list[Text] = []

    def recall(self, memory: Memory) -> int:
        """Looks up what is remembered; how many characters are to be scored."""
        chars = 0
        for text in self.texts:
            text.found = memory.get(self.tenant, text.part.name, text.span.text)
            if text.found is None:
                self.fresh.append(text)
                chars += len(text.span.text)
            else:
                text.known = True
        return chars

    def score(self, scorer: Scorer) -> None:
        """Scores what is fresh; may run in a thread."""
        for text in self.fresh:
            text.found = scorer.first_score(text.span.text, text.part)

    def remember(self, memory: Memory) -> None:
        """Keeps what was found, but for what the second stage did not answer."""
        for text in self.fresh:
            if text.found is not None and text.found.second != "failed":
                memory.put(self.tenant, text.part.name, text.span.text, text.found)

    def attacks(self) -> list[Text]:
        """The texts above their threshold."""
        return [text for text in self.texts if text.found is not None and text.found.is_attack]

    @property
    def unanswered(self) -> bool:
        """Whether the second stage was asked in vain."""
        return any(text.found is not None and text.found.second == "failed" for text in self.fresh)


def score_of(text: Text) -> float:
    """The score of a text that was judged."""
    return 0.0 if text.found is None else text.found.score


def edits(attacks: list[Text]) -> list[tuple[Span, str]]:
    """What becomes of attacks that are not refused: old ones go, data is marked as what it is."""
    found = []
    for text in attacks:
        said = text.span.text
        action = text.part.action
        if action == "block":
            fresh = REMOVED
        elif action == "tag_untrusted":
            fresh = marked(said)
        else:
            continue
        if fresh != said:
            found.append((text.span, fresh))
    return found
