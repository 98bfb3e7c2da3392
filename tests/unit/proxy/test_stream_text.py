"""A stream through plugins: what is shown, what goes out, and what is said of the rest."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import orjson
import pytest

from gateway.chain.compiler import Use, compile_chain
from gateway.plugin import Exchange, Plugin, PluginConfig, Reject, Runtime, TextStream
from gateway.plugin.coverage import Coverage, Gap, Uninspectable
from gateway.plugin.testing import make_exchange
from gateway.providers.eventstream import FrameSplitter, encode_event
from gateway.providers.forms import form_of
from gateway.providers.streaming import StreamKind, make_splitter
from gateway.proxy.stream_queue import WAITING_BYTES_MAX
from gateway.proxy.stream_text import StreamText
from gateway.reasons import Reason
from gateway.settings import Dialect
from tests.recorded_streams import RECORDED, Recorded, sse
from tests.stream_run import OnText, Recorder, masker, passed, portions_of, received, transform

BY_NAME = {recorded.name: recorded for recorded in RECORDED}
CHAT, MESSAGES = BY_NAME["openai_chat"], BY_NAME["anthropic"]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return sse({"choices": [{"index": 0, "delta": delta, **more, "finish_reason": finish}]})


def said(text: str) -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def upper(_: Exchange, text: TextStream) -> None:
    text.replace(text.text.upper())


def look(_: Exchange, text: TextStream) -> None:
    return None


def test_an_event_that_waited_for_nothing_goes_out_as_it_came() -> None:
    stream = [chunk({"content": "al"}), chunk({}, "stop"), b"data: [DONE]\n\n"]

    out = passed(CHAT, stream, masker("alice", "x"))

    assert out == b"".join(stream)


def test_what_is_held_goes_out_before_the_channel_ends() -> None:
    """In an event of our own, where the event that brought it could not wait for so long."""
    stream = [chunk({"content": "al"}), b": alive\n\n", chunk({}, "stop"), b"data: [DONE]\n\n"]

    out = passed(CHAT, stream, masker("alice", "x"))

    own = sse({"choices": [{"index": 0, "delta": {"content": "al"}, "finish_reason": None}]})
    assert out == chunk({"content": ""}) + stream[1] + own + b"".join(stream[2:])


def test_text_that_nothing_can_follow_is_not_held() -> None:
    """A delta that ends its channel shows it final; so the text needs no event of its own."""
    stream = chunk({"content": "al"}, "stop")

    assert passed(CHAT, [stream], masker("alice", "x")) == stream


def test_an_edit_changes_the_event_in_which_it_stands() -> None:
    pieces = ["to a", "li", "ce or ", "Al", " and a", "ll"]

    out = passed(CHAT, map(said, pieces), masker("alice", "x"))

    assert out == b"".join(map(said, ["to x", "", " or ", "Al", " and a", "ll"]))


def test_safe_text_waits_for_the_next_event_or_a_moment_of_silence() -> None:
    through = transform(CHAT, masker("alice", "x"))

    assert through.feed(said("hello a")) == b""
    assert through.waits
    assert through.nudge() == said("hello ")
    assert (through.waits, through.nudge()) == (False, b"")
    assert through.feed(said("l")) == b""
    assert through.feed(said("ex!")) == said("al") + said("ex!")


SIGNS_OF_LIFE = [b": alive\n\n", sse({"type": "ping"}), b"data:\n\n"]


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
def test_a_sign_of_life_does_not_wait(sign: bytes) -> None:
    through = transform(CHAT, masker("alice", "x"))

    assert through.feed(said("hello a") + sign) == said("hello ") + sign
    assert through.finish() == said("a")


def test_a_text_does_not_wait_for_one_of_another_channel() -> None:
    through = transform(CHAT, masker("alice", "x"))
    other = sse({"choices": [{"index": 1, "delta": {"content": "now"}, "finish_reason": None}]})

    assert through.feed(said("hello a") + other) == said("hello ") + other


def test_arguments_of_a_call_wait_so_that_nothing_is_changed() -> None:
    """Half of them is of no use to anybody."""
    call = chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]})
    through = transform(CHAT, masker("alice", "x"))

    assert through.feed(said("hello a") + call) == b""
    assert through.feed(said("way")) == said("hello a") + call + said("way")


def test_nothing_waits_behind_more_than_a_queue_may_hold() -> None:
    calls = [
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 1000}}]})
        for _ in range(WAITING_BYTES_MAX // 1000)
    ]
    through = transform(CHAT, masker("alice", "x"))
    assert through.feed(said("hello a")) == b""

    out = b"".join(map(through.feed, calls))

    assert out.startswith(said("hello ") + calls[0])
    assert through.finish() == said("a")
    assert out == said("hello ") + b"".join(calls)


def test_what_was_safe_before_a_refusal_still_goes_out() -> None:
    def refuse(_: Exchange, text: TextStream) -> Reject | None:
        return Reject(Reason.PLUGIN_DENIED) if "bob" in text.text else None

    through = transform(CHAT, masker("alice", "x"), refuse)

    assert through.feed(said("hello a") + said(" bob")) == said("hello ")
    assert through.reject is not None
    assert (through.waits, through.nudge()) == (False, b"")


def test_data_of_no_known_form_are_not_taken_apart() -> None:
    """Half a JSON is none; what is held of the last event is not lost either."""
    recorded = Recorded("none", Dialect.UNKNOWN, "/x", b"text/event-stream", CHAT.write, "", "")
    stream = b'data: {"a":"al\n\n: alive\n\ndata: x al\n\n'
    through = transform(recorded, masker("alice", "x"))

    assert b"".join([through.feed(stream), through.nudge()]) == b'data: {"a":"al\n\n: alive\n\n'
    assert through.finish() == b"data: x al\n\n"


def test_choices_are_apart() -> None:
    def event(index: int, text: str) -> bytes:
        return sse({"choices": [{"index": index, "delta": {"content": text}}]})

    stream = [event(0, "al"), event(1, "al"), event(0, "ice"), event(1, "ert")]

    got = received(CHAT, passed(CHAT, stream, masker("alice", "x")))

    assert got == {"content:0": "x", "content:1": "alert"}


def test_the_tokens_of_a_text_go_with_it() -> None:
    logprobs = {"content": [{"token": "alice", "logprob": -0.1}]}
    stream = chunk({"content": "alice"}, logprobs=logprobs)

    out = passed(CHAT, [stream], masker("alice", "x"))

    assert out == chunk({"content": "x"}, logprobs=None)


def test_what_a_provider_repeats_is_what_was_sent() -> None:
    recorded = BY_NAME["openai_responses"]
    stream = recorded.write(["to al", "ice and al"], ["{}"])

    out = passed(recorded, portions_of(stream, 7), masker("alice", "x"))

    assert out.count(b'"to x and al"') == 4  # done, part, item, response
    assert b"alice" not in out


def test_a_repetition_that_says_something_else_is_inspected_itself() -> None:
    recorded = BY_NAME["openai_responses"]
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_text.delta", **at, "delta": "harmless"}
    done = {"type": "response.output_text.done", **at, "text": "alice"}

    out = passed(recorded, [sse(delta), sse(done)], masker("alice", "x"))

    assert b"alice" not in out


def test_halves_of_a_character_in_two_events_are_shown_as_one_and_pass_as_they_came() -> None:
    stream = b"".join(
        b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % part
        for part in (b"a\\ud83d", b"\\ude00b")
    )
    recorder = Recorder()

    assert passed(CHAT, [stream], recorder.on_text) == stream
    assert recorder.texts == {"content:0": "a\U0001f600b"}


def test_halves_of_a_character_stay_one_when_the_text_after_them_is_edited() -> None:
    stream = b"".join(
        b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % part
        for part in (b"b\\ud83d", b"\\ude00 alice")
    )

    out = passed(CHAT, [stream], masker("alice", "x"))

    assert out == stream.replace(b"alice", b"x")


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
def test_half_a_character_is_a_gap_and_passes(recorded: Recorded) -> None:
    stream = recorded.write(["a", "b"], ["{}"]).replace(b'"a"', b'"\\ud83d"')
    if recorded.content_type == b"application/vnd.amazon.eventstream":
        return  # its length would have to change with it
    recorder = Recorder()

    assert passed(recorded, [stream], recorder.on_text) == stream
    assert recorder.texts[recorded.content].startswith("\ufffdb")


def test_an_edited_frame_has_right_lengths_and_checksums() -> None:
    recorded = BY_NAME["bedrock_converse"]

    out = passed(recorded, [recorded.write(["alice"], ["{}"])], masker("alice", "somebody else"))

    place = 0
    while place < len(out):
        total = int.from_bytes(out[place : place + 4])
        frame = out[place : place + total]
        assert crc32(frame[:8]) == int.from_bytes(frame[8:12])
        assert crc32(frame[:-4]) == int.from_bytes(frame[-4:])
        place += total
    assert b"somebody else" in out


def test_what_is_not_known_passes_and_is_shown() -> None:
    stream = b": ping\n\n" + sse({"type": "brand_new", "words": "hi"}) + sse({"type": "ping"})
    recorder = Recorder()

    assert passed(MESSAGES, [stream], recorder.on_text) == stream
    assert recorder.texts == {"other": "hi"}


def test_a_stream_of_no_dialect_is_shown_event_by_event() -> None:
    recorded = Recorded("none", Dialect.UNKNOWN, "/x", b"text/event-stream", CHAT.write, "", "")
    stream = b'data: {"a":1}\n\ndata: x\n\n'
    recorder = Recorder()

    assert passed(recorded, [stream], recorder.on_text) == stream
    assert recorder.texts == {"event": '{"a":1}x'}
    assert recorder.finals == ["event"]
    assert passed(recorded, [stream], upper) == b'data: {"A":1}\n\ndata: X\n\n'


def test_json_rpc_is_known_without_a_dialect() -> None:
    recorded = Recorded("rpc", Dialect.UNKNOWN, "/mcp", b"text/event-stream", CHAT.write, "", "")
    message = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "hi"}]}}
    recorder = Recorder()

    passed(recorded, [sse(message, "message")], recorder.on_text)

    assert recorder.texts == {"tool_result": "hi"}


def test_a_last_event_without_its_end_is_shown_too() -> None:
    stream = chunk({"content": "hi"})[:-2]
    recorder = Recorder()

    assert passed(CHAT, [stream], recorder.on_text) == stream
    assert recorder.texts == {"content:0": "hi"}
    assert passed(CHAT, [stream], masker("hide", "x")) == stream
    assert passed(CHAT, [said("hi") + stream], masker("hide", "x")) == said("hi") + stream


def judging(
    actions: Any, *, dialect: Dialect = Dialect.OPENAI, kind: StreamKind = StreamKind.SSE
) -> tuple[StreamText, Exchange]:
    """A stream of a plugin that reads texts and says what may pass unread."""

    class Judge(Plugin):
        name = "judge"
        reads_text = True

        def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
            return None

    use = Judge(PluginConfig(), Runtime())
    use.on_uninspectable = Uninspectable(actions)
    x = make_exchange(dialect=dialect)
    x.coverage = Coverage()
    splitter = make_splitter(kind, 200)
    form = form_of(dialect, x.path)
    return StreamText(x, compile_chain([Use(use)]), splitter, form), x


UNREADABLE = [
    (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', Gap.INVALID_UTF8),
    (b'data: {"choices":\n\n', Gap.INVALID_JSON),
    (b'data: {"a":1,"a":2}\n\n', Gap.DUPLICATE_KEYS),
    (b'data: {"choices":[{"delta":{"audio":{"data":"aGk="}}}]}\n\n', Gap.BINARY),
    (b"data: " + b"x" * 300, Gap.TOO_LARGE),
]


@pytest.mark.parametrize(("event", "gap"), UNREADABLE)
def test_what_cannot_be_read_is_refused_where_the_policy_says_so(event: bytes, gap: Gap) -> None:
    through, x = judging("block")

    assert through.feed(event) == b""
    assert through.reject == Reject(through.reject.reason, gap.value) if through.reject else False
    assert [(v.outcome.value, v.reason) for v in x.verdicts] == [("deny", "uninspectable")]


@pytest.mark.parametrize(("event", "gap"), UNREADABLE)
@pytest.mark.parametrize(("action", "outcome"), [("pass", "allow"), ("flag", "flag")])
def test_what_may_pass_unread_passes_as_it_came_and_is_said(
    event: bytes, gap: Gap, action: str, outcome: str
) -> None:
    through, x = judging(action)

    assert through.feed(event) + through.finish() == event
    assert x.coverage is not None
    assert (x.coverage.response.level, x.coverage.response.gaps) == ("partial", {gap})
    assert [v.outcome.value for v in x.verdicts] == [outcome]


def test_bytes_that_are_no_frames_are_a_gap() -> None:
    for action, out in (("block", b""), ("pass", b"x" * 40 + b"y")):
        through, _ = judging(action, dialect=Dialect.BEDROCK, kind=StreamKind.EVENTSTREAM)
        assert through.feed(b"x" * 40) + through.feed(b"y" if action == "pass" else b"") == out
    half, x = judging("pass", dialect=Dialect.BEDROCK, kind=StreamKind.EVENTSTREAM)
    frame = encode_event("messageStop", orjson.dumps({"stopReason": "end_turn"}))
    assert half.feed(frame + frame[:30]) + half.finish() == frame + frame[:30]
    assert str(x.coverage) == "request=full; response=partial; tools=full"


def test_more_channels_than_any_answer_has_are_refused() -> None:
    recorder = Recorder()
    stream = [sse({"choices": [{"index": n, "delta": {"content": "a"}}]}) for n in range(1025)]

    through, _ = judging("pass")
    for event in stream:
        through.feed(event)

    assert through.reject is not None
    assert recorder.texts == {}


def test_frames_can_be_cut_again_after_an_edit() -> None:
    recorded = BY_NAME["bedrock_invoke"]

    out = passed(recorded, [recorded.write(["alice"], ["{}"])], masker("alice", "x"))

    assert len(FrameSplitter().feed(out)) == len(
        FrameSplitter().feed(recorded.write(["a"], ["{}"]))
    )


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
@pytest.mark.parametrize("hook", [look, upper])
def test_a_shadow_plugin_changes_no_byte(recorded: Recorded, hook: OnText) -> None:
    stream = recorded.write(["al", "ice"], ['{"a":', "1}"])
    through = transform(recorded, hook, masker("alice", "x"), shadow=True)

    assert b"".join(map(through.feed, portions_of(stream, 9))) + through.finish() == stream
