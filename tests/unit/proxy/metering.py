"""Streams of the simulated provider in every dialect, and a meter to send them through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.demo import anthropic, bedrock, gemini, ollama, openai_chat, openai_responses
from gateway.demo.answer import Answer, Call, Stream
from gateway.demo.options import Options
from gateway.plugin import Exchange, StreamGuard, Usage
from gateway.plugin.testing import make_exchange
from gateway.providers.streaming import StreamKind, stream_kind
from gateway.proxy.meter import Meter
from gateway.settings import Dialect

SAY = [{"role": "user", "content": "Tell me all of it, word by word, and leave nothing out."}]
CHAT = "/v1/chat/completions"
BEDROCK = [{"role": "user", "content": [{"text": "Tell me all of it, word by word."}]}]
TOOL = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


@dataclass(frozen=True)
class Spoken:
    """One dialect: its path, its request, and how the simulated provider answers."""

    name: str
    path: str
    dialect: Dialect
    body: dict[str, Any]
    handler: Callable[[Call], Answer]
    params: dict[str, str]
    query: dict[str, str]

    def pieces(self, **more: Any) -> list[bytes]:
        """The events of the answer; `more` goes into the request's body."""
        call = Call(
            self.path, {**self.body, **more}, Options(), self.params, self.query, self.dialect
        )
        answer = self.handler(call)
        assert isinstance(answer, Stream)
        return list(answer.pieces)

    @property
    def kind(self) -> StreamKind:
        call = Call(self.path, self.body, Options(), self.params, self.query, self.dialect)
        answer = self.handler(call)
        assert isinstance(answer, Stream)
        kind = stream_kind(answer.content_type.encode())
        assert kind is not None
        return kind

    def exchange(self) -> Exchange:
        return make_exchange(target=self.path, dialect=self.dialect)


def _spoken(name: str, path: str, dialect: Dialect, body: dict[str, Any], handler: Any) -> Spoken:
    params = {"model": "m", "target": "gemini-x:streamGenerateContent"}
    return Spoken(name, path, dialect, body, handler, params, {"alt": "sse"})


ASKED = {"stream_options": {"include_usage": True}}
STREAM = {"model": "m", "messages": SAY, "stream": True}
TOOLS = {
    "tools": [{"type": "function", "function": {"name": "f", "parameters": TOOL}}],
    "tool_choice": "required",
}
SPOKEN = [
    _spoken("chat", CHAT, Dialect.OPENAI, STREAM | ASKED, openai_chat.chat),
    _spoken("chat twice", CHAT, Dialect.OPENAI, STREAM | ASKED | {"n": 2}, openai_chat.chat),
    _spoken("tool call", CHAT, Dialect.OPENAI, STREAM | ASKED | TOOLS, openai_chat.chat),
    _spoken(
        "responses", "/v1/responses", Dialect.OPENAI,
        {"model": "m", "input": SAY, "stream": True}, openai_responses.responses,
    ),
    _spoken("messages", "/v1/messages", Dialect.ANTHROPIC, STREAM, anthropic.messages),
    _spoken(
        "gemini", "/v1beta/models/gemini-x:streamGenerateContent", Dialect.GEMINI,
        {"contents": [{"parts": [{"text": "Tell me all of it, word by word."}]}]},
        gemini.model_method,
    ),
    _spoken(
        "converse", "/model/m/converse-stream", Dialect.BEDROCK,
        {"messages": BEDROCK}, bedrock.converse_stream,
    ),
    _spoken("ollama chat", "/api/chat", Dialect.OLLAMA, STREAM, ollama.chat),
    _spoken("ollama generate", "/api/generate", Dialect.OLLAMA,
            {"model": "m", "prompt": "Tell me all of it, word by word."}, ollama.generate),
]  # fmt: skip
BY_NAME = {spoken.name: spoken for spoken in SPOKEN}


def metered(
    spoken: Spoken,
    chunks: Iterable[bytes],
    *,
    usage_asked: bool = False,
    guard: StreamGuard | None = None,
    ended: bool = True,
    status: int = 200,
    readable: bool = True,
) -> tuple[list[bytes], Usage]:
    """What comes out for each of `chunks` and at the end, and what was used."""
    x = spoken.exchange()
    x.usage_asked = usage_asked
    if guard is not None:
        x.stream_guards = (guard,)
    meter = Meter(x, b'{"prompt":"xx"}')
    transform = meter.stream(status, spoken.kind if readable else None, None)
    if transform is None:
        out = list(chunks)
    else:
        out = []
        for chunk in chunks:
            out.append(transform.feed(chunk))
            if transform.cut:
                break
        if ended:
            out.append(transform.finish())
    meter.close(sent=True, request_bytes=15)
    assert x.usage is not None
    return out, x.usage
