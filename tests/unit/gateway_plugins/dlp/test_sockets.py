"""Placeholders on a WebSocket: a client may say more while the answer to what it said runs."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run
from gateway.plugin import PRINCIPAL, Exchange, Reject, Runtime
from gateway.plugin.coverage import Coverage
from gateway.plugin.testing import make_exchange, make_response, running
from gateway.providers.forms import form_of, request_reader
from gateway.providers.websocket import TEXT, MessageSplitter, encode
from gateway.proxy.stream_text import StreamText
from gateway.settings import Dialect
from gateway_plugins.dlp import Dlp
from gateway_plugins.dlp.vault import VALUES_MAX
from tests.unit.gateway_plugins.dlp.vaults import World, keys_of, principal

TOKENIZE = {"action": "tokenize", "classes": ["email"]}
EMAIL, OTHER = "jane.roe@corp.example", "joe.bloggs@acme.test"
FORM = form_of(Dialect.OPENAI, "/v1/realtime")
SOUND = {"type": "input_audio_buffer.append", "audio": "AAAA"}


def runtime(world: World) -> Runtime:
    return Runtime(
        monotonic=world.monotonic,
        wall=world.wall,
        values=lambda _: world.values,
        tenant_keys=lambda: keys_of,
        directory=world.orders,  # type: ignore[arg-type]  # only what is asked here
    )


def written(style: str, **more: Any) -> dict[str, Any]:
    return {**TOKENIZE, "tokenize": {"style": style}, **more}


def said(text: str) -> dict[str, Any]:
    part = {"type": "input_text", "text": text}
    item = {"type": "message", "role": "user", "content": [part]}
    return {"type": "conversation.item.create", "item": item}


class Talk:
    """One socket: messages of the client one by one, and one answer in deltas."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.x: Exchange = make_exchange("GET", "/v1/realtime?model=m")
        self.x.provide(PRINCIPAL, principal())
        self.x.response = make_response(streamed=True)
        self.x.coverage = Coverage()
        assert FORM is not None
        self.reader = request_reader(FORM, None)
        self.answers = StreamText(self.x, self.chain, MessageSplitter(masked=False), FORM)

    async def tell(self, message: dict[str, Any]) -> str:
        """The text of the message as the server gets it."""
        request = self.x.request
        request.begin(request.headers)
        request.body, request.reader = orjson.dumps(message), self.reader
        answer = run(self.chain.request, self.x)
        if answer is not None and not isinstance(answer, Reject):
            answer = await answer  # type: ignore[misc]  # nothing here replies
        assert answer is None
        text = "".join(span.text for span in request.spans() if span.kind == "text")
        request.begin(request.headers)
        return text

    def hear(self, delta: str) -> str:
        """What the client gets for one more piece of the answer."""
        at = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        event = {"type": "response.output_text.delta", **at, "delta": delta}
        return texts(self.answers.feed(encode(TEXT, orjson.dumps(event), masked=False)))

    def end(self) -> str:
        return texts(self.answers.finish())


async def begun(dlp: Dlp) -> Talk:
    return Talk(await asyncio.to_thread(compile_chain, [Use(dlp)]))


def texts(stream: bytes) -> str:
    messages = MessageSplitter(masked=False).feed(stream)
    return "".join(orjson.loads(m.data)["delta"] for m in messages if m.data)


@pytest.mark.parametrize("style", ["tagged", "lookalike"])
@pytest.mark.parametrize(
    "config",
    [{}, {"rules": [{"directions": ["response"], "action": "redact"}]}],
    ids=["alone", "redacting"],
)
@pytest.mark.parametrize("size", [1, 2, 6, 11, 100])
async def test_a_message_meanwhile_loses_nothing_of_what_is_held(
    style: str, config: dict[str, Any], size: int
) -> None:
    async with running(Dlp, written(style, **config), runtime(World())) as dlp:
        talk = await begun(dlp)
        placeholder = (await talk.tell(said(f"write to {EMAIL}"))).removeprefix("write to ")
        answer = f"I wrote to {placeholder} for you."
        out = ""
        for at in range(0, len(answer), size):
            out += talk.hear(answer[at : at + size])
            await talk.tell(SOUND)
        out += talk.end()

    assert out == f"I wrote to {EMAIL} for you."


@pytest.mark.parametrize("style", ["tagged", "lookalike"])
async def test_what_a_message_brings_is_restored_in_the_answer_that_runs(style: str) -> None:
    async with running(Dlp, written(style), runtime(World())) as dlp:
        talk = await begun(dlp)
        first = await talk.tell(said(EMAIL))
        out = talk.hear(f"to {first[:6]}")
        second = await talk.tell(said(OTHER))
        out += talk.hear(f"{first[6:]} and {second} ") + talk.end()

    assert out == f"to {EMAIL} and {OTHER} "


async def test_values_stay_though_the_store_is_away_and_conversations_change() -> None:
    """What is held under another name is the same caller's, on the same socket."""
    world = World()
    naming = {"style": "tagged", "conversation": {"metadata": "id"}, "on_outage": "exchange"}
    async with running(Dlp, {**TOKENIZE, "tokenize": naming}, runtime(world)) as dlp:
        world.values.away = True
        talk = await begun(dlp)
        first = await talk.tell(said(EMAIL) | {"metadata": {"id": "a"}})
        await talk.tell(said("hello") | {"metadata": {"id": "b"}})
        out = talk.hear(f"to {first} ") + talk.end()

    assert out == f"to {EMAIL} "


async def test_what_was_erased_is_not_restored_after_the_next_message() -> None:
    world = World()
    async with running(Dlp, written("tagged"), runtime(world)) as dlp:
        talk = await begun(dlp)
        first = await talk.tell(said(EMAIL))
        out = talk.hear(f"{first} ") + talk.hear(first[:6])
        world.orders.order("acme")
        assert dlp._vault is not None
        await dlp._vault.erasures.apply()
        await talk.tell(SOUND)
        out += talk.hear(f"{first[6:]} ") + talk.end()

    assert out == f"{EMAIL} {first} "


async def test_a_long_talk_does_not_remember_without_bound() -> None:
    async with running(Dlp, written("lookalike"), runtime(World())) as dlp:
        talk = await begun(dlp)
        sent = ""
        for turn in range(5):
            emails = [f"p{number}.of.{turn}@acme.test" for number in range(VALUES_MAX - 1)]
            sent = await talk.tell(said(" ".join(emails)))
        assert dlp._vault is not None
        session = dlp._vault.session(talk.x)
        assert session is not None
        assert len(session.table) <= 3 * VALUES_MAX
        assert talk.hear(sent.split()[0] + " ") == "p0.of.4@acme.test "
