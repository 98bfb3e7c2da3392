"""Where the texts stand in the messages of live sessions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.forms import form_of
from gateway.providers.gemini_live import LIVE
from gateway.settings import Dialect
from tests.spans import Row, gaps, in_snake_case, read_request, rows

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
        ({"clientContent": {"turns": {"parts": [{"text": "hi"}]}}}, [("user", "text", "hi")]),
        ({"contextUpdate": {"systemInstruction": {"parts": [{"text": "be"}]}}},
         [("system", "system", "be")]),
        ({"clientContent": "hi"}, [("unknown", "other", "hi")]),
        ({"brandNew": {"words": "w"}}, [("unknown", "other", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_a_client_message_is_found_in_both_spellings(
    message: dict[str, Any], wanted: list[Row]
) -> None:
    assert rows(read_request(LIVE, message)) == wanted
    assert rows(read_request(LIVE, in_snake_case(message))) == wanted


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ({"client_content": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}],
                             "turnComplete": True}}, [("user", "text", "hi")]),
        ({"realtime_input": {"text": "hi"}}, [("user", "text", "hi")]),
        ({"tool_response": {"functionResponses": [{"name": "f", "response": {"out": "42"}}]}},
         [("tool", "tool_result", "out"), ("tool", "tool_result", "42")]),
    ],
)  # fmt: skip
def test_messages_are_read_as_the_client_of_google_writes_them(
    message: dict[str, Any], wanted: list[Row]
) -> None:
    """The outermost name in snake_case, those within in camelCase."""
    assert rows(read_request(LIVE, message)) == wanted


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"audio": {"data": "aGk=", "mimeType": "audio/pcm"}}, {"binary"}),
        ({"video": {"data": "aGk=", "mimeType": "image/jpeg"}}, {"image"}),
        ({"mediaChunks": [{"data": "aGk=", "mimeType": "audio/pcm"},
                          {"data": "aGk=", "mimeType": "image/png"}]}, {"binary", "image"}),
        ({"mediaChunks": "aGk="}, {"binary"}),
    ],
)  # fmt: skip
def test_sound_and_pictures_are_gaps(given: dict[str, Any], found: set[str]) -> None:
    message = {"realtimeInput": given}

    assert gaps(read_request(LIVE, message)) == found
    assert gaps(read_request(LIVE, in_snake_case(message))) == found


def test_a_picture_in_a_result_is_a_gap_of_the_tools() -> None:
    result = {"name": "f", "parts": [{"inlineData": {"mimeType": "image/png"}}]}

    document = read_request(LIVE, {"tool_response": {"functionResponses": [result]}})

    assert {gap.value for gap in document.tool_gaps} == {"image"}


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
    for message in ({"serverContent": content}, in_snake_case({"serverContent": content})):
        [piece] = LIVE.stream.event(message, b"").pieces

        assert (piece.channel, piece.text) == (channel, "a")
        again = LIVE.stream.event(LIVE.stream.delta({}, piece, "b"), b"")
        assert [(other.channel, other.text) for other in again.pieces] == [(channel, "b")]


def test_the_words_of_a_transcription_go_with_its_text() -> None:
    said = {"text": "alice", "words": [{"word": "al"}, {"word": "ice"}]}
    event = {"serverContent": {"outputTranscription": said}}

    [piece] = LIVE.stream.event(event, b"").pieces

    assert piece.echoes == ((("serverContent", "outputTranscription", "words"), b"[]"),)
    del said["text"]
    assert [p.text for p in LIVE.stream.event(event, b"").pieces] == ["al", "ice"]


def test_arguments_of_a_call_are_shown_and_a_turn_ends_all() -> None:
    call = {"toolCall": {"functionCalls": [{"name": "f", "args": {"to": "al"}}]}}

    for message in (call, in_snake_case(call)):
        read = LIVE.stream.event(message, b"")
        assert [(p.kind, p.text) for p in read.pieces] == [
            ("tool_call_arguments", "to"), ("tool_call_arguments", "al"),
        ]  # fmt: skip
    for key in ("turnComplete", "turn_complete"):
        assert LIVE.stream.event({"serverContent": {key: True}}, b"").ends == [""]


def test_arguments_of_a_call_may_come_in_parts() -> None:
    def message(**inner: Any) -> dict[str, Any]:
        return {"toolCall": {"functionCalls": [{"id": "1", "name": "f", **inner}]}}

    part = {"jsonPath": "$.to", "stringValue": "al", "willContinue": True}
    event = message(partialArgs=[part], willContinue=True)
    piece = LIVE.stream.event(event, b"").pieces[0]

    assert (piece.channel, piece.kind, piece.text) == (
        "tool:$.to:call:0", "tool_call_arguments", "al",
    )  # fmt: skip
    own = LIVE.stream.delta(event, piece, "b")
    assert LIVE.stream.event(own, b"").pieces[0].channel == piece.channel
    assert own["toolCall"]["functionCalls"][0]["id"] == "1"
    assert LIVE.stream.event(message(), b"").over == ":call:0"
