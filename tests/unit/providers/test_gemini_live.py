"""Where the texts stand in the messages of live sessions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.forms import form_of
from gateway.providers.gemini_live import LIVE
from gateway.settings import Dialect
from tests.spans import Row, gaps, read_request, rows

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def test_the_path_names_the_form() -> None:
    assert form_of(Dialect.GEMINI, PATH) is LIVE


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ({"setup": {"model": "m", "systemInstruction": {"parts": [{"text": "be"}]},
                    "tools": [{"functionDeclarations": [{"name": "t"}]}]}},
         [("system", "system", "be"), ("tool", "tool_description", "t")]),
        ({"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}],
                            "turnComplete": True}}, [("user", "text", "hi")]),
        ({"realtimeInput": {"text": "hi"}}, [("user", "text", "hi")]),
        ({"toolResponse": {"functionResponses": [{"id": "1", "name": "f",
                                                  "response": {"out": "42"}}]}},
         [("tool", "tool_result", "out"), ("tool", "tool_result", "42")]),
        ({"brandNew": {"words": "w"}}, [("unknown", "other", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_a_client_message_is_found(
    message: dict[str, Any], wanted: list[Row]
) -> None:
    assert rows(read_request(LIVE, message)) == wanted


def test_sound_is_a_gap() -> None:
    message = {"realtimeInput": {"audio": {"data": "aGk=", "mimeType": "audio/pcm"}}}

    assert gaps(read_request(LIVE, message)) == {"binary"}


@pytest.mark.parametrize(
    ("content", "channel"),
    [
        ({"modelTurn": {"parts": [{"text": "a"}]}}, "content:0"),
        ({"modelTurn": {"parts": [{"text": "a", "thought": True}]}}, "reasoning:0"),
        ({"outputTranscription": {"text": "a"}}, "transcript:0"),
        ({"inputTranscription": {"text": "a"}}, "input:0"),
    ],
)
def test_every_text_of_the_server_has_its_channel(content: dict[str, Any], channel: str) -> None:
    read = LIVE.stream.event({"serverContent": content}, b"")
    [piece] = read.pieces

    assert (piece.channel, piece.text) == (channel, "a")
    again = LIVE.stream.event(LIVE.stream.delta({}, piece, "b"), b"")
    assert [(other.channel, other.text) for other in again.pieces] == [(channel, "b")]


def test_arguments_of_a_call_are_shown_and_a_turn_ends_all() -> None:
    call = {"toolCall": {"functionCalls": [{"name": "f", "args": {"to": "al"}}]}}

    read = LIVE.stream.event(call, b"")
    assert [(p.kind, p.text) for p in read.pieces] == [
        ("tool_call_arguments", "to"), ("tool_call_arguments", "al"),
    ]  # fmt: skip
    assert LIVE.stream.event({"serverContent": {"turnComplete": True}}, b"").ends == [""]
