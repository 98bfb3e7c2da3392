"""Looks through requests and answers, and does with what it finds what the policy says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from gateway.plugin import (
    REDACTIONS,
    ChannelScanner,
    Direction,
    Exchange,
    Fact,
    Finding,
    Plugin,
    Reason,
    Reject,
    Runtime,
    Span,
    TextStream,
    Uninspectable,
)
from gateway.plugin.body import Body
from gateway_plugins.dlp.actions import Writer, hasher, mask, redact
from gateway_plugins.dlp.config import DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.rules import Rules

AT_ONCE_CHARACTERS: Final = 32_768
"""New text up to this size is scanned on the loop: it takes less than two milliseconds."""
FLAG: Final = "sensitive_data"


class Decided(NamedTuple):
    """A finding and what is done with it."""

    finding: Finding
    action: str


class Texts(NamedTuple):
    """What was found in one text of a body."""

    span: Span
    decided: Sequence[Decided]


class Dlp(Plugin):
    """Finds personal data and secrets, and masks, redacts, hashes, flags or refuses them."""

    name: ClassVar[str] = "dlp"
    Config = DlpConfig
    reads_text = True
    provides: frozenset[Fact[Any]] = frozenset({REDACTIONS})

    def __init__(self, config: DlpConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.on_uninspectable = Uninspectable(config.on_uninspectable)
        self._rules = Rules(config)
        self.patterns = tuple(patterns_for(config, self._rules))
        self._ignored = frozenset(value.casefold() for value in config.ignore)
        self._writers: dict[str, Writer] = {"mask": mask, "redact": redact}
        if config.hash_key is not None:
            self._writers["hash"] = hasher(config.hash_key.get_secret_value().encode())
        self._needs_values = "hash" in {config.action, *(rule.action for rule in config.rules)}
        self._channels: Fact[dict[str, ChannelScanner]] = Fact("dlp channels", dict)
        asks = {direction for pattern in self.patterns for direction in pattern.directions}
        unused = set() if "request" in asks else {"on_request"}
        if "response" not in asks:
            unused |= {"on_response", "on_text"}
        self.skips_hooks = frozenset(unused)

    # -- whole bodies

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._judge(x, x.request, "request")

    def on_response(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return None if x.response is None else self._judge(x, x.response, "response")

    def _judge(
        self, x: Exchange, body: Body, direction: Direction
    ) -> Reject | Awaitable[Reject | None] | None:
        spans = body.spans()
        if self._is_much(spans, direction):
            return self._judge_aside(x, body, spans, direction)
        return self._settle(x, body, self._look(spans, direction))

    def _is_much(self, spans: Sequence[Span], direction: Direction) -> bool:
        """Whether so much of it is new that other exchanges would wait for it."""
        if sum([len(span.text) for span in spans]) <= AT_ONCE_CHARACTERS:
            return False
        knows = self.scanner.knows
        fresh = sum([len(s.text) for s in spans if not knows(s.text, direction, s.kind)])
        return fresh > AT_ONCE_CHARACTERS

    async def _judge_aside(
        self, x: Exchange, body: Body, spans: Sequence[Span], direction: Direction
    ) -> Reject | None:
        found = await asyncio.to_thread(self._look, spans, direction)
        return self._settle(x, body, found)

    def _look(self, spans: Iterable[Span], direction: Direction) -> list[Texts]:
        """Everything that calls for something."""
        find = self.scanner.find
        texts: list[Texts] = []
        for span in spans:
            found = find(span.text, direction, span.kind)
            if found:
                decided = self._decide(found, direction, span.role, span.kind)
                if decided:
                    texts.append(Texts(span, decided))
        return texts

    def _decide(
        self, found: Iterable[Finding], direction: Direction, role: str, kind: str
    ) -> list[Decided]:
        action = self._rules.action
        decided = [Decided(f, action(f.pattern.kind, direction, role, kind)) for f in found]
        return [
            each
            for each in decided
            if each.action != "allow"
            and (not self._ignored or each.finding.value.casefold() not in self._ignored)
        ]

    def _settle(self, x: Exchange, body: Body, texts: Sequence[Texts]) -> Reject | None:
        if not texts:
            return None
        reject = self._refusal(each for text in texts for each in text.decided)
        if reject is not None:
            return reject
        edits = [
            (span, self._rewritten(span.text, decided))
            for span, decided in texts
            if any(each.action in self._writers for each in decided)
        ]
        body.edit_all(edits)
        self._record(x, [each for text in texts for each in text.decided])
        return None

    # -- streams

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        channels = x.facts.get(self._channels)
        if channels is None:
            channels = x.facts[self._channels] = {}
        channel = channels.get(text.channel)
        if channel is None:
            channel = self.scanner.channel("response", whole_values=self._needs_values)
            if not text.final:
                channels[text.channel] = channel
        elif text.final:
            del channels[text.channel]
        found, safe = channel.feed(text)
        if found:
            decided = self._decide(found, "response", text.role, text.kind)
            reject = self._refusal(decided)
            if reject is not None:
                return reject
            if any(each.action in self._writers for each in decided):
                held = text.text[safe:]
                text.replace(self._rewritten(text.text[:safe], decided) + held)
                safe = len(text.text) - len(held)
            self._record(x, [each for each in decided if not each.finding.continued])
        text.hold(len(text.text) - safe)
        return None

    # -- both

    def _refusal(self, decided: Iterable[Decided]) -> Reject | None:
        blocked = {each.finding.pattern.kind for each in decided if each.action == "block"}
        if not blocked:
            return None
        return Reject(Reason.SENSITIVE_DATA, ", ".join(sorted(blocked)))

    def _rewritten(self, text: str, decided: Iterable[Decided]) -> str:
        out: list[str] = []
        last = 0
        for finding, action in decided:
            writer = self._writers.get(action)
            if writer is None:
                continue
            out.append(text[last : finding.start])
            if not finding.continued:
                out.append(writer(finding))
            last = finding.stop
        out.append(text[last:])
        return "".join(out)

    def _record(self, x: Exchange, decided: Sequence[Decided]) -> None:
        """Counts by class for receipts, and classes for the verdict; never a value."""
        if not decided:
            return
        edited = [each for each in decided if each.action in self._writers]
        if edited:
            known = x.fact(REDACTIONS)
            counts = {} if known is None else dict(known)
            for finding, _ in edited:
                counts[finding.pattern.kind] = counts.get(finding.pattern.kind, 0) + 1
            x.provide(REDACTIONS, counts)
        classes = sorted({each.finding.pattern.kind for each in decided})
        x.flag(FLAG, classes=",".join(classes))
