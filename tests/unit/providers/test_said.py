"""What was said is the visible text alone, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.said import answer_said, event_said, prompt_said

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": [user("hi")]}, "hi"),
        ({"messages": [{"role": "system", "content": "be good"}, user("hi")]}, "hi"),
        ({"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]}, "c"),
        ({"messages": [user("a"), {"role": "assistant", "content": "b"}]}, "a"),
        ({"messages": [{"role": "system", "content": "s"}, user("c"), user("d")]}, "c\nd"),
        ({"messages": [user([{"type": "text", "text": "a"}, IMAGE])]}, "a"),
        ({"messages": [user("a"), {"role": "tool", "content": "42"}]}, "a"),
        (
            {
                "messages": [
                    user("a"),
                    {"role": "assistant", "content": []},
                    user([{"type": "tool_result", "content": "42"}]),
                ]
            },
            "a",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "converse"}]}]}, "converse"),
        ({"input": "hi"}, "hi"),
        ({"input": [user([{"type": "input_text", "text": "hi"}])]}, "hi"),
        ({"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}]}, "ab"),
        ({"contents": [{"role": "model", "parts": [{"text": "a"}]}]}, ""),
        ({"prompt": "once"}, "once"),
        ({"prompt": ["once", "twice"]}, "once\ntwice"),
        ({"inputText": "titan"}, "titan"),
        ({"model": "x"}, ""),
        ([1], ""),
        (None, ""),
    ],
)
def test_what_the_user_said_last(body: Any, said: str) -> None:
    assert prompt_said(body) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"choices": [{"index": 0, "message": {"content": "a"}}, {"index": 1}]}, "a"),
        ({"choices": [{"text": "a"}]}, "a"),
        ({"choices": [{"message": {"content": None, "tool_calls": []}}]}, ""),
        ({"choices": []}, ""),
        (
            {
                "type": "message",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": "a"},
                    {"type": "tool_use", "input": {"text": "no"}},
                ],
            },
            "a",
        ),
        (
            {
                "output": [
                    {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                ]
            },
            "a",
        ),
        ({"output": {"message": {"content": [{"text": "a"}, {"toolUse": {}}]}}}, "a"),
        ({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, "a"),
        ({"candidates": [{"content": {"parts": [{"text": "t", "thought": True}]}}]}, ""),
        ([{"candidates": [{"content": {"parts": [{"text": part}]}}]} for part in "ab"], "ab"),
        ({"done": True, "message": {"content": "a"}}, "a"),
        ({"done": True, "response": "a"}, "a"),
        ({"error": {"message": "no"}}, ""),
        ("text", ""),
    ],
)
def test_what_the_model_said(body: Any, said: str) -> None:
    assert answer_said(body) == said


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"choices": [{"index": 0, "delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"index": 1, "delta": {"content": "a"}}]}, ""),
        ({"choices": [{"index": 0, "delta": {"reasoning_content": "a"}}]}, ""),
        ({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, ""),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, "a"),
        ({"type": "content_block_delta", "delta": {"type": "thinking_delta"}}, ""),
        ({"type": "response.output_text.delta", "delta": "a"}, "a"),
        ({"type": "response.refusal.delta", "delta": "a"}, ""),
        ({"contentBlockIndex": 0, "delta": {"text": "a"}}, "a"),
        ({"contentBlockDelta": {"delta": {"text": "a"}}}, "a"),
        ({"outputText": "a"}, "a"),
        ([], ""),
    ],
)
def test_what_one_event_says(event: Any, said: str) -> None:
    assert event_said(event) == said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "content",
                    "role",
                    "parts",
                    "choices",
                    "delta",
                    "text",
                    "input",
                    "output",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_can_be_asked(value: Any) -> None:
    assert isinstance(prompt_said(value), str)
    assert isinstance(answer_said(value), str)
    assert isinstance(event_said(value), str)
