"""`action: tokenize` of `dlp`: out as placeholders, back as values, and nothing else changed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from gateway.plugin import REDACTIONS, Exchange, Outcome, Reason, Reject, Runtime, TextStream
from gateway.plugin.testing import Played, make_exchange, make_response, play, running
from gateway.scan.binding import engine_for
from gateway.scan.library import patterns_of
from gateway.settings import Dialect
from gateway_plugins.dlp import Dlp
from gateway_plugins.dlp.tokens import TAGGED
from tests.unit.gateway_plugins.dlp.vaults import World, keys_of

LIBRARY = engine_for(patterns_of(["all"]))  # kept, so that not every test compiles it
EMAIL, CARD = "jane.roe@corp.example", "4111 1111 1111 1111"
TOKENIZE: dict[str, Any] = {"action": "tokenize"}


def runtime(world: World) -> Runtime:
    return Runtime(
        monotonic=world.monotonic,
        wall=world.wall,
        values=lambda _: world.values,
        tenant_keys=lambda: keys_of,
    )


def asked(*texts: str, **members: Any) -> Exchange:
    messages = [{"role": "user", "content": text} for text in texts]
    return make_exchange(body=orjson.dumps({"messages": messages, **members}))


def contents(x: Exchange) -> list[str]:
    return [span.text for span in x.request.spans()]


async def played(config: dict[str, Any], x: Exchange, **more: Any) -> Played:
    async with running(Dlp, config, runtime(World())) as dlp:
        return await play(dlp, x, **more)


async def test_values_leave_as_placeholders_and_everything_else_as_it_came() -> None:
    x = asked(f"to {EMAIL}", "and é \\u00e9", temperature=0.10)
    before = x.request.body
    assert before is not None
    found = await played(TOKENIZE, x)
    first, second = contents(x)
    placeholder = first.removeprefix("to ")
    assert TAGGED.fullmatch(placeholder)
    assert second == "and é \\u00e9"
    assert x.request.body == before.replace(EMAIL.encode(), placeholder.encode())
    verdict = found.verdicts[0]
    assert verdict.outcome is Outcome.FLAG
    assert verdict.labels["classes"] == "email"
    assert len(verdict.labels["conversation"]) == 32
    assert x.fact(REDACTIONS) == {"email": 1}


async def test_a_whole_answer_has_the_values_again() -> None:
    x = asked(f"to {EMAIL} with {CARD}")
    async with running(Dlp, TOKENIZE, runtime(World())) as dlp:
        await play(dlp, x)
        said = contents(x)[0]
        arguments = orjson.dumps({"text": said}).decode()
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        message = {"role": "assistant", "content": said, "tool_calls": [call]}
        x.response = make_response(body=orjson.dumps({"choices": [{"message": message}]}))
        dlp.on_response(x)
    texts = {span.kind: span.text for span in x.response.spans()}
    assert texts["text"] == f"to {EMAIL} with {CARD}"
    assert orjson.loads(texts["tool_call_arguments"]) == {"text": texts["text"]}


ANSWERS: dict[str, tuple[Dialect, str, str, Any]] = {
    "responses": (
        *(Dialect.OPENAI, "/v1/responses"),
        '{"input":%s,"store":false}',
        {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]},
                {"type": "function_call", "name": "f", "call_id": "c", "arguments": "JSON"},
            ]
        },
    ),
    "anthropic": (
        *(Dialect.ANTHROPIC, "/v1/messages"),
        '{"messages":[{"role":"user","content":%s}]}',
        {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": "DATA"}]},
    ),
    "gemini": (
        *(Dialect.GEMINI, "/v1beta/models/m:generateContent"),
        '{"contents":[{"role":"user","parts":[{"text":%s}]}]}',
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": "DATA"}}]}}]},
    ),
    "bedrock": (
        *(Dialect.BEDROCK, "/model/m/converse"),
        '{"messages":[{"role":"user","content":[{"text":%s}]}]}',
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": "DATA"}}],
                }
            }
        },
    ),
    "ollama": (
        *(Dialect.OLLAMA, "/api/chat"),
        '{"messages":[{"role":"user","content":%s}]}',
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": "DATA"}}]}},
    ),
    "mcp": (
        *(Dialect.MCP, "/mcp"),
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","arguments":{"q":%s}}}',
        {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "JSON"}]}},
    ),
}


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize("style", ["tagged", "lookalike"])
async def test_whole_answers_of_every_dialect(name: str, style: str) -> None:
    """Arguments come as data or as JSON within a text; both are what the caller sent."""
    dialect, target, request, answer = ANSWERS[name]
    secret = 'key "a\\b" for'
    body = request % orjson.dumps(f"{secret} {EMAIL}").decode()
    x = make_exchange(target=target, dialect=dialect, body=body.encode())
    written = TOKENIZE | {"tokenize": {"style": style}}
    async with running(Dlp, written, runtime(World())) as dlp:
        await play(dlp, x)
        text = next(t for t in contents(x) if secret in t)
        assert EMAIL not in (x.request.body or b"").decode()
        said = {"text": text, "deep": [{"list": text}]}
        written_answer = orjson.dumps(answer).replace(b'"DATA"', orjson.dumps(said))
        in_text = orjson.dumps(orjson.dumps(said).decode())
        x.response = make_response(
            body=written_answer.replace(b'"JSON"', in_text), dialect=dialect, target=target
        )
        dlp.on_response(x)
    restored = f"{secret} {EMAIL}"
    texts = [span.text for span in x.response.spans()]
    wanted = {"text": restored, "deep": [{"list": restored}]}
    if b'"JSON"' in orjson.dumps(answer):
        assert wanted in [orjson.loads(t) for t in texts if t.startswith("{")]
    else:
        assert texts.count(restored) == 2


async def test_what_was_sent_before_is_sent_again_byte_for_byte() -> None:
    """So that the provider's prompt cache fits."""
    first = asked(f"to {EMAIL}")
    second = asked(f"to {EMAIL}", "and more", f"with {CARD} to {EMAIL}")
    async with running(Dlp, TOKENIZE, runtime(World())) as dlp:
        await play(dlp, first)
        await play(dlp, second)
    assert first.request.body is not None
    assert second.request.body is not None
    assert second.request.body.startswith(first.request.body.removesuffix(b"]}"))


@pytest.mark.parametrize("style", ["tagged", "lookalike"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"rules": [{"directions": ["response"], "action": "redact"}]},
        {"rules": [{"directions": ["response"], "action": "block"}]},
    ],
    ids=["alone", "redacting", "blocking"],
)
@pytest.mark.parametrize("size", [1, 2, 7, 100])
async def test_what_is_restored_is_neither_redacted_nor_refused(
    config: dict[str, Any], style: str, size: int
) -> None:
    """A placeholder may look like an address, and its value is one: both are the caller's own."""
    x = asked(f"to {EMAIL}")
    written = TOKENIZE | {"tokenize": {"style": style}} | config
    async with running(Dlp, written, runtime(World())) as dlp:
        await play(dlp, x)
        said = f"{contents(x)[0]}, twice: {contents(x)[0]}."
        assert stream(dlp, x, said, size) == f"to {EMAIL}, twice: to {EMAIL}."


@pytest.mark.parametrize(
    "config",
    [{}, {"rules": [{"directions": ["response"], "action": "redact"}]}],
    ids=["alone", "redacting"],
)
async def test_what_only_begins_like_a_placeholder_is_held_and_not_edited(
    config: dict[str, Any],
) -> None:
    """So that its events wait, and go out as they came."""
    x = asked(f"to {EMAIL}")
    async with running(Dlp, TOKENIZE | config, runtime(World())) as dlp:
        await play(dlp, x)
        begun = contents(x)[0][:6]
        first = TextStream("content:0", begun, kind="text", role="assistant")
        assert dlp.on_text(x, first) is None
        assert (first.text, first.held) == (begun, 3)
        held, said = begun[-3:], "! "
        second = TextStream("content:0", held + said, kind="text", role="assistant", fresh=3)
        assert dlp.on_text(x, second) is None
        assert (second.text, second.held) == (held + said, 0)


async def test_what_the_model_says_of_others_is_redacted_all_the_same() -> None:
    x = asked(f"to {EMAIL}")
    written = TOKENIZE | {"rules": [{"directions": ["response"], "action": "redact"}]}
    async with running(Dlp, written, runtime(World())) as dlp:
        await play(dlp, x)
        said = f"{contents(x)[0]} and joe.bloggs@corp.example!"
        for size in (1, 3, 10, 100):
            assert stream(dlp, x, said, size) == f"to {EMAIL} and [EMAIL]!"


def stream(dlp: Dlp, x: Exchange, said: str, size: int) -> str:
    """What goes out, with what is held coming again, as the gateway does it."""
    out, held = "", ""
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    for number, piece in enumerate((*pieces, "")):
        text = TextStream(
            *("content:0", held + piece),
            final=number == len(pieces),
            role="assistant",
            kind="text",
            fresh=len(held),
        )
        assert dlp.on_text(x, text) is None
        stop = len(text.text) - text.held
        out, held = out + text.text[:stop], text.text[stop:]
    return out


async def test_without_restore_the_answer_stays_as_it_came() -> None:
    async with running(Dlp, TOKENIZE | {"restore": False}, runtime(World())) as dlp:
        assert dlp.skips_hooks == {"on_response", "on_text"}


async def test_a_store_that_is_away_refuses() -> None:
    world = World()
    world.values.away = True
    async with running(Dlp, TOKENIZE, runtime(world)) as dlp:
        x = asked(f"to {EMAIL}")
        before = x.request.body
        answer = (await play(dlp, x)).answer
        assert isinstance(answer, Reject)
        assert answer.reason is Reason.VALUES_UNAVAILABLE
        assert x.request.body == before
        assert (await play(dlp, asked("nothing to keep"))).answer is None


async def test_a_value_has_one_placeholder_in_prose_and_in_arguments_of_tools() -> None:
    arguments = orjson.dumps({"to": EMAIL}).decode().replace("@", "\\u0040")
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "user", "content": EMAIL}, {"role": "assistant", "tool_calls": [call]}]
    x = make_exchange(body=orjson.dumps({"messages": messages}))
    await played(TOKENIZE, x)
    texts = {span.kind: span.text for span in x.request.spans()}
    assert texts["tool_call_arguments"] == f'{{"to":"{texts["text"]}"}}'


@pytest.mark.parametrize("form", ['{"to": "%s"}', '[{"to": "%s"}]', '["%s"]', '"%s"'])
async def test_a_value_has_one_placeholder_in_prose_and_in_results_of_tools(form: str) -> None:
    result = form % EMAIL.replace("@", "\\u0040")
    tool = {"role": "tool", "tool_call_id": "1", "content": result}
    messages = [{"role": "user", "content": EMAIL}, tool]
    x = make_exchange(body=orjson.dumps({"messages": messages}))
    async with running(Dlp, TOKENIZE, runtime(World())) as dlp:
        await play(dlp, x)
        prose, sent = contents(x)
        assert sent == form % prose
        assert stream(dlp, x, f"to {prose}.", 7) == f"to {EMAIL}."


async def test_rules_tokenise_some_and_treat_others_otherwise() -> None:
    rules = [{"classes": ["email"], "action": "tokenize"}]
    x = asked(f"{EMAIL} {CARD}")
    await played({"action": "redact", "rules": rules}, x)
    placeholder, _, rest = contents(x)[0].partition(" ")
    assert TAGGED.fullmatch(placeholder)
    assert rest == "[CARD]"


def test_an_answer_cannot_be_tokenised() -> None:
    with pytest.raises(ValidationError, match="`tokenize` is for requests"):
        Dlp.Config.model_validate({"rules": [{"directions": ["response"], "action": "tokenize"}]})
