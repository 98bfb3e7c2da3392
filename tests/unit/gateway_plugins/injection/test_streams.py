"""Streamed answers: judged while they pass, told once, ended where the policy blocks."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import INJECTION, Exchange, Outcome, Reason, Reject, TextStream
from gateway.plugin.testing import Played, make_exchange, make_response, play, running
from gateway_plugins.injection import Injection
from tests.injection_texts import ATTACK, HARMLESS, chat, user

LONG = f"{HARMLESS} " * 12
LETTER = """Thank you for your letter. The delivery arrived two days late but everything was intact.
My sister planted the roses along the wall, where they have sun until noon, and the beans behind the
shed. Last week it rained every night, so the river stands high and the ferry to the island rests.
We took the bus around the lake instead; it stops at the mill, where they still bake on Thursdays.
Your uncle has sold the old boat to a school, and the children painted it blue within an afternoon.
In spring the orchestra will play in the barn again, with two new violins and the same old piano.
"""
BLOCK = {"actions": {"answer": "block", "answer_tool_call": "block"}}


def pieces(
    text: str, size: int, channel: str = "content:0", kind: str = "text"
) -> list[TextStream]:
    cut = [text[at : at + size] for at in range(0, len(text), size)]
    whole = [TextStream(channel, piece, role="assistant", kind=kind) for piece in cut]
    return [*whole, TextStream(channel, "", final=True, role="assistant", kind=kind)]


async def streamed(
    texts: list[TextStream], config: dict[str, Any] | None = None
) -> tuple[Exchange, Played]:
    async with running(Injection, config) as plugin:
        x = make_exchange(body=chat(user(HARMLESS)))
        response = make_response(streamed=True)
        return x, await play(plugin, x, response=response, texts=texts)


@pytest.mark.parametrize("size", [1, 7, 40, 5000])
async def test_an_attack_in_a_stream_ends_it(size: int) -> None:
    _, played = await streamed(pieces(f"{LONG}{ATTACK} {LONG}", size), BLOCK)

    assert played.answer == Reject(Reason.PROMPT_INJECTION)
    assert len(played.verdicts) < 2000 / size + 6


async def test_a_short_attack_is_found_at_the_end_of_its_channel() -> None:
    _, played = await streamed(pieces(ATTACK, 9), BLOCK)

    assert played.answer is not None


async def test_by_default_it_is_flagged_once_and_passes() -> None:
    x, played = await streamed(pieces(f"{LONG}{ATTACK} {LONG}{ATTACK} {LONG}", 40))
    flags = [v for v in played.verdicts if v.outcome is Outcome.FLAG]

    assert played.answer is None
    assert [flag.labels["part"] for flag in flags] == ["answer"]
    assert (x.fact(INJECTION) or {})["answer"] == "over"


async def test_a_harmless_stream_leaves_nothing_behind() -> None:
    x, played = await streamed(pieces(LETTER, 40))

    assert {v.outcome for v in played.verdicts if v.hook == "on_text"} == {Outcome.ALLOW}
    assert (x.fact(INJECTION) or {})["answer"] in {"clear", "low"}


async def test_a_harmless_sentence_that_is_repeated_is_let_through() -> None:
    _, played = await streamed(pieces(LONG * 3, 40))

    assert {v.outcome for v in played.verdicts if v.hook == "on_text"} == {Outcome.ALLOW}


async def test_channels_are_judged_apart() -> None:
    """Every other letter of an attack is none."""
    first, second = pieces(ATTACK[::2], 3), pieces(ATTACK[1::2], 3, "content:1")
    mixed = [piece for pair in zip(first, second, strict=True) for piece in pair]
    _, apart = await streamed(mixed, BLOCK)
    _, together = await streamed(pieces(ATTACK, 3), BLOCK)

    assert apart.answer is None
    assert together.answer is not None


@pytest.mark.parametrize(
    ("kind", "blocked"), [("tool_call_arguments", True), ("reasoning", False), ("refusal", True)]
)
async def test_each_kind_has_its_action(kind: str, *, blocked: bool) -> None:
    """Reasoning is off by default."""
    _, played = await streamed(pieces(ATTACK, 9, "tool:0:0", kind), BLOCK)

    assert (played.answer is not None) == blocked
