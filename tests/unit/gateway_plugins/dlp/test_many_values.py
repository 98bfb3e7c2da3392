"""A text with more values than are treated one by one: what stands behind them goes as a whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.plugin import JSON_REST, Exchange, Reason, Reject, TextStream
from gateway.plugin.testing import make_exchange, play, running
from gateway.scan.binding import engine_for
from gateway.scan.library import patterns_of
from gateway_plugins.dlp import Dlp

LIBRARY = engine_for(patterns_of(["all"]))  # kept, so that not every test compiles it
EMAIL = "jane.roe@corp.example"
KEY = "ghp_x7Kq2mWv9LsT4bNc8RzY1pHd6JfG3aUe5oQi"
MASKED = "j***@***.example"


def chat(text: str) -> bytes:
    return orjson.dumps({"messages": [{"role": "user", "content": text}]})


async def sent(config: dict[str, Any], text: str) -> tuple[Exchange, Reject | None]:
    async with running(Dlp, {"values_max": 2, **config}) as dlp:
        x = make_exchange(body=chat(text))
        played = await play(dlp, x)
        answer = played.answer
        assert answer is None or isinstance(answer, Reject)
        return x, answer


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, f"{MASKED}, {MASKED}[REST]"),
        ({"values_max": 3}, f"{MASKED}, {MASKED}, ********[REST]"),
        # Nobody looked whether a key is among the rest, and keys are masked.
        (
            {"rules": [{"classes": ["email"], "action": "flag"}]},
            f"{EMAIL}, {EMAIL}[REST]",
        ),
        ({"rules": [{"classes": ["pem"], "action": "block"}]}, f"{MASKED}, {MASKED}[REST]"),
        ({"action": "flag"}, f"{EMAIL}, {EMAIL}, {KEY} and more"),
    ],
)
async def test_the_rest_of_a_text_is_redacted(config: dict[str, Any], expected: str) -> None:
    x, answer = await sent(config, f"{EMAIL}, {EMAIL}, {KEY} and more")

    assert answer is None
    assert x.request.spans()[0].text == expected


async def test_where_everything_is_refused_the_rest_is_too() -> None:
    config = {"rules": [{"classes": ["email"], "action": "flag"}], "action": "block"}
    _, answer = await sent(config, f"{EMAIL}, {EMAIL}, nothing else")

    assert answer is not None
    assert answer.reason is Reason.SENSITIVE_DATA


async def test_a_few_values_leave_what_is_behind_them_alone() -> None:
    x, _ = await sent({"values_max": 3}, f"{EMAIL}, {EMAIL} and more")

    assert x.request.spans()[0].text == f"{MASKED}, {MASKED} and more"


@pytest.mark.parametrize("size", [1, 7, 400])
async def test_arguments_in_json_are_refused_and_never_cut_off(size: int) -> None:
    arguments = orjson.dumps({"to": [EMAIL] * 4}).decode()
    async with running(Dlp, {"values_max": 2}) as dlp:
        x = make_exchange()
        held = ""
        for at in range(0, len(arguments), size):
            text = TextStream("t", held + arguments[at : at + size], kind="tool_call_arguments")
            reject = dlp.on_text(x, text)
            if reject is not None:
                break
            assert text.text.count("[REST]") == 0
            held = text.text[len(text.text) - text.held :]
        else:
            pytest.fail("it went through")
    assert reject.reason is Reason.SENSITIVE_DATA


async def test_a_text_full_of_candidates_is_judged_aside_and_comes_to_the_same() -> None:
    text = ", ".join([EMAIL] * 400)
    x, _ = await sent({"values_max": 1000}, text)

    assert x.request.spans()[0].text == ", ".join([MASKED] * 400)


@pytest.mark.parametrize("between", [" ", "\n" * 300, '"' * 40])
@pytest.mark.parametrize("size", [8, 1000, 100_000])
async def test_the_rest_of_a_source_reaches_to_its_end(between: str, size: int) -> None:
    """Escapes are longer than what they mean: the rest is told by the source's own length."""
    text = orjson.dumps({"a": between.join([EMAIL, EMAIL, KEY])}).decode()
    async with running(Dlp, {"values_max": 2}) as dlp:
        found = dlp.scanner.find(text, "response", "tool_call_arguments")
        channel = dlp.scanner.channel()
        held, last = "", 0
        for at in range(0, len(text), size):
            shown = held + text[at : at + size]
            gone = at - len(held)
            more, safe = channel.feed(
                TextStream("tool:0", shown, kind="tool_call_arguments", fresh=len(held))
            )
            held = shown[safe:]
            last = max([last, *(gone + each.stop for each in more if each.pattern is JSON_REST)])

    assert found[-1].pattern is JSON_REST
    assert found[-1].stop == len(text)
    assert last == len(text)
