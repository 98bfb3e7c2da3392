"""What a stream said is read the same, whether its events are like earlier ones or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import BodyTrace, Evidence
from gateway.plugin.testing import make_exchange, make_response
from gateway.plugin.usage import Usage
from gateway.providers.said import event_said, said_path
from gateway_plugins.receipt.reading import Reading

Template = Callable[[str], Any]

TEMPLATES: dict[str, Template] = {
    "chat": lambda text: {
        "id": "c1",
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
        "usage": None,
        "obfuscation": "x" * (len(text) % 5 + 1),
    },
    "second choice": lambda text: {"choices": [{"index": 1, "delta": {"content": text}}]},
    "anthropic": lambda text: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    },
    "responses": lambda text: {
        "type": "response.output_text.delta",
        "sequence_number": len(text),
        "delta": text,
    },
    "arguments": lambda text: {
        "type": "response.function_call_arguments.delta",
        "sequence_number": len(text),
        "delta": text,
    },
    "gemini": lambda text: {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]
    },
    "gemini, two parts": lambda text: {
        "candidates": [{"content": {"parts": [{"text": text}, {"text": text}]}}]
    },
    "ollama": lambda text: {"model": "l", "done": False, "message": {"content": text}},
    "ollama, generate": lambda text: {"model": "l", "response": text, "done": False},
    "bedrock": lambda text: {"contentBlockDelta": {"delta": {"text": text}}},
    "repeated elsewhere": lambda text: {"delta": {"text": "same"}, "response": text, "done": True},
    "usage": lambda text: {
        "choices": [{"index": 0, "delta": {"content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": len(text)},
    },
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["usage", '"usage":null', "\\", '"}', "same", "Metrics"]
)


def read(payloads: list[bytes]) -> Reading:
    """All of a stream of these events, read."""
    x = make_exchange(body=b"{}")
    x.response = make_response(headers={"content-type": "text/event-stream"}, streamed=True)
    reading = Reading(x, b"", 10_000)
    evidence = x.evidence = Evidence("ref", b"", reading)
    trace = BodyTrace("response_received", reading)
    evidence.response = evidence.returned = trace
    evidence.stream_outcome = "complete"
    for payload in payloads:
        trace.add(b"data: " + payload + b"\n\n")
    reading.read(evidence)
    return reading


@given(st.lists(st.tuples(st.sampled_from(sorted(TEMPLATES)), texts), max_size=12))
def test_events_that_are_alike_say_what_each_says_alone(events: list[tuple[str, str]]) -> None:
    payloads = [orjson.dumps(TEMPLATES[name](text)) for name, text in events]
    said = "".join([event_said(orjson.loads(payload)) for payload in payloads])

    found = read(payloads)

    assert (found.answer, found.events, found.unread) == (said, len(payloads), [])
    assert found.answer_hash == hashlib.sha256(said.encode()).hexdigest()


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_long_stream_of_one_form_is_read_to_its_end(template: str) -> None:
    parts = [f"part {number} " for number in range(50)]
    payloads = [orjson.dumps(TEMPLATES[template](part)) for part in parts]
    said = "".join([event_said(orjson.loads(payload)) for payload in payloads])

    assert read(payloads).answer == said


def test_usage_is_read_in_an_event_that_is_like_many_but_for_it() -> None:
    chat, usage = TEMPLATES["chat"], TEMPLATES["usage"]
    payloads = [orjson.dumps(chat(f"{number} ")) for number in range(20)]

    found = read([*payloads, orjson.dumps(usage("four"))])

    assert isinstance(found.usage, Usage)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 4)


def test_of_a_key_that_is_there_twice_the_last_one_counts() -> None:
    twice = b'{"choices":[{"index":0,"delta":{"content":"%b","content":"%b"}}]}'

    found = read([twice % (b"x", b"x"), twice % (b"y", b"x"), twice % (b"x", b"z")])

    assert found.answer == "xxz"


def test_half_a_character_is_unread_among_events_that_are_alike() -> None:
    chat = [orjson.dumps(TEMPLATES["chat"](text)) for text in ("a", "b", "c", "d")]
    broken = orjson.dumps(TEMPLATES["chat"]("q")).replace(b'"q"', rb'"\ud83d"')

    found = read([*chat, broken, *chat])

    assert (found.answer, found.unread, found.events) == ("abcdabcd", ["answer"], 9)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("chat", ("choices", 0, "delta", "content")),
        ("second choice", None),
        ("anthropic", ("delta", "text")),
        ("responses", ("delta",)),
        ("arguments", None),
        ("gemini", ("candidates", 0, "content", "parts", 0, "text")),
        ("gemini, two parts", None),
        ("ollama", ("message", "content")),
        ("ollama, generate", ("response",)),
        ("bedrock", ("contentBlockDelta", "delta", "text")),
        ("repeated elsewhere", ("delta", "text")),
    ],
)
def test_the_place_of_what_was_said(template: str, path: tuple[str | int, ...] | None) -> None:
    event = TEMPLATES[template]("same")
    before = orjson.dumps(event)

    assert said_path(event) == path
    assert orjson.dumps(event) == before


@pytest.mark.parametrize("event", [None, 1, "x", [], [1], {}, {"choices": []}, {"delta": None}])
def test_what_says_nothing_has_no_such_place(event: Any) -> None:
    assert said_path(event) is None
