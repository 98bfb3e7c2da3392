"""One message while it is judged: its texts, what is known of them, what becomes of them."""

from __future__ import annotations

from typing import Protocol

from gateway.plugin import Exchange, Span
from gateway.plugin.body import Body
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
    """`texts` are those of which something is to be decided, `fresh` those never judged before."""

    __slots__ = ("body", "fresh", "tenant", "texts", "x")

    def __init__(self, x: Exchange, body: Body, tenant: str, texts: list[Text]) -> None:
        self.x = x
        self.body = body
        self.tenant = tenant
        self.texts = texts
        self.fresh = [text for text in texts if text.found is None]

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
