"""Which texts of a message are judged, and which of them are history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from gateway.plugin import Span
from gateway_plugins.injection.findings import Findings
from gateway_plugins.injection.memory import Found, Memory
from gateway_plugins.injection.parts import STANDING, Part, part_of_answer, part_of_request

History: TypeAlias = Literal["new", "known", "all"]


class Text:
    """One text of which something is to be decided.

    `old` says that it stands before the last thing that the model said, `newest` that it belongs to
    the last message, `known` that its finding was remembered.
    """

    __slots__ = ("found", "known", "newest", "old", "part", "span")

    def __init__(
        self, span: Span, part: Part, found: Found | None, *, old: bool, newest: bool
    ) -> None:
        self.span = span
        self.part = part
        self.old = old
        self.newest = newest
        self.known = found is not None
        self.found = found

    @property
    def is_repeated(self) -> bool:
        """Whether it stands in the history, as far as one can tell.

        A client that keeps a refused message has no answer of the model behind it.
        """
        return self.old or (self.known and not self.newest and not self.part.stands)


class Looking:
    """Looks up the texts of one message, in their order.

    Nearly all of a long conversation was found harmless before: of such a text the finding is
    noted, and nothing is made for it. `texts` are the others.
    """

    __slots__ = ("_findings", "_memory", "_recent", "tenant", "texts")

    def __init__(self, memory: Memory, tenant: str, findings: Findings) -> None:
        self._memory = memory
        self.tenant = tenant
        self._findings = findings
        self._recent = memory.recent(tenant)
        self.texts: list[Text] = []

    def request(self, spans: Sequence[Span], parts: dict[str, Part], history: History) -> None:
        """The texts of a request that are judged."""
        answered = _last_of_the_model(spans)
        last = _last_message(spans)
        ignores_old = history == "new"
        index = -1
        for span in spans:
            index += 1
            part = parts.get(part_of_request(span.role, span.kind))
            if part is None or not span.text:
                continue
            old = index < answered and not part.stands
            if old and ignores_old:
                continue
            found = self._found(part, span.text)
            if found is None or found.is_attack:
                newest = span.path[:2] == last
                self.texts.append(Text(span, part, found, old=old, newest=newest))
            else:
                self._findings.note(part, found)

    def answer(self, spans: Sequence[Span], parts: dict[str, Part]) -> None:
        """The texts of a whole answer that are judged."""
        for span in spans:
            part = parts.get(part_of_answer(span.kind))
            if part is not None and span.text:
                found = self._found(part, span.text)
                self.texts.append(Text(span, part, found, old=False, newest=True))

    def _found(self, part: Part, text: str) -> Found | None:
        texts = self._recent.get(part.name)
        found = None if texts is None else texts.get(text)
        return self._memory.get(self.tenant, part.name, text) if found is None else found


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
