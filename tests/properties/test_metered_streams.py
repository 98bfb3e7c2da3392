"""Whatever the portions in which a stream arrives: the same usage, and the same bytes go on."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import StreamGuard
from tests.unit.proxy.metering import BY_NAME, SPOKEN, STREAM, metered

DIALECTS = st.sampled_from(SPOKEN)
CHATS = st.sampled_from([BY_NAME["chat"], BY_NAME["chat twice"], BY_NAME["tool call"]])


def cut_anywhere(stream: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted(place % (len(stream) + 1) for place in places)
    return [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]


IDS = re.compile(rb"(?:chatcmpl-|call_0_)[0-9a-f]{24}")
"""They depend on the request, in which the one stream differs from the other."""
PLACES = st.lists(st.integers(0, 1 << 16), max_size=20)


@given(spoken=DIALECTS, places=PLACES)
def test_a_stream_that_is_only_read_passes_portion_by_portion(
    spoken: Any, places: list[int]
) -> None:
    """No byte is held back, no portion is joined with another."""
    pieces = spoken.pieces()
    chunks = cut_anywhere(b"".join(pieces), places)

    out, usage = metered(spoken, chunks)
    _, whole = metered(spoken, [b"".join(pieces)])

    assert out == [*chunks, b""]
    assert usage == whole
    assert not usage.estimated


@given(spoken=CHATS, places=PLACES)
def test_a_usage_that_only_the_gateway_asked_for_leaves_no_trace(
    spoken: Any, places: list[int]
) -> None:
    """The client gets the very bytes that the provider would have sent unasked."""
    chunks = cut_anywhere(b"".join(spoken.pieces()), places)

    out, usage = metered(spoken, chunks, usage_asked=True)

    unasked = b"".join(spoken.pieces(stream_options=None))
    assert IDS.sub(b"", b"".join(out)) == IDS.sub(b"", unasked)
    assert not usage.estimated


@given(spoken=DIALECTS, places=PLACES, tokens=st.integers(1, 20))
def test_a_stream_is_cut_at_the_same_event_in_whatever_portions_it_comes(
    spoken: Any, places: list[int], tokens: int
) -> None:
    pieces = spoken.pieces()
    stream = b"".join(pieces)

    out, usage = metered(spoken, cut_anywhere(stream, places), guard=StreamGuard(tokens))
    whole, _ = metered(spoken, [stream], guard=StreamGuard(tokens))

    sent = b"".join(out)
    assert sent == b"".join(whole)
    if usage.cut:
        ends = [len(b"".join(pieces[:count])) for count in range(len(pieces) + 1)]
        assert any(sent.startswith(stream[:end]) and sent[:end] != sent for end in ends)
        assert usage.estimated
    else:
        assert sent == stream


@given(places=PLACES, stop=st.integers(0, 1 << 16))
def test_a_stream_that_breaks_off_is_charged_for_what_came(places: list[int], stop: int) -> None:
    """The estimate grows with the text, in whatever portions it came."""
    spoken = BY_NAME["chat"]
    stream = b"".join(spoken.pieces(**STREAM, stream_options=None))
    came = stream[: stop % (len(stream) + 1)]

    _, usage = metered(spoken, cut_anywhere(came, places), ended=False)
    _, whole = metered(spoken, [came], ended=False)

    assert usage == whole
    assert usage.estimated
    assert usage.input_tokens > 0


@given(stream=st.binary(max_size=300), places=PLACES, spoken=DIALECTS)
def test_bytes_of_no_sense_pass_as_they_came(stream: bytes, places: list[int], spoken: Any) -> None:
    for asked, guard in ((False, None), (True, None), (False, StreamGuard(5))):
        out, _ = metered(spoken, cut_anywhere(stream, places), usage_asked=asked, guard=guard)

        assert b"".join(out) == stream
