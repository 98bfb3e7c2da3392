"""No JSON makes a dialect fail, and no size makes one slow: strangers decide what is read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugin.text import UNPARSED
from gateway.providers.anthropic import MESSAGES
from gateway.providers.dialect import Form
from gateway.providers.forms import FORMS, request_reader, response_reader
from gateway.providers.gemini import GENERATE
from gateway.providers.openai_chat import CHAT
from tests.recorded_streams import RECORDED, Recorded
from tests.stream_run import masker, transform

# The words that dialects look for, so that many a value goes deep into one.
WORDS = sorted(
    {
        "messages", "role", "user", "assistant", "system", "tool", "content", "type", "text",
        "image_url", "input_audio", "audio", "transcript", "file", "filename", "thinking",
        "tool_calls", "function", "custom", "arguments", "input", "function_call", "name",
        "reasoning_content", "reasoning", "reasoning_details", "refusal", "logprobs", "choices",
        "delta", "index", "finish_reason", "message", "prompt", "tools", "functions", "suffix",
        "instructions", "output", "summary", "item", "part", "response", "output_index",
        "content_index", "summary_index", "response.output_text.delta",
        "response.output_text.done", "response.output_item.done", "response.completed",
        "output_text", "function_call_output", "mcp_call", "image_generation_call", "result",
        "mcp_list_tools", "content_block", "content_block_start", "content_block_delta",
        "content_block_stop", "text_delta", "input_json_delta", "partial_json", "message_start",
        "message_stop", "document", "source", "title", "context", "tool_use", "tool_result",
        "requests", "params", "contents", "parts", "thought", "functionCall", "args", "candidates",
        "functionResponse", "inlineData", "mimeType", "finishReason", "logprobsResult",
        "systemInstruction", "generateContentRequest", "instances", "toolUse", "toolResult",
        "toolConfig", "json", "reasoningContent", "reasoningText", "contentBlockIndex",
        "contentBlockDelta", "contentBlockStop", "outputs", "outputText", "generation",
        "anthropic_version", "images", "done", "jsonrpc", "method", "structuredContent",
        "resource", "blob", "data", "session", "thread", "embedding", "value", "error",
    }
)  # fmt: skip
KEYS = st.sampled_from(WORDS) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats(allow_nan=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)
ALL_FORMS = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@ALL_FORMS
@settings(max_examples=300)
@given(value=VALUES)
def test_no_body_makes_a_form_fail(form: Form, value: Any) -> None:
    body = orjson.dumps(value)

    for reader in (request_reader(form, None), response_reader(form, None)):
        document = reader(body, UNPARSED)
        for span in document.spans:
            assert 0 <= span.start < span.stop <= len(body)
        if document.spans:
            document.edited([(document.spans[-1], "x")])


@ALL_FORMS
@settings(max_examples=300)
@given(value=st.dictionaries(KEYS, VALUES, max_size=6), name=st.sampled_from(WORDS))
def test_no_event_makes_a_form_fail(form: Form, value: dict[str, Any], name: str) -> None:
    read = form.stream.event(value, name.encode())

    for piece in read.pieces:
        assert isinstance(piece.text, str)
        found: Any = value
        for step in piece.path[:-1]:
            found = found[step]
        if not piece.mode:
            fresh = form.stream.delta(value, piece, "rest")
            orjson.dumps(fresh)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
@given(data=st.data())
def test_no_damage_to_a_stream_makes_it_fail(recorded: Recorded, data: st.DataObject) -> None:
    """A byte is changed, taken out or put in; what comes out is an answer or a refusal."""
    stream = bytearray(recorded.write(["to al", "ice"], ['{"a":', '"b"}']))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    through = transform(recorded, masker("alice", "x"))

    out = through.feed(bytes(stream)) + through.finish()

    assert through.reject is not None or isinstance(out, bytes)


COSTLY = {
    "empty arrays": b"[" + b"[]," * 300_000 + b"[]]",
    "deep": b"[" * 500_000 + b"]" * 500_000,
    "open": b"[" * 1_000_000,
    "keys": b"{" + b",".join(b'"%d":"x"' % n for n in range(80_000)) + b"}",
    "quotes": b'["' + b'\\"' * 500_000 + b'"]',
    "backslashes": b'["' + b"\\\\" * 500_000 + b'"]',
    "halves": b'["' + b"\\ud83d" * 160_000 + b'"]',
    "colons": b'["' + b"\\u003a" * 160_000 + b'"]',
    "no string": b'{"a":"' + b"x" * 1_000_000,
    "messages": b'{"messages":[' + b'{"role":"user","content":"x"},' * 30_000 + b"{}]}",
}
"""A megabyte of each: a reader that is not linear would not come back before the time-out."""


@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.parametrize("form", [CHAT, MESSAGES, GENERATE], ids=lambda form: form.name)
def test_a_megabyte_of_anything_is_read_and_edited(form: Form, name: str) -> None:
    document = request_reader(form, None)(COSTLY[name], UNPARSED)
    if document.spans:
        edited = document.edited([(document.spans[0], "x"), (document.spans[-1], "y")])
        assert len(edited.spans) == len(document.spans) or edited.spans[0].kind == "raw"
