"""Which unknown texts of a delta go on in the next event, and which come whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.plugin.coverage import Gap
from gateway.providers.delta_texts import DeltaTexts, only
from gateway.providers.dialect import DELTA, WHOLE, Event
from gateway.providers.gathering import STRUCTURAL
from gateway.providers.openai_chat import CHAT
from gateway.providers.skeleton import Skeletons


def read(delta: dict[str, Any]) -> list[tuple[str, str, int]]:
    event = Event()
    DeltaTexts(event, "s").members(delta, ("delta",), (), "c")
    return [(piece.channel, piece.text, piece.mode) for piece in event.pieces]


@pytest.mark.parametrize(
    ("delta", "channel"),
    [
        ({"brand_new": "a"}, "c:brand_new"),
        ({"thinking": ["a"]}, "c:thinking"),
        ({"blocks": [{"index": 3, "text": "a"}]}, "c:blocks:3"),
        ({"deep": {"deeper": {"reasoning_text": "a"}}}, "c:deep:deeper:reasoning_text"),
    ],
)
def test_a_text_goes_on_in_a_channel_by_its_path(delta: dict[str, Any], channel: str) -> None:
    assert read(delta) == [(channel, "a", DELTA)]


@pytest.mark.parametrize(
    "delta",
    [
        *[{name: "a"} for name in ("name", "provider", "url", "file_id", "native_finish_reason")],
        {"annotations": [{"url_citation": {"text": "a"}}]},
        {"citations": ["a"]},
        {"fields": {"brand_new": "a"}},
        {"labels": ["a"]},
    ],
)
def test_a_name_an_address_and_a_quotation_come_whole(delta: dict[str, Any]) -> None:
    assert read(delta) == [("other", "a", WHOLE)]


def test_what_a_provider_names_is_no_text() -> None:
    assert read(dict.fromkeys(STRUCTURAL - {"usage"}, "a")) == []
    assert read({"deep": dict.fromkeys(STRUCTURAL - {"usage"}, "a")}) == []


def test_how_severe_a_content_is_does_not_keep_its_event_from_being_known() -> None:
    """Azure says it with every event."""
    results = {"hate": {"filtered": False, "severity": "safe"}}
    choice = {"index": 0, "delta": {"content": "a"}, "content_filter_results": results}

    pieces = CHAT.stream.event({"choices": [choice]}, b"").pieces

    assert [(piece.channel, piece.text) for piece in pieces] == [("content:0", "a")]


def test_a_verdict_of_another_word_is_read() -> None:
    results = {"hate": {"severity": "a"}, "code": {"citation": {"URL": "b"}}}
    choice = {"index": 0, "delta": {}, "content_filter_results": results}

    pieces = CHAT.stream.event({"choices": [choice]}, b"").pieces

    assert [(piece.text, piece.mode) for piece in pieces] == [("a", WHOLE), ("b", WHOLE)]


def test_events_of_an_unknown_text_are_soon_not_parsed() -> None:
    skeletons = Skeletons()
    first, second = (
        orjson.dumps({"choices": [{"index": 0, "delta": {"thinking": text}}]}) for text in "ab"
    )
    skeletons.learn(first, b"", CHAT.stream.event(orjson.loads(first), b""))

    known = skeletons.read(second, b"")

    assert known is not None
    assert [(p.channel, p.text) for p in known.pieces] == [("other:0:thinking", "b")]


def test_an_event_of_our_own_keeps_what_names_the_kind_of_a_text() -> None:
    block = {"type": "thinking", "index": 2, "thinking": "old", "signature": "x"}

    made = only({"delta": {"blocks": [block]}}, ("delta", "blocks", 0, "thinking"), 1, "new")

    assert made == {"blocks": [{"type": "thinking", "index": 2, "thinking": "new"}]}


def test_what_is_too_deep_is_a_gap() -> None:
    deep: Any = {"text": "w"}
    for _ in range(600):
        deep = {"x": deep}
    event = Event()
    DeltaTexts(event, "s").members({"new": deep}, ("delta",), (), "c")

    assert (event.pieces, event.gaps) == ([], {Gap.TOO_DEEP})
