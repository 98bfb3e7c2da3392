"""Text keeps its order, with halves of characters in any events and silence at any place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.plugin import Exchange, TextStream
from gateway.providers.json_places import json_string
from gateway.providers.json_text import parse
from tests.recorded_streams import RECORDED
from tests.stream_run import OnText, masker, transform

CHAT: Final = next(recorded for recorded in RECORDED if recorded.name == "openai_chat")
HIGH, LOW = chr(0xD83D), chr(0xDE00)
SAID: Final = st.text(f"alice {HIGH}{LOW}ü", max_size=5) | st.sampled_from([HIGH, LOW, "alice"])
STREAMS: Final = st.lists(SAID | st.none(), max_size=8)


def event(text: str, finish: str | None = None) -> bytes:
    """A delta of chat."""
    delta = {"content": ""}
    data = orjson.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    return b"data: " + data.replace(b'"content":""', b'"content":' + json_string(text)) + b"\n\n"


def shown(stream: bytes) -> str:
    """What a client shows that puts the deltas together."""
    events = [parse(part.removeprefix(b"data: "))[0] for part in stream.split(b"\n\n")[:-1]]
    return whole(each["choices"][0]["delta"].get("content", "") for each in events)


def whole(texts: Iterable[str]) -> str:
    """The text of all events: what belongs together put together, and U+FFFD for other halves."""
    units = "".join(texts).encode("utf-16-be", "surrogatepass")
    return units.decode("utf-16-be", "replace")


def sent(said: list[str | None], *hooks: OnText, finishes: bool = False) -> bytes:
    """What goes out; None is a moment of silence. The last event may end its channel."""
    through = transform(CHAT, *hooks)
    out = []
    for number, text in enumerate(said, 1):
        finish = "stop" if finishes and number == len(said) else None
        out.append(through.nudge() if text is None else through.feed(event(text, finish)))
    out.append(through.finish())
    assert through.reject is None
    return b"".join(out)


def holder(characters: int, *, shouts: bool = False) -> OnText:
    """Holds back the last characters of all that comes, as it came or changed."""

    def on_text(_: Exchange, text: TextStream) -> None:
        if shouts:
            text.replace(text.text.upper())
        text.hold(characters)

    return on_text


@given(STREAMS, st.booleans())
@example(["alice", None, HIGH, None, f"{LOW}x "], False)
@example(["al", None, HIGH, None, f"{LOW}x "], False)
@example(["al", None, HIGH], False)
@example([f"alice{HIGH}"], True)
def test_an_edited_text_keeps_its_order(said: list[str | None], finishes: bool) -> None:
    out = sent(said, masker("alice", "x"), finishes=finishes)

    assert shown(out) == whole(filter(None, said)).replace("alice", "x")


@given(STREAMS, st.integers(0, 4), st.integers(0, 4), st.booleans())
@example(["al", None, HIGH, None, f"{LOW}x "], 2, 0, False)
@example([HIGH, LOW, None, HIGH, LOW], 1, 1, False)
@example([HIGH, "a", None, "b"], 2, 0, False)
def test_a_text_that_is_held_keeps_its_order(
    said: list[str | None], first: int, second: int, finishes: bool
) -> None:
    out = sent(said, holder(first), holder(second), finishes=finishes)

    assert shown(out) == whole(filter(None, said))


@given(STREAMS, st.integers(1, 4), st.booleans())
@example(["ab", HIGH, f"{LOW}x "], 1, False)
@example([HIGH, HIGH, "a", LOW], 2, False)
def test_a_text_that_is_held_as_another_keeps_its_order(
    said: list[str | None], held: int, finishes: bool
) -> None:
    out = sent(said, holder(held, shouts=True), finishes=finishes)

    assert shown(out) == whole(filter(None, said)).upper()


@given(st.lists(SAID, max_size=8), st.integers(0, 3), st.booleans())
def test_what_no_silence_parts_and_nobody_edits_goes_out_as_it_came(
    said: list[str], held: int, finishes: bool
) -> None:
    events = [event(text) for text in said[:-1]]
    events += [event(text, "stop" if finishes else None) for text in said[-1:]]

    assert sent([*said], holder(held), finishes=finishes) == b"".join(events)
