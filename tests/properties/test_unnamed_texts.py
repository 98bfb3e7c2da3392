"""Texts of a stream that no dialect names: however a value is cut, nothing of it passes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Dialect
from tests.recorded_streams import Pieces, Recorded, sse
from tests.stream_run import masker, passed

SECRET, MASK = "alice@example.com", "[email]"
TEXT = f"Write to {SECRET} or al\u00e9x, {SECRET}{SECRET}a"

MARK = "<here>"

Write = Callable[[str], dict[str, Any]]


def stream(write: Write, path: str) -> Recorded:
    def written(content: Pieces, _: Pieces) -> bytes:
        return b"".join([sse(write(piece)) for piece in content])

    return Recorded("unnamed", Dialect.OPENAI, path, b"text/event-stream", written, "", "")


def chat(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **choice, "finish_reason": None}]}


def responses(sort: str, delta: Any) -> dict[str, Any]:
    return {"type": f"response.{sort}.delta", "output_index": 0, "delta": delta}


CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
STREAMS: list[tuple[str, Write]] = [
    (CHAT, lambda text: chat(delta={"thinking": text})),
    (CHAT, lambda text: chat(delta={"reasoning_text": text})),
    (CHAT, lambda text: chat(delta={"content": [text]})),
    (CHAT, lambda text: chat(delta={"content": {"text": text}})),
    (CHAT, lambda text: chat(delta={"reasoning": {"text": text}})),
    (CHAT, lambda text: chat(delta={"content": [{"type": "thinking", "thinking": text}]})),
    (CHAT, lambda text: chat(delta={"thinking_blocks": [{"type": "x", "thinking": text}]})),
    (CHAT, lambda text: chat(delta={}, messages=[{"delta": {"content": text}}])),
    (CHAT, lambda text: chat(message={"role": "assistant", "content": text})),
    (CHAT, lambda text: chat(delta=text)),
    (RESPONSES, lambda text: responses("shell_call_output_content", {"stdout": text})),
    (RESPONSES, lambda text: responses("shell_call_command", text)),
    (RESPONSES, lambda text: responses("mcp_call.arguments", {"to": text})),
    (RESPONSES, lambda text: responses("brand_new", {"words": text})),
    ("/v1/audio/transcriptions", lambda text: {"type": "transcript.text.delta", "delta": text}),
    ("/v1/brand_new", lambda text: {"delta": {"words": text}}),
]


def texts_of(event: Any, like: Any) -> str:
    """What stands in `event` where `like`, one of the same shape, has a mark."""
    if like == MARK:
        return str(event)
    inner = like.items() if isinstance(like, dict) else enumerate(like)
    return "".join([texts_of(event[key], one) for key, one in inner if MARK in str(one)])


@st.composite
def cuts(draw: st.DrawFn) -> list[str]:
    places = sorted(draw(st.lists(st.integers(0, len(TEXT)), max_size=12)))
    return [TEXT[a:b] for a, b in pairwise([0, *places, len(TEXT)])]


@pytest.mark.parametrize(("path", "write"), STREAMS)
@given(pieces=cuts())
def test_nothing_of_a_secret_passes_however_it_is_cut(
    path: str, write: Write, pieces: list[str]
) -> None:
    recorded = stream(write, path)

    out = passed(recorded, [recorded.write(pieces, ())], masker(SECRET, MASK))

    events = [orjson.loads(one.removeprefix(b"data: ")) for one in out.split(b"\n\n")[:-1]]
    got = "".join([texts_of(event, write(MARK)) for event in events])
    assert got == TEXT.replace(SECRET, MASK)


@pytest.mark.parametrize(("path", "write"), STREAMS)
@given(pieces=cuts())
def test_what_nobody_edits_passes_byte_for_byte(path: str, write: Write, pieces: list[str]) -> None:
    recorded = stream(write, path)
    came = recorded.write(pieces, ())

    assert passed(recorded, [came], masker("\0", "")) == came


@given(pieces=cuts())
def test_the_message_so_far_shows_nothing_of_what_is_held_back(pieces: list[str]) -> None:
    """As Perplexity sends it, next to each delta."""
    pieces = [piece for piece in pieces if piece]
    so_far = ["".join(pieces[: number + 1]) for number in range(len(pieces))]
    came = b"".join(
        [
            sse(chat(delta={"content": piece}, message={"role": "assistant", "content": whole}))
            for piece, whole in zip(pieces, so_far, strict=True)
        ]
    )
    recorded = stream(lambda text: chat(delta={"content": text}), CHAT)

    out = passed(recorded, [came], masker(SECRET, MASK))

    for one in out.split(b"\n\n")[:-1]:
        message = orjson.loads(one.removeprefix(b"data: "))["choices"][0].get("message")
        shown = message["content"].replace(MASK, "") if message else ""
        assert "alice" not in shown
        assert "@" not in shown


@given(pieces=cuts(), named=st.sampled_from(["item_id", "name", "provider", "role", "url"]))
def test_what_names_something_is_neither_held_back_nor_joined(
    pieces: list[str], named: str
) -> None:
    recorded = stream(lambda text: chat(delta={"content": text, named: "al"}), CHAT)

    out = passed(recorded, [recorded.write(pieces, ())], masker(SECRET, MASK))

    for one in out.split(b"\n\n")[:-1]:
        delta = orjson.loads(one.removeprefix(b"data: "))["choices"][0]["delta"]
        assert delta.get(named, "al") == "al"
