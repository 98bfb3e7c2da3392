"""Where the texts stand in Gemini's generateContent."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.gemini import GENERATE
from tests.spans import Row, gaps, read_request, read_response, rows


def contents(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"contents": [{"role": role, "parts": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (contents({"text": "hi"}), [("user", "text", "hi")]),
        (contents({"text": "hm", "thought": True}, role="model"),
         [("assistant", "reasoning", "hm")]),
        ({"systemInstruction": {"parts": [{"text": "be"}]}}, [("system", "system", "be")]),
        ({"system_instruction": {"parts": {"text": "be"}}}, [("system", "system", "be")]),
        (contents({"functionCall": {"name": "f", "args": {"to": "bob"}}}, role="model"),
         [("assistant", "tool_call_arguments", "to"), ("assistant", "tool_call_arguments", "bob")]),
        (contents({"functionResponse": {"name": "f", "response": {"out": "42"}}}),
         [("tool", "tool_result", "out"), ("tool", "tool_result", "42")]),
        ({"tools": [{"functionDeclarations": [{"name": "f", "description": "d"}]}]},
         [("tool", "tool_description", "f"), ("tool", "tool_description", "d")]),
        ({"requests": [{"content": {"parts": [{"text": "hi"}]}}]}, [("user", "text", "hi")]),
        ({"content": {"parts": [{"text": "hi"}]}}, [("user", "text", "hi")]),
        ({"generateContentRequest": contents({"text": "hi"})}, [("user", "text", "hi")]),
        (contents({"executableCode": {"code": "1+1"}}, role="model"),
         [("assistant", "other", "1+1")]),
        ({"generationConfig": {"stopSequences": ["s"]}}, [("unknown", "other", "s")]),
    ],
)  # fmt: skip
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(GENERATE, body)) == wanted


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, {"image"}),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x"}}, {"binary"}),
    ],
)
def test_what_is_no_text_is_a_gap(part: dict[str, Any], found: set[str]) -> None:
    assert gaps(read_request(GENERATE, contents(part))) == found


def answer(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **more}]}


def test_every_text_of_an_answer_is_found() -> None:
    assert rows(
        read_response(GENERATE, answer({"text": "hm", "thought": True}, {"text": "hi"}))
    ) == [
        ("assistant", "reasoning", "hm"),
        ("assistant", "text", "hi"),
    ]


def test_the_texts_of_an_array_of_answers_are_one_text() -> None:
    """A client puts them together, so a secret may stand across two of them."""
    document = read_response(GENERATE, [answer({"text": "al"}), answer({"text": "ice"})])

    assert [span.text for span in document.spans] == ["alice"]
    edited = document.edited([(document.spans[0], "[name]")])
    assert [span.text for span in read_response(GENERATE, edited.body).spans] == ["[name]"]


def test_the_tokens_of_an_edited_text_are_taken_out_with_it() -> None:
    document = read_response(
        GENERATE, answer({"text": "alice"}, logprobsResult={"chosenCandidates": ["alice"]})
    )

    edited = document.edited([(document.spans[0], "x")])

    assert b"alice" not in edited.body


def test_every_text_of_an_event_has_its_channel() -> None:
    event = answer(
        {"text": "a"},
        {"text": "b", "thought": True},
        {"functionCall": {"name": "f", "args": {"k": "c"}}},
        index=2,
    )

    read = GENERATE.stream.event(event, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == [
        ("content:2", "a"),
        ("reasoning:2", "b"),
        ("tool_call_arguments", "k"),
        ("tool_call_arguments", "c"),
    ]


def test_a_finish_reason_ends_the_channels_of_its_candidate() -> None:
    read = GENERATE.stream.event(answer({"text": "a"}, index=2, finishReason="STOP"), b"")

    assert read.ends == ["candidate:2"]
