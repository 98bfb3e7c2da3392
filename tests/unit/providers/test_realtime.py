"""Where the texts stand in the events of realtime sessions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.realtime import REALTIME
from tests.spans import Row, gaps, read_request, rows


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"type": "session.update", "session": {"instructions": "be", "tools": [{"name": "t"}]}},
         [("system", "system", "be"), ("tool", "tool_description", "t")]),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "user",
          "content": [{"type": "input_text", "text": "hi"}]}}, [("user", "text", "hi")]),
        ({"type": "conversation.item.create",
          "item": {"type": "function_call_output", "output": "42"}},
         [("tool", "tool_result", "42")]),
        ({"type": "response.create", "response": {"instructions": "be", "input": [
          {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}},
         [("system", "system", "be"), ("user", "text", "hi")]),
        ({"type": "session.update", "session": {"prompt": {"id": "p", "variables": {"id": "a"}}}},
         [("user", "text", "a")]),
        ({"type": "brand.new", "words": "w"}, [("unknown", "other", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_a_client_event_is_found(event: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(REALTIME, event)) == wanted


def test_sound_is_a_gap() -> None:
    event = {"type": "input_audio_buffer.append", "audio": "aGk="}

    assert gaps(read_request(REALTIME, event)) == {"binary"}


@pytest.mark.parametrize(
    ("sort", "channel"),
    [
        ("response.output_text.delta", "content:0:0"),
        ("response.text.delta", "content:0:0"),
        ("response.output_audio_transcript.delta", "transcript:0:0"),
        ("response.audio_transcript.delta", "transcript:0:0"),
        ("response.function_call_arguments.delta", "tool:0"),
    ],
)
def test_every_delta_of_the_server_has_its_channel(sort: str, channel: str) -> None:
    read = REALTIME.stream.event({"type": sort, "delta": "a"}, b"")

    assert [piece.channel for piece in read.pieces] == [channel]


def test_answers_that_run_at_once_have_channels_of_their_own() -> None:
    names = []
    for answer in ("resp_a", "resp_b"):
        delta = {"type": "response.output_text.delta", "response_id": answer, "delta": "a"}
        read = REALTIME.stream.event(delta, b"")
        names += [piece.channel for piece in read.pieces]
    done = REALTIME.stream.event({"type": "response.done", "response": {"id": "resp_a"}}, b"")

    assert names == ["content:0:0:resp_a", "content:0:0:resp_b"]
    assert (done.ends, done.over) == ([], ":resp_a")


def test_what_the_user_said_is_the_users_and_said_twice() -> None:
    sort = "conversation.item.input_audio_transcription."
    part = REALTIME.stream.event({"type": sort + "delta", "item_id": "i", "delta": "al"}, b"")
    whole = REALTIME.stream.event(
        {"type": sort + "completed", "item_id": "i", "transcript": "alice"}, b""
    )

    assert [(p.channel, p.role, p.text, p.mode) for p in part.pieces + whole.pieces] == [
        ("input:i", "user", "al", 0),
        ("input:i", "user", "alice", 2),
    ]
    assert whole.over == "input:i"
