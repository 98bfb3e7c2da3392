"""The provider's own numbers, in every form that providers write them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Usage
from gateway.providers.usage import UsageReader

Counts = tuple[int, int, int, int, int]
"""Input, output, cached, written to the cache, reasoning."""


def counts(usage: Usage) -> Counts:
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def read(*events: dict[str, Any], complete: bool = True, name: bytes = b"") -> Usage:
    reader = UsageReader(Usage(input_tokens=99))
    for event in events:
        reader.event(event, name)
    reader.close(complete=complete)
    return reader.usage


OPENAI = {
    "prompt_tokens": 20,
    "completion_tokens": 30,
    "total_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12},
}
RESPONSES = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 5},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 50,
}
ANTHROPIC = {
    "input_tokens": 20,
    "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 7,
    "output_tokens": 30,
}
BEDROCK = {
    "inputTokens": 20,
    "outputTokens": 30,
    "totalTokens": 62,
    "cacheReadInputTokens": 5,
    "cacheWriteInputTokens": 7,
}
GEMINI = {
    "promptTokenCount": 20,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 18,
    "thoughtsTokenCount": 12,
    "cachedContentTokenCount": 5,
    "totalTokenCount": 52,
}
OLLAMA = {"done": True, "prompt_eval_count": 20, "eval_count": 30}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"choices": [], "usage": OPENAI}, (20, 30, 5, 0, 12)),
        ({"object": "list", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}},
         (8, 0, 0, 0, 0)),
        ({"object": "response", "output": [], "usage": RESPONSES}, (20, 30, 5, 0, 12)),
        ({"type": "message", "content": [], "usage": ANTHROPIC}, (32, 30, 5, 7, 0)),
        ({"type": "message", "usage": {"input_tokens": 4, "output_tokens": 2}}, (4, 2, 0, 0, 0)),
        ({"output": {"message": {}}, "usage": BEDROCK}, (32, 30, 5, 7, 0)),
        ({"candidates": [], "usageMetadata": GEMINI}, (22, 30, 5, 0, 12)),
        ({"message": {"content": "x"}, **OLLAMA}, (20, 30, 0, 0, 0)),
        ({"embeddings": [[0.5]], "prompt_eval_count": 20}, (20, 0, 0, 0, 0)),
    ],
    ids=["chat", "embeddings", "responses", "messages", "messages without cache", "converse",
         "gemini", "ollama", "ollama embed"],
)  # fmt: skip
def test_a_whole_answer_tells_what_it_used(answer: dict[str, Any], expected: Counts) -> None:
    usage = read(answer)

    assert counts(usage) == expected
    assert not usage.estimated
    assert usage.total_tokens == expected[0] + expected[1]


def test_reasoning_that_only_the_total_counts_is_output() -> None:
    """Some servers of OpenAI's dialect leave it out of the completion."""
    usage = read({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}})

    assert counts(usage)[:2] == (10, 30)


def test_a_cache_that_is_part_of_the_prompt_is_not_added_to_it() -> None:
    """Gateways that speak OpenAI's dialect for Anthropic's models send both."""
    found = {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 4}

    assert counts(read({"usage": found})) == (10, 5, 4, 0, 0)


def test_the_last_event_of_a_chat_stream_counts() -> None:
    chunk = {"choices": [{"delta": {"content": "hello there"}}], "usage": None}

    usage = read(chunk, chunk, {"model": "gpt-4o", "choices": [], "usage": OPENAI})

    assert counts(usage) == (20, 30, 5, 0, 12)
    assert (usage.estimated, usage.model) == (False, "gpt-4o")


def test_a_messages_stream_tells_the_prompt_first_and_the_answer_last() -> None:
    start = {"type": "message_start", "message": {"model": "claude-x", "usage": ANTHROPIC}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 40}}
    end = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 11}}

    usage = read(start, delta, end, {"type": "message_stop"})

    assert counts(usage) == (32, 11, 5, 7, 0)
    assert (usage.estimated, usage.model) == (False, "claude-x")


def test_the_end_of_a_messages_stream_may_correct_the_prompt() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 3}}}
    end = {"type": "message_delta", "usage": {**ANTHROPIC, "output_tokens": 4}}

    assert counts(read(start, end)) == (32, 4, 5, 7, 0)


def test_a_responses_stream_tells_it_with_the_whole_response() -> None:
    created = {"type": "response.created", "response": {"model": "gpt-5", "usage": None}}
    delta = {"type": "response.output_text.delta", "delta": "word " * 10}
    done = {"type": "response.completed", "response": {"usage": RESPONSES}}

    usage = read(created, delta, done)

    assert counts(usage) == (20, 30, 5, 0, 12)
    assert usage.model == "gpt-5"


def test_the_numbers_of_a_gemini_stream_grow_and_the_last_ones_count() -> None:
    def chunk(output: int, **more: Any) -> dict[str, Any]:
        part = {"content": {"parts": [{"text": "x" * 100}]}, **more}
        used = {"promptTokenCount": 20, "candidatesTokenCount": output}
        return {"candidates": [part], "usageMetadata": used}

    usage = read(chunk(1), chunk(3), chunk(7, finishReason="STOP"))

    assert counts(usage)[:2] == (20, 7)
    assert not usage.estimated


def test_a_frame_called_metadata_ends_a_converse_stream() -> None:
    assert not read({"usage": BEDROCK}, complete=False, name=b"metadata").estimated


def test_bedrock_adds_its_metrics_to_the_last_event_of_any_model() -> None:
    metrics = {"inputTokenCount": 20, "outputTokenCount": 30}

    usage = read({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics})

    assert counts(usage)[:2] == (20, 30)


def test_groq_tells_it_under_a_name_of_its_own() -> None:
    assert counts(read({"choices": [{}], "x_groq": {"usage": OPENAI}}))[:2] == (20, 30)


def test_without_a_report_the_text_is_estimated_and_that_is_said() -> None:
    chunk = {"choices": [{"delta": {"content": "four letters in a row"}}]}

    usage = read(chunk, chunk)

    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (99, 11, True)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}},
        {"candidates": [{}], "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 1}},
    ],
    ids=["anthropic", "gemini"],
)
def test_a_stream_that_breaks_off_keeps_the_prompt_and_estimates_the_rest(
    event: dict[str, Any],
) -> None:
    """The number so far says nothing of what was still under way."""
    delta = {"type": "content_block_delta", "delta": {"text": "x" * 80}}

    usage = read(event, delta, complete=False)

    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (20, 20, True)


def test_a_stream_that_breaks_off_behind_its_last_report_is_exact() -> None:
    usage = read({"choices": [], "usage": OPENAI}, complete=False)

    assert (usage.output_tokens, usage.estimated) == (30, False)


@pytest.mark.parametrize("odd", [-1, True, "20", 2.5, None, [20], 10**15])
def test_what_is_no_count_of_tokens_is_not_believed(odd: object) -> None:
    usage = read({"usage": {"prompt_tokens": odd, "completion_tokens": odd}})

    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (99, 0, True)


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": "x", "usage": []},
        {"candidates": {}, "usageMetadata": 3},
        {"message": [], "response": 4, "delta": 5},
        {"choices": [None, 3, {"delta": [], "message": "x"}]},
        {"output": "x", "content": {"a": 1}},
        {"usage": {"prompt_tokens_details": 3, "completion_tokens_details": "x"}},
        {"model": ["x"], "modelVersion": {}},
    ],
)
def test_json_of_any_other_shape_is_no_fault(answer: dict[str, Any]) -> None:
    usage = read(answer)

    assert (usage.input_tokens, usage.estimated, usage.model) == (99, True, None)


def test_a_list_of_answers_counts_by_its_last() -> None:
    """Gemini streams without SSE as one growing array."""
    reader = UsageReader(Usage())
    reader.whole([{"usageMetadata": {"promptTokenCount": 3}}, {"usageMetadata": GEMINI}, "odd"])
    reader.close(complete=True)

    assert counts(reader.usage)[:2] == (22, 30)


def test_what_is_streamed_so_far_is_known_at_any_time() -> None:
    reader = UsageReader(Usage())
    seen = []
    for _ in range(3):
        reader.event({"choices": [{"delta": {"content": "x" * 8}}]})
        seen.append(reader.usage.output_tokens)

    assert seen == [2, 4, 6]
