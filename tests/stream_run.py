"""Sends the bytes of a stream through the gateway's text transform, in any portions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import orjson

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.plugin import Exchange, PluginConfig, Reject, Runtime, TextStream
from gateway.plugin.testing import make_exchange, make_response
from gateway.providers.bedrock import unwrapped
from gateway.providers.dialect import REPEAT
from gateway.providers.forms import form_of
from gateway.providers.streaming import make_splitter, stream_kind
from gateway.proxy.stream_text import StreamText
from tests.policy_plugins import plugin
from tests.recorded_streams import Recorded

OnText = Callable[[Exchange, TextStream], Reject | None]


class Recorder:
    """Notes what it is shown, by channel."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = defaultdict(str)
        self.finals: list[str] = []

    def on_text(self, _: Exchange, text: TextStream) -> None:
        self.texts[text.channel] += text.text
        if text.final:
            self.finals.append(text.channel)


def transform(recorded: Recorded, *hooks: OnText, shadow: bool = False) -> StreamText:
    """`hooks` in the order in which they see the text."""
    x = make_exchange(target=recorded.path, dialect=recorded.dialect)
    x.response = make_response(streamed=True)
    uses = [
        Use(plugin(f"p{number}", on_text=hook)(PluginConfig(), Runtime()), shadow=shadow)
        for number, hook in enumerate(hooks)
    ]
    kind = stream_kind(recorded.content_type)
    assert kind is not None
    form = form_of(recorded.dialect, recorded.path)
    return StreamText(x, compile_chain(uses[::-1]), make_splitter(kind), form)


def passed(recorded: Recorded, portions: Iterable[bytes], *hooks: OnText) -> bytes:
    """What the client gets."""
    through = transform(recorded, *hooks)
    out = [through.feed(portion) for portion in portions]
    out.append(through.finish())
    assert through.reject is None
    return b"".join(out)


def received(recorded: Recorded, stream: bytes) -> dict[str, str]:
    """The texts that a client puts together from a stream, by channel."""
    recorder = Recorder()
    passed(recorded, [stream], recorder.on_text)
    return dict(recorder.texts)


def run_through(recorded: Recorded, chain: Chain, portions: Iterable[bytes]) -> bytes:
    """What the client gets through a chain that was compiled before, for tests of many streams."""
    x = make_exchange(target=recorded.path, dialect=recorded.dialect)
    x.response = make_response(streamed=True)
    kind = stream_kind(recorded.content_type)
    assert kind is not None
    form = form_of(recorded.dialect, recorded.path)
    through = StreamText(x, chain, make_splitter(kind), form)
    out = [through.feed(portion) for portion in portions]
    out.append(through.finish())
    assert through.reject is None
    return b"".join(out)


def texts_in(recorded: Recorded, stream: bytes) -> dict[str, str]:
    """As `received`, without a chain."""
    kind, form = stream_kind(recorded.content_type), form_of(recorded.dialect, recorded.path)
    assert kind is not None
    assert form is not None
    found: dict[str, str] = defaultdict(str)
    for piece in make_splitter(kind).feed(stream):
        if piece.data is None or piece.data == b"[DONE]":
            continue
        data = unwrapped(piece.data) if piece.name == b"chunk" else piece.data
        for text in form.stream.event(orjson.loads(data), piece.name).pieces:
            if text.mode != REPEAT:
                found[text.channel] += text.text
    return found


def portions_of(stream: bytes, size: int) -> Sequence[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def masker(secret: str, mask: str) -> OnText:
    """A plugin that replaces `secret`, and holds back what may become one."""

    def on_text(_: Exchange, text: TextStream) -> None:
        shown = text.text.replace(secret, mask)
        tail = next((n for n in range(len(secret) - 1, 0, -1) if shown.endswith(secret[:n])), 0)
        text.replace(shown)
        text.hold(tail)

    return on_text
