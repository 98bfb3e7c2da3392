"""Judges the texts of an exchange by what they try to make the model do.

request          every text that is judged and not remembered is scored; the worst decides
answer           the same for a whole one; a streamed one is scored while it passes
long texts       are scored in a thread, as is whatever the second stage is asked
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

from gateway.plugin import (
    INJECTION,
    PRINCIPAL,
    Exchange,
    Fact,
    Plugin,
    Reason,
    Reject,
    Runtime,
    TextStream,
    Uninspectable,
)
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway_plugins.injection.config import InjectionConfig
from gateway_plugins.injection.findings import HEADER, Findings
from gateway_plugins.injection.gathering import Looking, Text
from gateway_plugins.injection.memory import Found, Memory
from gateway_plugins.injection.message import Message, edits, score_of
from gateway_plugins.injection.parts import Part, part_of_answer, parts_of

if TYPE_CHECKING:
    from gateway.scan.incremental import StreamScore
    from gateway_plugins.injection.second_stage import SecondModel

AT_ONCE_CHARS = 16_384
"""So many new characters are scored in the event loop: about a millisecond. More go to a thread."""
TEXT_CHARS = 256
"""What a text takes by itself, in characters: a request may have thousands of one character."""

_REASON = "injection"
_REFUSED = Reject(Reason.PROMPT_INJECTION)


class Injection(Plugin):
    """Finds texts that try to command the model; blocks, flags, annotates or marks them."""

    name: ClassVar[str] = "injection"
    Config = InjectionConfig
    provides = frozenset({INJECTION})

    def __init__(self, config: InjectionConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        from gateway_plugins.injection import judging  # noqa: PLC0415  # the model, only where a policy uses it

        judging.warm()
        self._judging = judging
        parts = {name: part for name, part in parts_of(config).items() if part.action != "off"}
        self._answer_parts = {name: p for name, p in parts.items() if name.startswith("answer")}
        self._request_parts = {n: p for n, p in parts.items() if n not in self._answer_parts}
        self._second: SecondModel | None = None
        if config.second_stage is not None:
            from gateway_plugins.injection import second_stage  # noqa: PLC0415  # onnxruntime, only where a policy brings a model

            self._second = second_stage.SecondModel(config.second_stage, runtime)
        self._memory = Memory()
        self._findings: Fact[Findings] = Fact("injection findings", Findings)
        self._streams: Fact[dict[str, StreamScore | None]] = Fact("injection streams", dict)
        self.reads_text = True
        self.on_uninspectable = Uninspectable(config.on_uninspectable)
        annotates = any(part.action == "annotate" for part in parts.values())
        needed = {
            "on_request": self._request_parts,
            "on_response": self._answer_parts,
            "on_text": self._answer_parts,
            "on_response_headers": annotates,
        }
        self.skips_hooks = frozenset(hook for hook, wanted in needed.items() if not wanted)

    async def stop(self) -> None:
        if self._second is not None:
            self._second.close()

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        looking = self._looking(x)
        looking.request(x.request.spans(), self._request_parts, self.config.history)
        return self._judge(Message(x, x.request, looking.tenant, looking.texts))

    def on_response_headers(self, x: Exchange) -> None:
        self._annotate(x)

    def on_response(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        if x.response is None:
            return None
        looking = self._looking(x)
        looking.answer(x.response.spans(), self._answer_parts)
        return self._judge(Message(x, x.response, looking.tenant, looking.texts))

    def _looking(self, x: Exchange) -> Looking:
        principal = x.fact(PRINCIPAL)
        tenant = ANONYMOUS_TENANT if principal is None else principal.tenant
        return Looking(self._memory, tenant, self._findings_of(x))

    def _judge(self, message: Message) -> Reject | Awaitable[Reject | None] | None:
        chars = sum([TEXT_CHARS + len(text.span.text) for text in message.fresh])
        if chars > AT_ONCE_CHARS:
            return self._judge_aside(message)
        message.score(self._judging)
        second = self._second
        if second is not None and any(second.wants(text) for text in message.fresh):
            return self._ask_second(message, second)
        return self._decide(message)

    async def _judge_aside(self, message: Message) -> Reject | None:
        await asyncio.to_thread(message.score, self._judging)
        if self._second is not None:
            await self._second.judge(message.fresh)
        return self._decide(message)

    async def _ask_second(self, message: Message, second: SecondModel) -> Reject | None:
        await second.judge(message.fresh)
        return self._decide(message)

    def _decide(self, message: Message) -> Reject | None:
        """Remembers what is new, tells the worst, edits what is to be edited, or refuses."""
        x = message.x
        message.remember(self._memory)
        findings = self._findings_of(x)
        for text in message.texts:
            if text.found is not None:
                findings.note(text.part, text.found)
        x.provide(INJECTION, findings.bands)
        attacks = message.attacks()
        refused = [text for text in attacks if text.part.action == "block" and not self._old(text)]
        if attacks:
            self._tell(x, max(refused or attacks, key=score_of))
        elif message.unanswered:
            x.flag("second_stage_failed")
        if refused:
            return _REFUSED
        if attacks:
            message.body.edit_all(edits(attacks))
            self._annotate(x)
        return None

    def _old(self, text: Text) -> bool:
        return self.config.history != "all" and text.is_repeated

    def _tell(self, x: Exchange, worst: Text) -> None:
        found, part = worst.found, worst.part
        if found is None:
            return
        told = {"part": part.name, "score": f"{found.score:.2f}", **found.told}
        if found.second:
            told["second_stage"] = found.second
        if part.action == "block" and self._old(worst):
            told["history"] = "removed"
        x.flag(_REASON, **told)

    def _findings_of(self, x: Exchange) -> Findings:
        findings = x.fact(self._findings)
        if findings is None:
            findings = x.facts[self._findings] = Findings()
        return findings

    def _annotate(self, x: Exchange) -> None:
        findings = x.fact(self._findings)
        if findings is not None and findings.annotated and x.response is not None:
            x.response.headers.set(HEADER, findings.header())

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        part = self._answer_parts.get(part_of_answer(text.kind))
        if part is None:
            return None
        one = self._stream_of(x, text, part)
        if one is None:
            return None
        judged = one.add(text.text)
        if text.final:
            one.end()
        elif not judged:
            return None
        found = Found(one.score, one.score > part.threshold)
        findings = self._findings_of(x)
        findings.note(part, found)
        x.provide(INJECTION, findings.bands)
        if not found.is_attack:
            return None
        if not text.final:
            x.facts[self._streams][text.channel] = None
        x.flag(_REASON, part=part.name, score=f"{found.score:.2f}")
        return _REFUSED if part.action == "block" else None

    def _stream_of(self, x: Exchange, text: TextStream, part: Part) -> StreamScore | None:
        """What is known of a channel; None where it was found to be an attack before."""
        streams = x.fact(self._streams)
        if streams is None:
            streams = x.facts[self._streams] = {}
        channel = text.channel
        if channel in streams:
            return streams.pop(channel) if text.final else streams[channel]
        one = self._judging.StreamScore(part.role)
        if not text.final:
            streams[channel] = one
        return one
