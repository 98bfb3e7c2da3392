"""Where the texts stand in the responses API."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.dialect import REPEAT, WHOLE
from gateway.providers.openai_responses import RESPONSES
from tests.spans import Row, gaps, read_request, read_response, rows

TEXT = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"input": "hi"}, [("user", "text", "hi")]),
        (
            {"instructions": "be", "input": [{"role": "user", "content": "hi"}]},
            [("system", "system", "be"), ("user", "text", "hi")],
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
            [("user", "text", "hi")],
        ),
        (
            {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
            [("assistant", "tool_call_arguments", "{}")],
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": "42"}]},
            [("tool", "tool_result", "42")],
        ),
        (
            {"input": [{"type": "custom_tool_call_output", "output": [TEXT]}]},
            [("tool", "tool_result", "hi")],
        ),
        (
            {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]}]},
            [("assistant", "reasoning", "s")],
        ),
        (
            {"tools": [{"type": "function", "name": "f", "description": "d"}]},
            [("tool", "tool_description", "f"), ("tool", "tool_description", "d")],
        ),
        (
            {"input": [{"type": "web_search_call", "action": {"query": "q"}}]},
            [("assistant", "tool_call_arguments", "q")],
        ),
        (
            {
                "input": [
                    {"type": "file_search_call", "queries": ["q"], "results": [{"text": "r"}]},
                    {"type": "code_interpreter_call", "code": "c", "outputs": [{"logs": "l"}]},
                ]
            },
            [
                ("tool", "tool_result", "r"),
                ("assistant", "tool_call_arguments", "q"),
                ("tool", "tool_result", "l"),
                ("assistant", "tool_call_arguments", "c"),
            ],
        ),
        (
            {"input": [{"type": "tool_search_call", "arguments": {"status": "s"}}]},
            [
                ("assistant", "tool_call_arguments", "status"),
                ("assistant", "tool_call_arguments", "s"),
            ],
        ),
        (
            {"input": [{"type": "tool_search_output", "tools": [{"description": "d"}]}]},
            [("tool", "tool_description", "d")],
        ),
        (
            {"input": [{"type": "additional_tools", "role": "developer", "tools": [{"a": "d"}]}]},
            [("tool", "tool_description", "d")],
        ),
        (
            {"input": [{"type": "program_output", "result": "r"}]},
            [("tool", "tool_result", "r")],
        ),
        (
            {"input": [{"type": "mcp_call", "error": {"type": "x", "message": "m"}}]},
            [("tool", "tool_result", "m")],
        ),
        (
            {"input": [{"type": "mcp_list_tools", "tools": [], "error": "e"}]},
            [("tool", "other", "e")],
        ),
        (
            {"input": [{"type": "reasoning", "summary": [], "note": "n"}]},
            [("assistant", "other", "n")],
        ),
        ({"input": ["hi"]}, [("user", "text", "hi")]),
        ({"input": {"role": "user", "content": "hi"}}, [("user", "text", "hi")]),
        (
            {
                "prompt": {
                    "id": "p",
                    "version": "2",
                    "variables": {
                        "q": "a",
                        "status": "b",
                        "t": {"type": "input_text", "text": "c"},
                        "o": {"type": "d", "id": "e"},
                    },
                }
            },
            [
                ("unknown", "other", "2"),
                *[("user", "text", text) for text in ("a", "b", "c", "d", "e")],
            ],
        ),
        ({"input": [{"type": "brand_new", "words": "w"}]}, [("unknown", "text", "w")]),
        ({"metadata": {"who": "bob"}}, [("unknown", "other", "bob")]),
    ],
)
def test_every_text_of_a_request_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(RESPONSES, body)) == wanted


def test_every_text_of_an_answer_is_found() -> None:
    output = [
        {"type": "message", "role": "assistant", "content": [TEXT]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "mcp_call", "name": "f", "arguments": "{}", "output": "out"},
        {"type": "mcp_list_tools", "tools": [{"name": "t", "description": "d"}]},
    ]

    assert rows(read_response(RESPONSES, {"output": output})) == [
        ("assistant", "text", "hi"),
        ("assistant", "tool_call_arguments", "{}"),
        ("assistant", "tool_call_arguments", "{}"),
        ("tool", "tool_result", "out"),
        ("tool", "tool_description", "t"),
        ("tool", "tool_description", "d"),
    ]


def test_a_picture_is_a_gap() -> None:
    body = {"output": [{"type": "image_generation_call", "result": "aGk="}]}

    assert gaps(read_response(RESPONSES, body)) == {"image"}


PICTURE = {"type": "input_image", "image_url": "data:..."}


@pytest.mark.parametrize(
    ("body", "found", "of_tools"),
    [
        ({"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}]},
         "image", True),
        ({"input": [{"type": "code_interpreter_call", "outputs": [{"type": "image"}]}]},
         "image", True),
        ({"input": [{"role": "user", "content": PICTURE}]}, "image", False),
        ({"prompt": {"id": "p", "variables": {"a": PICTURE}}}, "image", False),
        ({"prompt": {"id": "p", "variables": {"a": {"type": "input_file", "file_id": "f"}}}},
         "binary", False),
    ],
)  # fmt: skip
def test_what_a_request_shows_and_does_not_say_is_a_gap(
    body: dict[str, Any], found: str, of_tools: bool
) -> None:
    document = read_request(RESPONSES, body)

    assert gaps(document) == {found}
    assert {gap.value for gap in document.tool_gaps} == ({found} if of_tools else set())


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"output": "hi"}, [("assistant", "text", "hi")]),
        ({"output": ["hi"]}, [("assistant", "text", "hi")]),
        ({"object": "list", "data": [{"type": "message", "role": "user", "content": [TEXT]}]},
         [("user", "text", "hi")]),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_read(body: Any, wanted: list[Row]) -> None:
    assert rows(read_response(RESPONSES, body)) == wanted


@pytest.mark.parametrize(
    ("event", "channels"),
    [
        ({"type": "response.output_text.delta", "output_index": 1, "content_index": 2},
         ["content:1:2"]),
        ({"type": "response.refusal.delta", "output_index": 1}, ["refusal:1:0"]),
        ({"type": "response.reasoning_text.delta", "output_index": 1}, ["reasoning:1:0"]),
        ({"type": "response.reasoning_summary_text.delta", "summary_index": 3}, ["summary:0:3"]),
        ({"type": "response.function_call_arguments.delta", "output_index": 1}, ["tool:1"]),
        ({"type": "response.custom_tool_call_input.delta", "output_index": 1}, ["tool:1"]),
        ({"type": "response.code_interpreter_call_code.delta", "output_index": 1}, ["tool:1"]),
        ({"type": "response.shell_call_command.delta", "command_index": 2}, ["command:0:2"]),
        ({"type": "response.brand_new.delta", "output_index": 1}, ["brand_new:1:0"]),
    ],
)  # fmt: skip
def test_every_delta_has_its_channel(event: dict[str, Any], channels: list[str]) -> None:
    read = RESPONSES.stream.event(event | {"delta": "a"}, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == [(channels[0], "a")]


@pytest.mark.parametrize(
    ("sort", "delta", "piece"),
    [
        ("shell_call_output_content", {"stdout": "a"},
         ("shell_call_output_content:1:2:stdout", "tool", "tool_result", "a")),
        ("shell_call_output_content", {"stderr": "a"},
         ("shell_call_output_content:1:2:stderr", "tool", "tool_result", "a")),
        ("mcp_call.arguments", {"to": "a"},
         ("tool:1:to", "assistant", "tool_call_arguments", "a")),
        ("brand_new", {"words": "a"}, ("brand_new:1:2:words", "assistant", "other", "a")),
    ],
)  # fmt: skip
def test_each_text_in_a_delta_has_its_channel(
    sort: str, delta: dict[str, str], piece: tuple[str, ...]
) -> None:
    event = {"type": f"response.{sort}.delta", "output_index": 1, "command_index": 2}
    read = RESPONSES.stream.event(event | {"delta": delta}, b"")

    fresh = RESPONSES.stream.delta(event | {"delta": delta}, read.pieces[0], "rest")

    again = RESPONSES.stream.event(fresh, b"")
    assert [(p.channel, p.role, p.kind, p.text) for p in read.pieces] == [piece]
    assert [(p.channel, p.text) for p in again.pieces] == [(piece[0], "rest")]


def test_the_end_of_an_output_repeats_it() -> None:
    output = [{"stdout": "a", "stderr": "b", "outcome": {"type": "exit"}, "created_by": "c"}]
    event = {"type": "response.shell_call_output_content.done", "output": output}

    read = RESPONSES.stream.event(event, b"")

    assert [(p.channel, p.text, p.mode) for p in read.pieces] == [
        ("shell_call_output_content:0:0:stdout", "a", REPEAT),
        ("shell_call_output_content:0:0:stderr", "b", REPEAT),
        ("other", "c", WHOLE),
    ]
    assert read.ends == ["shell_call_output_content:0:0"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": ""},
        {"type": "response.mcp_call_arguments.delta", "delta": {}},
        {"type": "response.output_text.done", "text": ""},
        {"type": "response.shell_call_output_content.done", "output": []},
        {"type": "response.output_item.done", "item": {"type": "message", "content": []}},
        {"type": "response.output_item.done", "item": {"type": "message", "brand_new": "a"}},
        {"type": "response.output_item.done", "item": {"type": "reasoning", "brand_new": "a"}},
        {"type": "response.content_part.done", "part": {"type": "output_text", "text": ""}},
        {"type": "response.completed", "response": {"output": []}},
    ],
)
def test_a_member_that_nobody_knows_is_read(event: dict[str, Any]) -> None:
    new = {} if "brand_new" in str(event) else {"brand_new": "a"}
    frame = {"sequence_number": 1, "output_index": 0, "obfuscation": "x", "item_id": "i"}

    read = RESPONSES.stream.event(event | frame | new, b"")

    assert [(piece.channel, piece.text) for piece in read.pieces] == [("other", "a")]


def test_what_a_tool_of_the_provider_found_is_its_result() -> None:
    item = {"type": "file_search_call", "queries": ["q"], "results": [{"text": "r"}]}

    read = RESPONSES.stream.event({"type": "response.output_item.done", "item": item}, b"")

    assert [(p.role, p.kind, p.text) for p in read.pieces] == [
        ("tool", "tool_result", "r"),
        ("assistant", "tool_call_arguments", "q"),
    ]


def test_sound_is_a_gap() -> None:
    read = RESPONSES.stream.event({"type": "response.audio.delta", "delta": "aGk="}, b"")

    assert (read.pieces, read.gaps) == ([], {"binary"})


def test_what_the_request_said_is_not_shown_again() -> None:
    response = {"instructions": "be", "tools": [{"name": "t"}], "output": [], "model": "m"}

    assert (
        RESPONSES.stream.event({"type": "response.created", "response": response}, b"").pieces == []
    )


def test_an_error_event_is_read_as_it_is() -> None:
    read = RESPONSES.stream.event({"type": "error", "message": "too bad"}, b"error")

    assert [(piece.kind, piece.text) for piece in read.pieces] == [("other", "too bad")]


def test_an_event_of_our_own_says_nothing_again_but_its_text() -> None:
    event = {"type": "response.output_text.delta", "item_id": "i", "output_index": 0,
             "content_index": 0, "delta": "so al", "note": "mail alice"}  # fmt: skip
    piece = RESPONSES.stream.event(event, b"").pieces[0]
    fresh = RESPONSES.stream.delta(event, piece, "x")

    assert fresh == {key: value for key, value in event.items() if key != "note"} | {"delta": "x"}


def test_nothing_is_read_twice() -> None:
    """Two edits of the same bytes would be one too many."""
    item = {"type": "tool_search_call", "arguments": "mail alice"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    paths = [piece.path for piece in RESPONSES.stream.event(done, b"").pieces]

    assert paths == [("item", "arguments")]
    for data in ("w", ["w"], {"k": "w"}):
        assert len(rows(read_response(RESPONSES, {"output": [], "data": data}))) == 1
