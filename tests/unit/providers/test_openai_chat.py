"""Where the texts stand in chat completions and completions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin.coverage import Gap
from gateway.providers.openai_chat import CHAT
from tests.spans import Row, gaps, read_request, read_response, rows

CALL = {"id": "c1", "type": "function", "function": {"name": "send", "arguments": '{"a":1}'}}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "text", "hi")]),
        ({"messages": [{"role": "developer", "content": "be"}]}, [("system", "system", "be")]),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "42"}]},
            [("tool", "tool_result", "42")],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
            [("user", "text", "hi")],
        ),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
            [("assistant", "tool_call_arguments", '{"a":1}')],
        ),
        (
            {"messages": [{"role": "assistant", "reasoning_content": "hm", "refusal": "no"}]},
            [("assistant", "refusal", "no"), ("assistant", "reasoning", "hm")],
        ),
        (
            {"messages": [{"role": "user", "content": "a", "name": "bob"}]},
            [("user", "text", "a"), ("user", "other", "bob")],
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "send",
                            "description": "Sends.",
                            "parameters": {
                                "type": "object",
                                "properties": {"to": {"type": "string", "description": "Whom."}},
                                "required": ["to"],
                            },
                        },
                    }
                ]
            },
            [
                ("tool", "tool_description", "send"),
                ("tool", "tool_description", "Sends."),
                ("tool", "tool_description", "Whom."),
            ],
        ),
        ({"prompt": "say", "model": "m"}, [("user", "text", "say")]),
        ({"prompt": ["a", "b"]}, [("user", "text", "a"), ("user", "text", "b")]),
        ({"messages": ["hi"]}, [("unknown", "text", "hi")]),
        (
            {"documents": [{"title": "t", "text": "d"}]},
            [("user", "document", "t"), ("user", "document", "d")],
        ),
        ({"user": "bob@example.com"}, [("unknown", "other", "bob@example.com")]),
        ({"brand_new": {"deep": ["text"]}}, [("unknown", "other", "text")]),
    ],
)
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(CHAT, body)) == wanted


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"message": {"tool_calls": [CALL | {"note": "n"}]}},
         [("tool_call_arguments", '{"a":1}'), ("other", "n")]),
        ({"message": {"tool_calls": ["n"]}}, [("tool_call_arguments", "n")]),
        ({"message": {"tool_calls": {"status": "n"}}},
         [("tool_call_arguments", "status"), ("tool_call_arguments", "n")]),
        ({"message": {"function_call": {"name": "f", "arguments": "a", "note": "n"}}},
         [("tool_call_arguments", "a"), ("other", "n")]),
        ({"message": "n"}, [("text", "n")]),
        ({"text": ["n"]}, [("text", "n")]),
        ({"delta": {"note": "n"}}, [("other", "n")]),
    ],
)  # fmt: skip
def test_every_text_of_a_choice_of_a_whole_answer_is_found(
    choice: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    found = rows(read_response(CHAT, {"choices": [choice]}))

    assert found == [("assistant", kind, text) for kind, text in wanted]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ({"type": "image_url", "image_url": {"url": "data:..."}}, {"image"}),
        ({"type": "input_audio", "input_audio": {"data": "..."}}, {"binary"}),
        ({"type": "file", "file": {"file_data": "..."}}, {"binary"}),
        ({"type": "text", "text": "a"}, set()),
    ],
)
def test_what_is_no_text_is_a_gap(part: dict[str, Any], found: set[str]) -> None:
    body = {"messages": [{"role": "user", "content": [part]}]}

    assert gaps(read_request(CHAT, body)) == found


def test_the_name_of_a_file_is_a_text() -> None:
    part = {"type": "file", "file": {"file_data": "...", "filename": "ssn.pdf"}}

    document = read_request(CHAT, {"messages": [{"role": "user", "content": [part]}]})

    assert rows(document) == [("user", "file_name", "ssn.pdf")]


def test_a_picture_in_the_result_of_a_tool_is_a_gap_of_the_tools() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:..."}}

    document = read_request(CHAT, {"messages": [{"role": "tool", "content": [part]}]})

    assert document.tool_gaps == {Gap.IMAGE}


def test_tokens_instead_of_text_are_a_gap() -> None:
    assert gaps(read_request(CHAT, {"prompt": [1, 2, 3]})) == {"binary"}


def test_every_text_of_an_answer_is_found() -> None:
    message = {"role": "assistant", "content": "hi", "tool_calls": [CALL], "refusal": None}
    body = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    assert rows(read_response(CHAT, body)) == [
        ("assistant", "text", "hi"),
        ("assistant", "tool_call_arguments", '{"a":1}'),
    ]


def test_an_error_is_read_as_it_is() -> None:
    body = {"error": {"message": "no such model", "type": "x", "code": None}}

    assert rows(read_response(CHAT, body)) == [("unknown", "other", "no such model")]


def test_the_tokens_of_an_edited_text_are_taken_out_with_it() -> None:
    """They say the text once more."""
    logprobs = {"content": [{"token": "secret", "logprob": -0.1}]}
    message = {"role": "assistant", "content": "secret"}
    document = read_response(CHAT, {"choices": [{"message": message, "logprobs": logprobs}]})

    edited = document.edited([(document.spans[0], "x")])

    assert edited.body == (
        b'{"choices":[{"message":{"role":"assistant","content":"x"},"logprobs":null}]}'
    )


@pytest.mark.parametrize(
    ("delta", "channels"),
    [
        ({"content": "a"}, [("content:2", "a")]),
        ({"reasoning_content": "a"}, [("reasoning:2", "a")]),
        ({"reasoning": "a"}, [("reasoning:2:1", "a")]),
        ({"refusal": "a"}, [("refusal:2", "a")]),
        ({"function_call": {"arguments": "a"}}, [("call:2", "a")]),
        ({"tool_calls": [{"index": 3, "function": {"arguments": "a"}}]}, [("tool:2:3", "a")]),
        ({"tool_calls": [{"index": 3, "custom": {"input": "a"}}]}, [("tool:2:3", "a")]),
        ({"audio": {"transcript": "a"}}, [("transcript:2", "a")]),
        ({"content": [{"type": "text", "text": "a"}]}, [("content:2", "a")]),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
            [("reasoning:2", "a")],
        ),
        (
            {"reasoning_details": [{"type": "reasoning.text", "text": "a"}]},
            [("reasoning:2:text:0", "a")],
        ),
        ({"content": ["a"]}, [("content:2", "a")]),
        ({"content": {"text": "a"}}, [("content:2", "a")]),
        ({"content": [{"type": "thinking", "thinking": "a"}]}, [("reasoning:2", "a")]),
        ({"reasoning": {"text": "a"}}, [("reasoning:2:1", "a")]),
        ({"reasoning_content": ["a"]}, [("reasoning:2", "a")]),
        ({"refusal": ["a"]}, [("refusal:2", "a")]),
        ({"function_call": "a"}, [("other:2:function_call", "a")]),
        ({"tool_calls": {"function": {"arguments": "a"}}},
         [("other:2:tool_calls:function:arguments", "a")]),
        ({"tool_calls": ["a"]}, [("other:2:tool_calls", "a")]),
        ({"tool_calls": [{"index": 3, "function": "a"}]}, [("tool_call_arguments", "a")]),
        ({"tool_calls": [{"index": 3, "function": {"arguments": {"type": "a"}}}]},
         [("tool_call_arguments", "type"), ("tool_call_arguments", "a")]),
        ({"tool_calls": [{"index": 3, "function": {"name": "f"}, "note": "a"}]}, [("other", "a")]),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "x"}]},
         [("other:2:thinking_blocks:thinking", "a")]),
        ({"brand_new": "a"}, [("other:2:brand_new", "a")]),
        ({"role": "assistant", "content": ""}, []),
    ],
)  # fmt: skip
def test_every_text_of_an_event_has_its_channel(
    delta: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    read = CHAT.stream.event({"choices": [{"index": 2, "delta": delta}]}, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels


@pytest.mark.parametrize(
    ("choice", "channels"),
    [
        ({"delta": "a"}, [("content:2", "a")]),
        ({"text": ["a"]}, [("content:2", "a")]),
        ({"delta": {}, "note": "a"}, [("other", "a")]),
        ({"delta": {}, "messages": [{"delta": {"content": "a"}}]},
         [("other:2:messages:delta:content", "a")]),
        ({"message": {"role": "assistant", "content": "a"}}, [("content:2", "a")]),
        ({"message": {"content": "a"}, "finish_reason": "stop"}, [("text", "a")]),
        ({"delta": {"content": "b"}, "message": {"content": "ab"}},
         [("content:2", "b"), ("text", "ab")]),
        ({"delta": {}, "message": "a"}, [("text", "a")]),
    ],
)  # fmt: skip
def test_every_text_of_a_choice_is_found(
    choice: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    read = CHAT.stream.event({"choices": [{"index": 2, **choice}]}, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels


@pytest.mark.parametrize("choices", ["a", ["a"], {"text": "a"}])
def test_choices_of_another_shape_are_read(choices: Any) -> None:
    read = CHAT.stream.event({"choices": choices}, b"")

    assert [piece.text for piece in read.pieces] == ["a"]
    assert [text for _, _, text in rows(read_response(CHAT, {"choices": choices}))] == ["a"]


def test_pictures_that_a_model_draws_are_a_gap() -> None:
    images = [{"type": "image_url", "image_url": {"url": "data:..."}}]
    event = {"choices": [{"index": 0, "delta": {"images": images}}]}

    assert CHAT.stream.event(event, b"").gaps == {Gap.IMAGE}
    assert gaps(read_response(CHAT, {"choices": [{"message": {"images": images}}]})) == {"image"}


def test_a_finish_reason_ends_the_channels_of_its_choice() -> None:
    finished = {"index": 1, "delta": {}, "finish_reason": "stop"}

    assert CHAT.stream.event({"choices": [finished]}, b"").ends == ["choice:1"]


@pytest.mark.parametrize(
    "choice",
    [
        {"index": 1, "delta": {"content": "a"}},
        {"index": 1, "delta": {"tool_calls": [{"index": 3, "function": {"arguments": "a"}}]}},
        {"index": 1, "delta": {"content": [{"type": "text", "text": "a"}]}},
        {"index": 1, "delta": {"reasoning_details": [{"index": 4, "type": "x", "text": "a"}]}},
        {"index": 1, "text": "a"},
        {"index": 1, "delta": "a"},
        {"index": 1, "delta": {"content": {"text": "a"}}},
        {"index": 1, "delta": {"reasoning": ["a"]}},
        {"index": 1, "delta": {"brand_new": "a"}},
        {"index": 1, "delta": {"thinking_blocks": [{"type": "thinking", "thinking": "a"}]}},
        {"index": 1, "delta": {"brand": [{"x": 1}, {"index": 4, "text": "a"}]}},
        {"index": 1, "delta": {}, "messages": [{"index": 0, "delta": {"content": "a"}}]},
        {"index": 1, "message": {"content": "a"}},
        {"index": 1, "message": {"tool_calls": [{"index": 3, "function": {"arguments": "a"}}]}},
    ],
)
def test_an_event_of_our_own_brings_its_text_to_the_same_channel(choice: dict[str, Any]) -> None:
    event = {"id": "x", "model": "m", "usage": None, "choices": [choice]}
    piece = CHAT.stream.event(event, b"").pieces[0]

    fresh = CHAT.stream.delta(event, piece, "rest")

    again = CHAT.stream.event(fresh, b"")
    assert [(p.channel, p.text) for p in again.pieces] == [(piece.channel, "rest")]
    assert (fresh["id"], fresh["model"], again.ends) == ("x", "m", [])


def test_a_message_of_a_role_and_calls_alone_is_read() -> None:
    """Some servers leave `content` out where a model only calls tools."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message = {"role": "assistant", "tool_calls": [call]}

    assert rows(read_response(CHAT, {"choices": [{"message": message}]})) == [
        ("assistant", "tool_call_arguments", '{"a":1}')
    ]
    assert ("user", "other", "x") in rows(
        read_request(CHAT, {"messages": [{"role": "user", "brand_new": "x"}]})
    )


def test_an_event_of_our_own_says_nothing_again_but_its_text() -> None:
    """What stands beside the choices was masked where it came, and is as it came in the event."""
    choice = {"index": 0, "delta": {"content": "so al"}}
    event = {"id": "x", "created": 1, "warning": "mail alice", "choices": [choice]}
    piece = CHAT.stream.event(event, b"").pieces[0]

    assert set(CHAT.stream.delta(event, piece, "x")) == {"id", "created", "choices"}


def test_a_message_empties_nothing_of_another_choice() -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "message": "b"}
    read = CHAT.stream.event({"choices": [choice] * 50}, b"")

    assert {len(piece.echoes) for piece in read.pieces} == {0, 1}
