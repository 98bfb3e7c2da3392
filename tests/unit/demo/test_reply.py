"""What the simulated provider says."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.options import Options
from gateway.demo.reply import (
    Conversation,
    Tool,
    answer,
    count_tokens,
    example_of,
    split_text,
    text_of,
)

WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})
TIME = Tool("get_time", {})


def say(prompt: str, **more: object) -> Conversation:
    return Conversation("m", prompt, prompt, **more)  # type: ignore[arg-type]  # fields by name


def test_the_same_request_gets_the_same_reply() -> None:
    assert answer(say("hello"), Options()) == answer(say("hello"), Options())


def test_the_reply_repeats_the_last_message() -> None:
    assert answer(say("hello"), Options()).text.endswith("You said: hello")


def test_the_reply_text_can_be_given() -> None:
    assert answer(say("hello"), Options(reply_text="as asked")).text == "as asked"


def test_a_tool_that_the_prompt_names_is_called_with_fitting_arguments() -> None:
    reply = answer(say("use get_weather", tools=(TIME, WEATHER)), Options())

    assert (reply.tool, reply.text) == ("get_weather", "")
    assert orjson.loads(reply.arguments) == {"city": "demo"}
    assert "".join(reply.pieces()) == reply.arguments
    assert len(reply.pieces()) > 1


@pytest.mark.parametrize(
    ("must_call", "called"),
    [("", "get_time"), ("get_weather", "get_weather"), ("\0", ""), (None, "")],
)
def test_the_client_s_choice_of_tool_is_followed(must_call: str | None, called: str) -> None:
    reply = answer(say("hi", tools=(TIME, WEATHER), must_call=must_call), Options())

    assert reply.tool == called


def test_after_a_tool_answered_the_reply_is_text() -> None:
    conversation = say("21 degrees", tools=(WEATHER,), must_call="", after_tool=True)

    assert answer(conversation, Options()).text.endswith("The tool answered: 21 degrees")


@pytest.mark.parametrize("chunks", [1, 2, 7, 500])
def test_a_reply_comes_in_exactly_as_many_portions_as_asked_for(chunks: int) -> None:
    reply = answer(say("hello"), Options(chunks=chunks))

    assert len(reply.pieces()) == chunks


@given(st.text(), st.integers(0, 50))
def test_the_portions_together_are_the_text(text: str, chunks: int) -> None:
    assert "".join(split_text(text, chunks)) == text


def test_tokens_are_a_quarter_of_the_bytes_rounded_up() -> None:
    assert [count_tokens(text) for text in ("", "a", "abcd", "abcde", "\u00e9\u00e9\u00e9")] == [
        0, 1, 1, 2, 2,
    ]  # fmt: skip


def test_usage_counts_everything_the_model_would_read() -> None:
    reply = answer(Conversation("m", "b", "aaaa\nb"), Options(reply_text="12345678"))

    assert (reply.input_tokens, reply.output_tokens) == (2, 2)


def test_the_text_of_a_message_is_found_in_every_dialect() -> None:
    assert text_of("a") == "a"
    assert text_of([{"type": "text", "text": "a"}, {"type": "image"}, "b"]) == "a\nb"
    assert text_of({"role": "user", "parts": [{"text": "a"}]}) == "a"
    assert text_of({"content": [{"type": "tool_result", "content": "a"}]}) == "a"
    assert text_of(7) == ""


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string"}, "demo"),
        ({"type": "INTEGER"}, 1),
        ({"type": ["number", "null"]}, 1.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"enum": ["celsius", "kelvin"]}, "celsius"),
        ({"const": 3}, 3),
        ({"default": "x"}, "x"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"properties": {"a": {"properties": {"b": {"type": "string"}}}}}, {"a": {"b": "demo"}}),
        ("not a schema", None),
    ],
)
def test_an_example_fits_its_schema(schema: object, example: object) -> None:
    assert example_of(schema) == example


def test_a_schema_without_end_still_gives_an_example() -> None:
    schema: dict[str, object] = {"type": "array"}
    schema["items"] = schema

    assert isinstance(example_of(schema), list)
