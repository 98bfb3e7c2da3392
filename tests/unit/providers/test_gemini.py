"""Where the texts stand in Gemini's generateContent."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.gemini import GENERATE
from tests.spans import Row, gaps, in_snake_case, read_request, read_response, rows


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
        ({"batch": {"displayName": "b", "inputConfig": {"requests": {"requests": [
            {"request": contents({"text": "hi"}), "metadata": {"key": "k"}}]}}}},
         [("user", "text", "hi"), ("unknown", "other", "k"), ("unknown", "other", "b")]),
        ({"batch": {"inputConfig": {"fileName": "files/x"}}}, [("unknown", "other", "files/x")]),
        (contents({"executableCode": {"code": "1+1"}}, role="model"),
         [("assistant", "other", "1+1")]),
        ({"generationConfig": {"stopSequences": ["s"]}}, [("unknown", "other", "s")]),
        (contents({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42"}}),
         [("tool", "tool_result", "42")]),
        (contents({"toolCall": {"toolType": "T", "args": {"q": "a"}}}, role="model"),
         [("assistant", "tool_call_arguments", "q"), ("assistant", "tool_call_arguments", "a")]),
        (contents({"toolResponse": {"toolType": "T", "response": {"status": "a"}}}),
         [("tool", "tool_result", "status"), ("tool", "tool_result", "a")]),
        (contents({"audioTranscription": {"text": "hi", "languageCode": "en"}}),
         [("user", "text", "hi")]),
        (contents({"text": "hi", "partMetadata": {"status": "s"}}),
         [("user", "text", "hi"), ("user", "other", "status"), ("user", "other", "s")]),
        (contents({"functionCall": {"name": "f", "brandNew": "w"}}, role="model"),
         [("assistant", "other", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_a_request_is_found_in_both_spellings(
    body: dict[str, Any], wanted: list[Row]
) -> None:
    assert rows(read_request(GENERATE, body)) == wanted
    assert rows(read_request(GENERATE, in_snake_case(body))) == wanted


def test_a_member_that_stands_in_both_spellings_is_read_twice() -> None:
    call = {"functionCall": {"args": {"a": "b"}}, "function_call": {"args": {"c": "d"}}}

    document = read_request(GENERATE, contents(call, role="model"))

    assert [span.text for span in document.spans] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, {"image"}),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x"}}, {"binary"}),
    ],
)
def test_what_is_no_text_is_a_gap(part: dict[str, Any], found: set[str]) -> None:
    assert gaps(read_request(GENERATE, contents(part))) == found
    assert gaps(read_request(GENERATE, in_snake_case(contents(part)))) == found


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ({"inlineData": {"mimeType": "image/png", "displayName": "n"}}, {"image"}),
        ({"fileData": {"mimeType": "application/pdf", "displayName": "n"}}, {"binary"}),
    ],
)
def test_what_is_no_text_of_a_result_is_a_gap_of_the_tools(
    part: dict[str, Any], found: set[str]
) -> None:
    body = contents({"functionResponse": {"name": "f", "response": {}, "parts": [part]}})

    for document in (read_request(GENERATE, body), read_request(GENERATE, in_snake_case(body))):
        assert gaps(document) == found
        assert {gap.value for gap in document.tool_gaps} == found
        assert rows(document) == [("tool", "file_name", "n")]


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


@pytest.mark.parametrize("key", ["logprobsResult", "logprobs_result"])
def test_the_tokens_of_an_edited_text_are_taken_out_with_it(key: str) -> None:
    document = read_response(
        GENERATE, answer({"text": "alice"}, **{key: {"chosenCandidates": ["alice"]}})
    )

    edited = document.edited([(document.spans[0], "x")])

    assert b"alice" not in edited.body


def test_the_words_of_an_edited_transcription_are_taken_out_with_it() -> None:
    said = {"text": "alice", "words": [{"word": "al"}, {"word": "ice"}]}
    document = read_response(GENERATE, answer({"audioTranscription": said}))

    edited = document.edited([(document.spans[0], "x")])

    assert rows(edited) == [("assistant", "text", "x")]
    assert b'"words":[]' in edited.body


def test_what_code_printed_is_what_the_model_says_in_an_answer() -> None:
    """A client shows it, so it is judged as an answer."""
    printed = answer({"codeExecutionResult": {"output": "42"}})

    assert rows(read_response(GENERATE, printed)) == [("assistant", "other", "42")]
    [piece] = GENERATE.stream.event(printed, b"").pieces
    assert (piece.role, piece.kind, piece.text) == ("assistant", "other", "42")


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
    event = answer({"text": "a"}, index=2, finishReason="STOP")

    assert GENERATE.stream.event(event, b"").ends == ["candidate:2"]
    assert GENERATE.stream.event(in_snake_case(event), b"").ends == ["candidate:2"]
