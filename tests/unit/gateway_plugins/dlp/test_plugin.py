"""Decisions of `dlp` on whole bodies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.plugin import REDACTIONS, Exchange, Outcome, Reason, Reject
from gateway.plugin.testing import make_exchange, make_response, play, running
from gateway.scan.binding import engine_for
from gateway.scan.library import patterns_of
from gateway_plugins.dlp import Dlp

LIBRARY = engine_for(patterns_of(["all"]))  # kept, so that not every test compiles it
EMAIL = "jane.roe@corp.example"
CARD = "4111 1111 1111 1111"


def chat(*contents: str, role: str = "user") -> bytes:
    return orjson.dumps({"messages": [{"role": role, "content": text} for text in contents]})


async def sent(config: dict[str, Any], body: bytes) -> tuple[Exchange, Reject | None]:
    async with running(Dlp, config) as dlp:
        x = make_exchange(body=body)
        played = await play(dlp, x)
        answer = played.answer
        assert answer is None or isinstance(answer, Reject)
        return x, answer


def text_of(x: Exchange) -> str:
    return x.request.spans()[0].text


@pytest.mark.parametrize(
    ("config", "text", "expected"),
    [
        ({"action": "redact"}, f"to {EMAIL} now", "to [EMAIL] now"),
        ({}, f"to {EMAIL} now", "to j***@***.example now"),
        ({}, f"card {CARD}.", "card **** **** **** 1111."),
        ({}, "SSN 536-22-8726", "SSN ***-**-8726"),
        ({}, "key ghp_x7Kq2mWv9LsT4bNc8RzY1pHd6JfG3aUe5oQi", "key ********"),
        ({}, "nothing at all", "nothing at all"),
        ({"classes": ["card"]}, f"{EMAIL} {CARD}", f"{EMAIL} **** **** **** 1111"),
        ({"rules": [{"classes": ["email"], "action": "allow"}]}, EMAIL, EMAIL),
        ({"rules": [{"roles": ["system"], "action": "redact"}]}, EMAIL, "j***@***.example"),
        ({"ignore": ["Jane.Roe@corp.example"]}, EMAIL, EMAIL),
        (
            {"custom": [{"name": "ticket", "pattern": r"TICKET-\d{3,}"}], "action": "redact"},
            "see TICKET-12345.",
            "see [TICKET].",
        ),
        (
            {"dictionaries": [{"name": "project", "words": ["Blue Sky", "Übermorgen"]}]},
            "BLUE SKY and übermorgen",
            "******** and ********",
        ),
    ],
)
async def test_a_request(config: dict[str, Any], text: str, expected: str) -> None:
    x, answer = await sent(config, chat(text))

    assert answer is None
    assert text_of(x) == expected


async def test_equal_values_have_equal_hashes_and_other_keys_others() -> None:
    texts = []
    for key in ("a key of some length", "another key of it"):
        x, _ = await sent({"action": "hash", "hash_key": key}, chat(f"{EMAIL} {EMAIL}"))
        texts.append(text_of(x))

    first, second = texts[0].split()
    assert first == second
    assert first.startswith("[EMAIL:")
    assert texts[0] != texts[1]


async def test_a_block_names_the_class_and_not_the_value() -> None:
    _, answer = await sent({"action": "block"}, chat(f"my card {CARD}"))

    assert answer is not None
    assert answer.reason is Reason.SENSITIVE_DATA
    assert CARD not in repr(answer)
    assert answer.message == "card"


async def test_a_flag_changes_nothing_and_is_a_verdict() -> None:
    body = chat(EMAIL)
    async with running(Dlp, {"action": "flag"}) as dlp:
        x = make_exchange(body=body)
        played = await play(dlp, x)

    assert x.request.body == body
    assert played.outcomes["on_request"] is Outcome.FLAG
    assert played.verdicts[0].labels == {"classes": "email"}


async def test_only_the_span_changes_in_the_body() -> None:
    body = b'{ "messages":[ {"content":"a %b z","role":"user"} ],"x":1.50 }' % EMAIL.encode()
    x, _ = await sent({"action": "redact"}, body)

    assert x.request.body == body.replace(EMAIL.encode(), b"[EMAIL]")


async def test_arguments_of_tools_stay_json() -> None:
    inner = orjson.dumps({"a": f"line\n{EMAIL}\\", "b": 'say "hi"'}).decode()
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": inner}}
    body = orjson.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    x, _ = await sent({"action": "redact"}, body)

    sent_on = orjson.loads(x.request.body or b"")
    arguments = sent_on["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert orjson.loads(arguments) == {"a": "line\n[EMAIL]\\", "b": 'say "hi"'}


async def test_redactions_are_counted_by_class() -> None:
    x, _ = await sent({}, chat(f"{EMAIL} {CARD}", EMAIL))

    assert x.fact(REDACTIONS) == {"email": 2, "card": 1}


async def test_a_whole_answer_is_judged_too() -> None:
    body = orjson.dumps({"choices": [{"index": 0, "message": {"content": f"it is {EMAIL}"}}]})
    async with running(Dlp, {"action": "redact"}) as dlp:
        response = make_response(body=body)
        await play(dlp, make_exchange(body=chat("hi")), response=response)

    assert b"it is [EMAIL]" in (response.body or b"")


async def test_a_canary_is_looked_for_in_answers_alone() -> None:
    config = {"classes": [], "canaries": ["zebra-7Q2M4K9X"], "action": "block"}
    body = orjson.dumps({"choices": [{"message": {"content": "it says zebra-7Q2M4K9X."}}]})
    async with running(Dlp, config) as dlp:
        asked = await play(dlp, make_exchange(body=chat("zebra-7Q2M4K9X")))
        told = await play(dlp, make_exchange(body=chat("hi")), response=make_response(body=body))

    assert asked.answer is None
    assert isinstance(told.answer, Reject)


async def test_much_new_text_is_judged_aside_and_comes_to_the_same() -> None:
    text = ("word " * 20_000) + EMAIL
    x, _ = await sent({"action": "redact"}, chat(text))

    assert text_of(x).endswith("[EMAIL]")


async def test_directions_leave_hooks_out() -> None:
    async with running(Dlp, {"directions": ["request"]}) as dlp:
        assert dlp.skips_hooks == {"on_response", "on_text"}
    async with running(Dlp, {"directions": ["response"]}) as dlp:
        assert dlp.skips_hooks == {"on_request"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"classes": ["emails"]}, 'there is no class "emails"'),
        ({"action": "hash"}, "`hash` needs a `hash_key`"),
        ({"action": "hash", "hash_key": "short"}, "`hash` needs a `hash_key`"),
        ({"custom": [{"name": "email", "pattern": "x"}]}, "is a class of its own already"),
        ({"custom": [{"name": "a", "pattern": "(x"}]}, "not a regular expression"),
        ({"custom": [{"name": "a", "pattern": r"(x)\1"}]}, "a back-reference cannot be searched"),
        ({"custom": [{"name": "a", "pattern": "(?=x)x"}]}, "look-around cannot be searched"),
        ({"custom": [{"name": "a", "pattern": "x*"}]}, "it matches nothing at all"),
        ({"custom": [{"name": "a", "pattern": "(?:x{900}){900}"}]}, "its longest match has"),
        ({"canaries": ["abc"]}, "less than 8 characters"),
    ],
)
async def test_what_cannot_be_used_is_refused_with_the_reason(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        async with running(Dlp, config):
            pass
