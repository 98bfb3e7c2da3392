"""Compressed streams through plugins, and streams that are watched and not touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.plugin import Exchange, Headers, PluginConfig, Reject, Runtime, TextStream
from gateway.plugin.coverage import Coverage, Gap
from gateway.plugin.testing import make_exchange, make_response
from gateway.providers.forms import form_of
from gateway.providers.stream_decoding import StreamDecoder
from gateway.providers.streaming import make_splitter, stream_kind
from gateway.proxy.stream_channels import CHANNELS_MAX
from gateway.proxy.stream_text import StreamText
from gateway.proxy.transform import Transform
from gateway.proxy.unpacked_stream import Watched, unpacked
from gateway.reasons import Reason
from tests.packers import PACKERS
from tests.policy_plugins import plugin
from tests.recorded_streams import RECORDED, Recorded, sse
from tests.stream_run import masker, passed, portions_of

FORMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
CODINGS = pytest.mark.parametrize("coding", PACKERS)
CHAT = RECORDED[0]
ARGUMENTS = ['{"to":', '"alice"}']
HEADERS = [
    (b"content-encoding", b"gzip"),
    (b"etag", b'"strong"'),
    (b"content-digest", b"sha-256=:x:"),
    (b"x-other", b"stays"),
]

OnText = Callable[[Exchange, TextStream], Reject | None]


def reader(recorded: Recorded, *hooks: OnText, shadow: bool = False) -> tuple[Any, Chain, Any]:
    x = make_exchange(target=recorded.path, dialect=recorded.dialect)
    x.response, x.coverage = make_response(streamed=True), Coverage()
    chain = compile_chain(
        [
            Use(plugin(f"p{n}", on_text=hook)(PluginConfig(), Runtime()), shadow=shadow)
            for n, hook in enumerate(hooks)
        ]
    )
    kind = stream_kind(recorded.content_type)
    assert kind is not None
    form = form_of(recorded.dialect, recorded.path)
    return x, chain, StreamText(x, chain, make_splitter(kind), form)


def through(recorded: Recorded, coding: str, *hooks: OnText, **how: Any) -> tuple[Transform, Any]:
    x, chain, shown = reader(recorded, *hooks, **how)
    inner = shown if shown.changes else Watched(shown)
    decoder = StreamDecoder(coding.encode())
    return unpacked(x, chain.text, decoder, inner, Headers(HEADERS)), x


def run(transform: Transform, portions: list[bytes]) -> bytes:
    out = [transform.feed(portion) for portion in portions]
    return b"".join([*out, transform.finish()])


@FORMS
@CODINGS
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_edit_is_that_of_the_stream_without_the_coding(
    recorded: Recorded, coding: str, size: int
) -> None:
    stream = recorded.write(["I am al", "ice."], ARGUMENTS)
    packed = b"".join(PACKERS[coding](portions_of(stream, 50)))
    transform, x = through(recorded, coding, masker("alice", "x"))

    out = run(transform, portions_of(packed, size))  # type: ignore[arg-type]  # a list it is

    assert transform.changes
    assert transform.reject is None
    assert out == passed(recorded, [stream], masker("alice", "x"))
    assert str(x.coverage) == "request=full; response=full; tools=full"


@FORMS
@CODINGS
def test_a_reader_in_shadow_mode_sees_the_text_and_leaves_the_bytes(
    recorded: Recorded, coding: str
) -> None:
    stream = recorded.write(["I am al", "ice."], ARGUMENTS)
    packed = b"".join(PACKERS[coding](portions_of(stream, 50)))
    transform, x = through(recorded, coding, masker("alice", "x"), shadow=True)

    out = run(transform, portions_of(packed, 9))  # type: ignore[arg-type]  # a list it is

    assert (out, transform.changes) == (packed, False)
    assert [(v.outcome, v.enforced) for v in x.verdicts] == [("edit", False)]
    assert str(x.coverage) == "request=full; response=full; tools=full"


@given(st.data())
def test_whatever_comes_a_watched_stream_goes_on_as_it_came(data: st.DataObject) -> None:
    """Fuzzing: even where the reader refuses, and where nothing can be decoded."""
    recorded = data.draw(st.sampled_from(RECORDED))
    stream = data.draw(st.binary(max_size=80)) + recorded.write(["alice"], ARGUMENTS)
    portions = portions_of(stream, data.draw(st.integers(1, 200)))
    coding = data.draw(st.sampled_from([*PACKERS, ""]))

    def refuse(_: Exchange, text: TextStream) -> Reject | None:
        return Reject(Reason.PLUGIN_DENIED) if "alice" in text.text else None

    transform, _ = through(recorded, coding, refuse, shadow=True)

    assert [transform.feed(portion) for portion in portions] == list(portions)
    assert (transform.finish(), transform.reject) == (b"", None)


def test_what_is_true_of_the_packed_bytes_alone_is_not_said_of_others() -> None:
    x, chain, shown = reader(CHAT, masker("alice", "x"))
    headers = Headers(HEADERS)

    unpacked(x, chain.text, StreamDecoder(b"gzip"), shown, headers)

    assert headers.raw == [(b"x-other", b"stays")]


def test_a_weak_tag_stays_and_so_do_all_where_nothing_is_decoded() -> None:
    x, chain, shown = reader(CHAT, masker("alice", "x"))
    weak, kept = Headers([(b"etag", b'W/"1"')]), Headers(HEADERS)

    unpacked(x, chain.text, StreamDecoder(b"gzip"), shown, weak)
    unpacked(x, chain.text, StreamDecoder(b"gzip"), Watched(shown), kept)

    assert weak.raw == [(b"etag", b'W/"1"')]
    assert kept.raw == HEADERS


@pytest.mark.parametrize(
    ("tail", "gap"),
    [(b"no gzip", Gap.UNKNOWN_ENCODING), (None, Gap.ENCODING_BOMB)],
)
def test_what_does_not_decode_ends_the_stream_and_is_said(tail: bytes | None, gap: Gap) -> None:
    event = sse({"choices": [{"index": 0, "delta": {"content": "hello "}}]})
    first, bomb, _ = PACKERS["gzip"]([event, bytes(5_000_000)])
    transform, x = through(CHAT, "gzip", masker("alice", "x"))

    assert transform.feed(first) == event
    assert transform.feed(bomb if tail is None else tail) == b""

    assert transform.reject == Reject(Reason.UNINSPECTABLE, gap.value)
    assert (transform.feed(first), transform.finish()) == (b"", b"")
    assert x.coverage.response.gaps == x.coverage.tools.gaps == {gap}


def test_a_stream_whose_end_does_not_come_is_no_whole_answer() -> None:
    *portions, _ = PACKERS["gzip"]([CHAT.write(["hello"], ["{}"])])
    transform, _ = through(CHAT, "gzip", masker("alice", "x"))

    assert run(transform, portions) == CHAT.write(["hello"], ["{}"])
    assert transform.reject == Reject(Reason.UPSTREAM_TRUNCATED)


def test_more_channels_than_may_be_do_not_break_a_stream_off_in_shadow_mode() -> None:
    event = sse({"choices": [{"index": n, "delta": {"content": "x"}} for n in range(2000)]})
    assert CHANNELS_MAX < 2000
    _, _, enforced = reader(CHAT, masker("alice", "x"))
    _, _, shown = reader(CHAT, masker("alice", "x"), shadow=True)

    enforced.feed(event)
    watched = Watched(shown)

    assert enforced.reject is not None
    assert (watched.feed(event), watched.reject) == (event, None)
