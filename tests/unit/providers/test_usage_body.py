"""The usage of a whole answer, read while it goes through."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.providers import usage_body
from gateway.providers.usage_body import TAIL_BYTES, WHOLE_BYTES_MAX, UsageBody

LONG = "word " * (WHOLE_BYTES_MAX // 4)
USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def read(body: bytes, portion: int = 50_000) -> Any:
    collected = UsageBody()
    for start in range(0, len(body), portion):
        collected.feed(body[start : start + portion])
    assert collected.size == len(body)
    return collected.read()


def test_an_answer_of_ordinary_size_is_read_whole() -> None:
    answer = {"choices": [], "usage": USAGE}

    assert read(orjson.dumps(answer), portion=7) == answer


@pytest.mark.parametrize("body", [b"", b"no json", b'{"usage": ', b"\xff\xfe"])
def test_what_is_no_json_has_no_usage(body: bytes) -> None:
    assert read(body) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"choices": [LONG], "usage": USAGE, "system_fingerprint": "x"}, {"usage": USAGE}),
        ({"candidates": [LONG], "usageMetadata": {"a": 1}}, {"usageMetadata": {"a": 1}}),
        ({"response": LONG, "prompt_eval_count": 3, "eval_count": 4}, {"eval_count": 4}),
    ],
    ids=["openai", "gemini", "ollama"],
)
def test_of_a_large_answer_the_end_is_enough(answer: dict[str, Any], found: dict[str, Any]) -> None:
    members = read(orjson.dumps(answer))

    assert members is not None
    assert members.items() >= found.items()


def test_a_large_array_of_answers_is_read_from_its_last() -> None:
    """Gemini's stream without SSE."""
    parts = [{"candidates": [LONG], "usageMetadata": {"a": n}} for n in range(3)]
    body = b"[" + b"\n,\r\n".join(orjson.dumps(part) for part in parts) + b"]\n"

    assert read(body) == {"usageMetadata": {"a": 2}}


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [LONG, {"text": '"usage":{"prompt_tokens":0}}'}]},
        {"content": [LONG, {"input": {"usage": {"prompt_tokens": 0}}}]},
        {"usage": USAGE, "choices": [LONG]},
    ],
    ids=["in a text", "in what a tool is called with", "before the tail"],
)
def test_nothing_that_a_model_wrote_passes_for_the_usage(answer: dict[str, Any]) -> None:
    assert read(orjson.dumps(answer)) is None


def test_the_last_of_many_pretences_is_still_the_true_one() -> None:
    fake = {"input": {"usage": {"prompt_tokens": 0}}}
    answer = {"content": [LONG, *[fake] * (usage_body._TRIES_MAX // 2)], "usage": USAGE}

    assert read(orjson.dumps(answer)) == {"usage": USAGE}


def test_what_is_kept_is_bounded() -> None:
    collected = UsageBody()
    for _ in range(100):
        collected.feed(b"x" * 50_000)

    assert len(collected._kept) <= 2 * TAIL_BYTES + 50_000
