"""What the meter makes of answers that are whole, broken, encoded, refused or never came."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.plugin import Exchange, Headers, Reject, StreamGuard, Usage
from gateway.plugin.testing import make_exchange
from gateway.providers.sse import EVENT_BYTES_MAX
from gateway.providers.streaming import StreamKind
from gateway.proxy.meter import Meter
from gateway.reasons import Reason
from tests.unit.proxy.metering import BY_NAME, metered

CHAT = BY_NAME["chat"]
PLAIN = Headers([])
ANSWER = orjson.dumps({"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
PAYLOAD = b"x" * 40


def met(
    body: bytes = ANSWER,
    *,
    x: Exchange | None = None,
    payload: bytes | None = PAYLOAD,
    status: int = 200,
    headers: Headers = PLAIN,
    ended: bool = True,
    sent: bool = True,
) -> Usage | None:
    """What a whole answer came to."""
    x = x or make_exchange()
    meter = Meter(x, payload)
    transform = meter.body(status, headers)
    if transform is not None:
        assert not transform.changes
        assert [transform.feed(body[:9]), transform.feed(body[9:])] == [body[:9], body[9:]]
        if ended:
            assert transform.finish() == b""
    meter.close(sent=sent, request_bytes=40)
    return x.usage


def test_a_whole_answer_goes_through_as_it_comes_and_is_read_at_its_end() -> None:
    assert met() == Usage(3, 4, estimated=False, model="m")


def test_the_prompt_is_estimated_from_the_moment_it_is_sent() -> None:
    x = make_exchange()
    Meter(x, PAYLOAD)

    assert x.usage == Usage(input_tokens=10)


def test_a_request_that_was_never_sent_used_nothing() -> None:
    assert met(sent=False) is None


@pytest.mark.parametrize("status", [301, 400, 429, 500, 529])
def test_a_refusal_of_the_provider_costs_nothing(status: int) -> None:
    assert met(status=status) == Usage(estimated=False)


def test_an_answer_that_never_came_is_charged_for_its_prompt() -> None:
    x = make_exchange()
    Meter(x, PAYLOAD).close(sent=True, request_bytes=40)

    assert x.usage == Usage(input_tokens=10)


def test_a_prompt_that_streamed_through_is_estimated_at_the_end() -> None:
    assert met(b"{}", payload=None) == Usage(input_tokens=10)


@pytest.mark.parametrize("body", [b"no json at all", b'{"choices":[{"message":{"content":"x"'])
def test_an_answer_that_cannot_be_read_is_estimated_by_its_size(body: bytes) -> None:
    usage = met(body)

    assert usage == Usage(input_tokens=10, output_tokens=-(-len(body) // 4))


def test_an_answer_that_is_broken_off_is_estimated_by_what_came() -> None:
    assert met(ANSWER, ended=False) == Usage(input_tokens=10, output_tokens=-(-len(ANSWER) // 4))


def test_bedrocks_headers_count_where_the_body_does_not() -> None:
    headers = Headers([
        (b"X-Amzn-Bedrock-Input-Token-Count", b"5"),
        (b"X-Amzn-Bedrock-Output-Token-Count", b"6"),
    ])  # fmt: skip

    assert met(b'{"generation":"x"}', headers=headers) == Usage(5, 6, estimated=False)
    assert met(headers=headers) == Usage(3, 4, estimated=False, model="m")


@pytest.mark.parametrize(
    ("path", "answer", "usage"),
    [
        ("/v1/files", b'{"id":"file-1","bytes":5}', Usage(estimated=False)),
        ("/v1/messages/count_tokens", b'{"input_tokens":5}', Usage(estimated=False)),
        ("/v1/images/generations", ANSWER, Usage(3, 4, estimated=False, model="m")),
    ],
)
def test_an_api_that_is_no_model_counts_only_what_its_answer_reports(
    path: str, answer: bytes, usage: Usage
) -> None:
    assert met(answer, x=make_exchange(target=path)) == usage


def test_an_answer_that_plugins_hold_is_read_before_they_change_it() -> None:
    x = make_exchange()
    meter = Meter(x, PAYLOAD)
    meter.whole(200, PLAIN, ANSWER)
    meter.close(sent=True, request_bytes=40)

    assert x.usage == Usage(3, 4, estimated=False, model="m")


def test_a_stream_that_cannot_be_decoded_passes_unread_and_is_said_to_be_estimated() -> None:
    pieces = CHAT.pieces()

    out, usage = metered(CHAT, pieces, usage_asked=True, readable=False)

    assert out == pieces
    assert usage.estimated


def test_a_stream_with_an_error_status_costs_nothing() -> None:
    assert metered(CHAT, CHAT.pieces(), status=500)[1] == Usage(estimated=False)


def test_a_last_event_without_its_blank_line_is_read_all_the_same() -> None:
    """Some clients read it, and so its usage counts."""
    *first, last, _done = CHAT.pieces()

    for asked in (False, True):
        out, usage = metered(CHAT, [*first, last.rstrip()], usage_asked=asked)
        assert not usage.estimated
        assert (b'"usage":{' in b"".join(out)) is not asked


def test_events_with_lone_surrogates_count_as_a_token_each() -> None:
    event = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'

    out, usage = metered(CHAT, [event, event])

    assert out[:2] == [event, event]
    assert (usage.output_tokens, usage.estimated) == (2, True)


@pytest.mark.parametrize("asked", [False, True])
def test_an_event_beyond_all_reason_passes_and_ends_the_reading(asked: bool) -> None:
    start = b"data: " + b"x" * (EVENT_BYTES_MAX // 2)
    chunks = [start, start, start, b"\n\n", *CHAT.pieces()]

    out, usage = metered(CHAT, chunks, usage_asked=asked)

    assert b"".join(out) == b"".join(chunks)
    assert usage.estimated


class Shouting:
    """A transform of plugins: capitals, and a refusal of one word."""

    def __init__(self) -> None:
        self.reject: Reject | None = None
        self.cut = False
        self.changes = True

    def feed(self, data: bytes) -> bytes:
        if b"refuse" in data:
            self.reject = Reject(Reason.PLUGIN_DENIED)
            return b""
        return data.upper()

    def finish(self) -> bytes:
        return b"the end"


def through_plugins(
    *chunks: bytes, guard: StreamGuard | None = None
) -> tuple[list[bytes], Any, Any]:
    x = CHAT.exchange()
    if guard is not None:
        x.stream_guards = (guard,)
    meter = Meter(x, PAYLOAD)
    transform = meter.stream(200, StreamKind.SSE, Shouting())
    assert transform is not None
    out = [transform.feed(chunk) for chunk in chunks]
    out.append(transform.finish())
    meter.close(sent=True, request_bytes=40)
    return out, transform, x.usage


def test_plugins_see_the_stream_behind_the_meter() -> None:
    """What they change is not what the provider charges for."""
    pieces = CHAT.pieces()

    out, transform, usage = through_plugins(*pieces)

    assert out == [*(piece.upper() for piece in pieces), b"the end"]
    assert (transform.reject, usage.estimated) == (None, False)


def test_a_refusal_of_a_plugin_is_passed_on() -> None:
    assert through_plugins(b"data: refuse\n\n")[1].reject is not None


def test_the_end_of_a_cut_stream_passes_the_plugins_too() -> None:
    out, transform, usage = through_plugins(*CHAT.pieces(), guard=StreamGuard(3))

    assert transform.cut
    assert usage.cut
    assert out[-1] == b"the end"
    assert b'"FINISH_REASON":"LENGTH"' in b"".join(out)


class Late(StreamGuard):
    """Decides later, as one does that asks a store."""

    def reached(self, usage: Usage) -> None:
        self.at_output_tokens = usage.output_tokens + 1000


def test_a_guard_may_let_the_stream_go_on_and_cut_it_later() -> None:
    pieces = CHAT.pieces()
    x = CHAT.exchange()
    x.stream_guards = (guard := Late(2),)
    transform = Meter(x, PAYLOAD).stream(200, StreamKind.SSE, None)
    assert transform is not None

    before = [transform.feed(piece) for piece in pieces[:5]]
    guard.cut = True
    after = transform.feed(pieces[5])

    assert before == pieces[:5]
    assert after.startswith(pieces[5])
    assert after.endswith(b"data: [DONE]\n\n")
    assert transform.cut
    assert transform.feed(pieces[6]) == b""
