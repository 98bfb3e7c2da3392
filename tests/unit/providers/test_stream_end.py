"""The end that the gateway writes is the one that the dialect has for a token limit."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest

from gateway.plugin import StreamGuard, Usage
from gateway.providers.eventstream import FrameSplitter, encode_event
from gateway.providers.ndjson import NdjsonSplitter
from gateway.providers.sse import SseSplitter
from gateway.providers.stream_end import AnthropicEnding, ending_of
from tests.unit.proxy.metering import BY_NAME, SPOKEN, metered

USED = Usage(input_tokens=7, output_tokens=3)


def cut(name: str, tokens: int = 4, **more: Any) -> tuple[list[bytes], list[Any]]:
    """The provider's events that passed, and the gateway's own as (name, data)."""
    spoken = BY_NAME[name]
    pieces = spoken.pieces(**more)
    out, usage = metered(spoken, pieces, guard=StreamGuard(tokens))
    assert usage.cut
    passed = len(out) - 1  # the last one holds an event of the provider and then the end
    assert out[: passed - 1] == pieces[: passed - 1]
    own = out[passed - 1].removeprefix(pieces[passed - 1])
    assert out[passed] == b""
    return pieces[:passed], read(own)


def read(own: bytes) -> list[Any]:
    splitter: Any = SseSplitter()
    if own.startswith(b"\0"):
        splitter = FrameSplitter()
    elif own.startswith(b"{"):
        splitter = NdjsonSplitter()
    return [(piece.name.decode(), value(piece.data)) for piece in splitter.feed(own)]


def value(data: bytes) -> Any:
    return data.decode() if data == b"[DONE]" else orjson.loads(data)


def test_a_chat_ends_with_its_finish_reason_and_the_usage_that_was_asked_for() -> None:
    passed, own = cut("chat")
    first = orjson.loads(passed[0].removeprefix(b"data: "))

    assert [data for _, data in own][-1] == "[DONE]"
    (_, last), (_, counts), _ = own
    assert last["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    ]
    assert {key: last[key] for key in ("id", "object", "model", "created")} == {
        key: first[key] for key in ("id", "object", "model", "created")
    }
    assert counts["choices"] == []
    assert counts["usage"]["total_tokens"] == sum(
        counts["usage"][key] for key in ("prompt_tokens", "completion_tokens")
    )


def test_a_chat_that_did_not_ask_for_the_usage_gets_none() -> None:
    _, own = cut("chat", stream_options=None)

    assert [data if data == "[DONE]" else sorted(data) for _, data in own] == [
        ["choices", "created", "id", "model", "object", "system_fingerprint"],
        "[DONE]",
    ]


def test_every_open_choice_of_a_chat_is_ended() -> None:
    _, own = cut("chat twice", tokens=6)

    ended = [data["choices"][0]["index"] for _, data in own[:-1] if data["choices"]]
    assert ended == [0, 1]


def test_a_completion_ends_in_its_own_form() -> None:
    ending = ending_of({"choices": [{"text": "x"}]}, b"")
    assert ending is not None
    ending.note({"id": "c", "choices": [{"index": 0, "text": "x", "finish_reason": None}]}, b"")

    assert read(ending.end(USED)) == [
        ("", {"id": "c", "choices": [
            {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]}),
        ("", "[DONE]"),
    ]  # fmt: skip


def test_a_response_closes_its_item_and_says_why_it_is_incomplete() -> None:
    passed, own = cut("responses")
    said = "".join(
        orjson.loads(event.split(b"data: ")[1])["delta"]
        for event in passed
        if b"output_text.delta" in event
    )

    assert [name for name, _ in own] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    assert own[0][1]["text"] == own[1][1]["part"]["text"] == said
    response = own[-1][1]["response"]
    assert response["status"] == response["output"][0]["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["content"][0]["text"] == said
    numbers = [data["sequence_number"] for _, data in own]
    assert numbers == list(range(len(passed), len(passed) + 4))


def test_a_response_closes_the_call_of_a_tool() -> None:
    tool = {
        "type": "function",
        "name": "f",
        "parameters": {"properties": {"a": {"type": "string"}}},
    }
    _, own = cut("responses", tokens=1, tools=[tool], tool_choice="required")

    assert [name for name, _ in own] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    assert own[1][1]["item"]["arguments"] == own[0][1]["arguments"]


def test_a_message_closes_its_block() -> None:
    _, own = cut("messages")

    assert [(name, data.get("type")) for name, data in own] == [
        ("content_block_stop", "content_block_stop"),
        ("message_delta", "message_delta"),
        ("message_stop", "message_stop"),
    ]
    assert own[1][1]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert own[1][1]["usage"]["output_tokens"] >= 4


def test_messages_in_bedrocks_frames_end_in_bedrocks_frames() -> None:
    def framed(event: dict[str, Any]) -> bytes:
        payload = {"bytes": b64encode(orjson.dumps(event)).decode()}
        return encode_event("chunk", orjson.dumps(payload))

    delta = {"type": "content_block_delta", "index": 0, "delta": {"text": "x" * 40}}
    pieces = [
        framed({"type": "message_start", "message": {"usage": {"input_tokens": 5}}}),
        framed({"type": "content_block_start", "index": 0, "content_block": {}}),
        framed(delta),
        framed(delta),
    ]
    out, usage = metered(BY_NAME["converse"], pieces, guard=StreamGuard(4))
    own = FrameSplitter().feed(out[-2].removeprefix(pieces[2]))

    assert (usage.cut, usage.input_tokens) == (True, 5)
    inner = [orjson.loads(b64decode(orjson.loads(frame.data or b"")["bytes"])) for frame in own]
    assert [event["type"] for event in inner] == [
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_gemini_ends_with_its_reason_and_lines_as_google_writes_them() -> None:
    spoken = BY_NAME["gemini"]
    out, _ = metered(spoken, spoken.pieces(), guard=StreamGuard(4))
    ((_, last),) = read(b"data: " + out[-2].rpartition(b"data: ")[2])

    assert out[-2].endswith(b"\r\n\r\n")
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert last["modelVersion"] == "gemini-x"
    assert last["usageMetadata"]["candidatesTokenCount"] >= 4


@pytest.mark.parametrize("name", ["ollama chat", "ollama generate"])
def test_ollama_ends_with_a_line_that_is_done(name: str) -> None:
    _, own = cut(name)

    ((_, line),) = own
    assert (line["done"], line["done_reason"]) == (True, "length")
    assert line["eval_count"] >= 4
    assert ("response" in line) is (name == "ollama generate")


def test_converse_ends_with_its_frames() -> None:
    _, own = cut("converse")

    assert [name for name, _ in own] == ["contentBlockStop", "messageStop", "metadata"]
    assert own[1][1] == {"stopReason": "max_tokens"}
    assert own[2][1]["usage"]["outputTokens"] >= 4


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: spoken.name)
def test_a_stream_that_the_provider_has_ended_is_not_ended_again(spoken: Any) -> None:
    """The last events may still be on their way; they pass."""
    pieces = spoken.pieces()
    ending: Any = None
    for piece in pieces:
        event, name = parsed(piece)
        if event is not None:
            ending = ending or ending_of(event, name)
            ending.note(event, name)

    assert ending.end(USED) == b""


def parsed(piece: bytes) -> tuple[Any, bytes]:
    splitter: Any = FrameSplitter() if piece.startswith(b"\0") else SseSplitter()
    if piece.startswith(b"{"):
        splitter = NdjsonSplitter()
    (found,) = splitter.feed(piece)
    return (None if found.data == b"[DONE]" else orjson.loads(found.data)), found.name


def test_a_stream_of_unknown_form_cannot_be_cut() -> None:
    stream = [b'data: {"anything":"x"}\n\n', b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n']

    out, usage = metered(BY_NAME["chat"], stream, guard=StreamGuard(0))

    assert (b"".join(out), usage.cut) == (b"".join(stream), False)


def test_a_message_with_several_open_blocks_closes_them_all() -> None:
    ending = AnthropicEnding()
    for event in (
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1},
    ):
        ending.note(event, b"")

    assert [data.get("index") for _, data in read(ending.end(USED))] == [1, None, None]
