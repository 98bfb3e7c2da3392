"""Looks through requests and answers, and does with what it finds what the policy says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from gateway.plugin import (
    JSON_REST,
    REDACTIONS,
    THE_REST,
    Budget,
    ChannelScanner,
    Direction,
    Exchange,
    Fact,
    Finding,
    OverBudgetError,
    Pattern,
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
from gateway_plugins.dlp.config import Action, DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.restore import unescaped
from gateway_plugins.dlp.rules import Rules
from gateway_plugins.dlp.vault import Answer, Item, Placed, Session, Vault

AT_ONCE_CHARACTERS: Final = 16_384
"""New text up to this size is scanned on the loop, unless it is full of candidates."""
FLAG: Final = "sensitive_data"
NOTHING_PLACED: Final[Placed] = {}


class Decided:
    """A finding and what is done with it."""

    __slots__ = ("action", "finding")

    def __init__(self, finding: Finding, action: Action) -> None:
        self.finding = finding
        self.action = action


class Texts:
    """What was found in one text of a body."""

    __slots__ = ("decided", "span")

    def __init__(self, span: Span, decided: Sequence[Decided]) -> None:
        self.span = span
        self.decided = decided


class Dlp(Plugin):
    """Finds personal data and secrets, and masks, redacts, hashes, tokenises, flags or refuses."""

    name: ClassVar[str] = "dlp"
    Config = DlpConfig
    reads_text = True
    provides: frozenset[Fact[Any]] = frozenset({REDACTIONS})

    def __init__(self, config: DlpConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.on_uninspectable = Uninspectable(config.on_uninspectable)
        self._rules = Rules(config)
        self.patterns = tuple(patterns_for(config, self._rules))
        self.values_max = config.values_max
        self._ignored = frozenset(value.casefold() for value in config.ignore)
        self._writers: dict[str, Writer] = {"mask": mask, "redact": redact}
        if config.hash_key is not None:
            self._writers["hash"] = hasher(config.hash_key.get_secret_value().encode())
        self._needs_values = "hash" in {config.action, *(rule.action for rule in config.rules)}
        self._channels: Fact[dict[str, ChannelScanner]] = Fact("dlp channels", dict)
        self._vault = Vault(config.tokenize, runtime) if config.tokenizes else None
        self._restores = self._vault is not None and config.restore
        asks = {direction for pattern in self.patterns for direction in pattern.directions}
        self._scans_answers = "response" in asks
        unused = set() if "request" in asks or self._vault is not None else {"on_request"}
        if not self._scans_answers and not self._restores:
            unused |= {"on_response", "on_text"}
        self.skips_hooks = frozenset(unused)

    async def start(self) -> None:
        if self._vault is not None:
            await self._vault.start()

    async def stop(self) -> None:
        if self._vault is not None:
            await self._vault.stop()

    # -- whole bodies

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._judge(x, x.request, "request")

    def on_response(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        if x.response is None:
            return None
        if self._scans_answers:
            return self._judge(x, x.response, "response")
        self._restore(x, x.response)
        return None

    def _judge(
        self, x: Exchange, body: Body, direction: Direction
    ) -> Reject | Awaitable[Reject | None] | None:
        spans = body.spans()
        if self._is_much(spans, direction):
            return self._judge_aside(x, body, spans, direction)
        try:
            found = self._look(spans, direction, Budget())
        except OverBudgetError:
            return self._judge_aside(x, body, spans, direction)
        return self._settle(x, body, found, direction)

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
        step = self._settle(x, body, found, direction)
        return step if step is None or isinstance(step, Reject) else await step

    def _look(
        self, spans: Iterable[Span], direction: Direction, budget: Budget | None = None
    ) -> list[Texts]:
        """Everything that calls for something."""
        find = self.scanner.find
        texts: list[Texts] = []
        for span in spans:
            found = find(span.text, direction, span.kind, budget)
            if found:
                decided = self._decide(found, direction, span.role, span.kind)
                if decided:
                    texts.append(Texts(span, decided))
        return texts

    def _decide(
        self, found: Iterable[Finding], direction: Direction, role: str, kind: str
    ) -> list[Decided]:
        decided = [Decided(f, self._action(f.pattern, direction, role, kind)) for f in found]
        return [
            each
            for each in decided
            if each.action != "allow"
            and (not self._ignored or each.finding.value.casefold() not in self._ignored)
        ]

    def _action(self, pattern: Pattern, direction: Direction, role: str, kind: str) -> Action:
        if pattern is THE_REST or pattern is JSON_REST:
            is_json = pattern is JSON_REST
            return self._rules.rest_action(direction, role, kind, is_json=is_json)
        return self._rules.action(pattern.kind, direction, role, kind)

    def _settle(
        self, x: Exchange, body: Body, texts: Sequence[Texts], direction: Direction
    ) -> Reject | Awaitable[Reject | None] | None:
        session = None if self._vault is None else self._vault.session(x)
        if direction == "response" and session is not None:
            texts = [_without_placeholders(text, session) for text in texts]
        reject = self._refusal([each for text in texts for each in text.decided])
        if reject is not None:
            return reject
        if direction == "request" and self._vault is not None:
            return self._tokenize(x, texts, self._vault)
        if texts:
            self._edit(x, body, texts)
        if direction == "response":
            self._restore(x, body)
        return None

    def _edit(
        self, x: Exchange, body: Body, texts: Sequence[Texts], placed: Placed = NOTHING_PLACED
    ) -> None:
        edits = [
            (each.span, self._rewritten(each.span.kind, each.span.text, each.decided, placed))
            for each in texts
            if self._edits_any(each.decided)
        ]
        body.edit_all(edits)
        self._record(x, [each for text in texts for each in text.decided])

    # -- placeholders

    def _tokenize(
        self, x: Exchange, texts: Sequence[Texts], vault: Vault
    ) -> Reject | Awaitable[Reject | None] | None:
        """Edits the request; also where nothing was found, what the answer may restore is read."""
        spans = x.request.spans()
        session = vault.begin(x, spans)
        items = [
            _item(each.span.kind, each.span.text, one.finding)
            for each in texts
            for one in each.decided
            if one.action == "tokenize"
        ]
        step = session.place(items, [span.text for span in spans])
        if isinstance(step, (Reject, Mapping)):
            return self._placed(x, texts, session, step)
        return self._placed_later(x, texts, session, step)

    async def _placed_later(
        self, x: Exchange, texts: Sequence[Texts], session: Session, step: Awaitable[Answer]
    ) -> Reject | None:
        return self._placed(x, texts, session, await step)

    def _placed(
        self, x: Exchange, texts: Sequence[Texts], session: Session, answer: Answer
    ) -> Reject | None:
        if isinstance(answer, Reject):
            return answer
        self._edit(x, x.request, texts, answer)
        if answer or session.unavailable:
            reason, labels = x.take_flag() or (FLAG, {})
            if session.unavailable:
                reason = Reason.VALUES_UNAVAILABLE.value
            x.flag(reason, **labels, conversation=session.conversation)
        return None

    def _restore(self, x: Exchange, body: Body) -> None:
        session = self._vault.session(x) if self._vault is not None and self._restores else None
        if session is None or not len(session.table):
            return
        whole = session.restorer.whole
        texts = [(span, whole(span.kind, span.text)) for span in body.spans()]
        body.edit_all([(span, text) for span, text in texts if text != span.text])

    # -- streams

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        session = None if self._vault is None else self._vault.session(x)
        if not self._scans_answers:
            if session is not None:
                session.restorer.pass_piece(text)
            return None
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
        waiting = "" if session is None else session.restorer.held(text.channel)
        piece = _behind(text, len(waiting)) if waiting else text
        found, safe = channel.feed(piece)
        out, held = piece.text[:safe], piece.text[safe:]
        if found:
            decided = self._decide(found, "response", text.role, text.kind)
            if session is not None:
                decided = _not_placeholders(out, decided, session)
            reject = self._refusal(decided)
            if reject is not None:
                return reject
            if self._edits_any(decided):
                out = self._rewritten(text.kind, out, decided)
            self._record(x, [each for each in decided if not each.finding.continued])
        if session is not None and self._restores:
            out = session.restorer.feed(text.channel, text.kind, out, final=text.final)
            held = session.restorer.held(text.channel) + held
        whole = out + held
        if whole != text.text:
            text.replace(whole)
        text.hold(len(held))
        return None

    # -- both

    def _refusal(self, decided: Iterable[Decided]) -> Reject | None:
        blocked = {each.finding.pattern.kind for each in decided if each.action == "block"}
        if not blocked:
            return None
        return Reject(Reason.SENSITIVE_DATA, ", ".join(sorted(blocked)))

    def _edits_any(self, decided: Iterable[Decided]) -> bool:
        for each in decided:  # noqa: SIM110  # compiled code makes a list of what `any` is given
            if self._edits(each):
                return True
        return False

    def _edits(self, each: Decided) -> bool:
        return each.action in self._writers or each.action == "tokenize"

    def _rewritten(
        self, kind: str, text: str, decided: Iterable[Decided], placed: Placed = NOTHING_PLACED
    ) -> str:
        out: list[str] = []
        last = 0
        for each in decided:
            finding = each.finding
            writer = self._writers.get(each.action)
            if writer is None and each.action != "tokenize":
                continue
            out.append(text[last : finding.start])
            if writer is None:
                out.append(placed[_item(kind, text, finding)])
            elif not finding.continued:
                out.append(writer(finding))
            last = finding.stop
        out.append(text[last:])
        return "".join(out)

    def _record(self, x: Exchange, decided: Sequence[Decided]) -> None:
        """Counts by class for receipts, and classes for the verdict; never a value."""
        if not decided:
            return
        edited = [each for each in decided if self._edits(each)]
        if edited:
            known = x.fact(REDACTIONS)
            counts = {} if known is None else dict(known)
            for each in edited:
                kind = each.finding.pattern.kind
                counts[kind] = counts.get(kind, 0) + 1
            x.provide(REDACTIONS, counts)
        classes = sorted({each.finding.pattern.kind for each in decided})
        x.flag(FLAG, classes=",".join(classes))


def _behind(text: TextStream, characters: int) -> TextStream:
    """What comes after the first characters, which were looked through before they were held."""
    return TextStream(
        text.channel,
        text.text[characters:],
        final=text.final,
        role=text.role,
        kind=text.kind,
        fresh=max(0, text.fresh - characters),
    )


def _item(kind: str, text: str, finding: Finding) -> Item:
    """The value as it reads, so that it has one placeholder wherever it stands."""
    return Item(finding.pattern.kind, unescaped(kind, text, text[finding.start : finding.stop]))


def _not_placeholders(text: str, decided: Iterable[Decided], session: Session) -> list[Decided]:
    """A placeholder may look like an address: it is nobody's, and its value is the caller's own."""
    return [
        each
        for each in decided
        if not session.is_placeholder(text[each.finding.start : each.finding.stop])
    ]


def _without_placeholders(text: Texts, session: Session) -> Texts:
    return Texts(text.span, _not_placeholders(text.span.text, text.decided, session))
