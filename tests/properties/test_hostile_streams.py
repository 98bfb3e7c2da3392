"""Whatever a provider streams, in any form: an answer or a refusal, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.plugin import PluginConfig, Runtime
from gateway.plugin.testing import make_exchange, make_response
from gateway.plugin.text import UNPARSED
from gateway.providers.dialect import Form
from gateway.providers.eventstream import encode_event
from gateway.providers.forms import FORMS, request_reader, response_reader
from gateway.providers.streaming import StreamKind, make_splitter
from gateway.proxy.stream_text import StreamText
from gateway.scan.fold import fold
from gateway.scan.normalise import normalise
from gateway.scan.views import views
from tests.policy_plugins import plugin
from tests.properties.test_forms_fuzz import COSTLY, KEYS, VALUES
from tests.properties.test_scan_normalise import TRICKY
from tests.recorded_streams import RECORDED, Recorded
from tests.stream_run import masker, portions_of, transform

EVERY_FORM = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
FRAMINGS: dict[StreamKind, Callable[[bytes], bytes]] = {
    StreamKind.SSE: lambda data: b"data: " + data + b"\n\n",
    StreamKind.NDJSON: lambda data: data + b"\n",
    StreamKind.EVENTSTREAM: lambda data: encode_event("contentBlockDelta", data),
}
CHAIN: Chain = compile_chain(
    [Use(plugin("p", on_text=masker("alice", "x"))(PluginConfig(), Runtime()))]
)


def through(form: Form | None, kind: StreamKind) -> StreamText:
    x = make_exchange()
    x.response = make_response(streamed=True)
    return StreamText(x, CHAIN, make_splitter(kind), form)


@EVERY_FORM
@settings(max_examples=40)
@given(
    events=st.lists(st.dictionaries(KEYS, VALUES | st.sampled_from(["al", "ice"]), max_size=6)),
    kind=st.sampled_from(list(FRAMINGS)),
    size=st.integers(1, 400),
)
def test_any_events_come_out_or_are_refused(
    form: Form, events: list[dict[str, Any]], kind: StreamKind, size: int
) -> None:
    """Held back, waiting and split as they may be: nothing fails, and nothing stays behind."""
    shown = through(form, kind)
    stream = b"".join(FRAMINGS[kind](orjson.dumps(event)) for event in events)

    out = b""
    for number, portion in enumerate(portions_of(stream, size)):
        out += shown.feed(portion)
        if number % 7 == 6:
            out += shown.nudge()
    out += shown.finish()

    assert not shown.waits
    assert shown.reject is not None or len(out) >= len(events)


@pytest.mark.parametrize("form", [None, *FORMS], ids=lambda form: form.name if form else "none")
@given(portions=st.lists(st.binary(max_size=60), max_size=8), kind=st.sampled_from(list(FRAMINGS)))
def test_any_bytes_come_out_or_are_refused(
    form: Form | None, portions: list[bytes], kind: StreamKind
) -> None:
    shown = through(form, kind)

    out = b"".join([*map(shown.feed, portions), shown.finish()])

    assert not shown.waits
    assert shown.reject is not None or isinstance(out, bytes)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
def test_a_stream_of_any_length_takes_the_memory_of_a_short_one(recorded: Recorded) -> None:
    """Every event ends in a word that is held, none is kept."""
    stream = recorded.write(["so al"] * 20_000, ["{}"])
    shown = transform(recorded, masker("alice", "x"))
    tracemalloc.start()
    for portion in portions_of(stream, 4096):
        shown.feed(portion)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 1_000_000


PEAK_PER_BYTE_MAX = 600
"""JSON of nothing but brackets is the most costly: a list of Python's takes 56 bytes."""


def peak_of(call: Callable[[], object]) -> int:
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@EVERY_FORM
@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_body_takes_memory_in_proportion(form: Form, name: str) -> None:
    body = COSTLY[name][:100_000]
    if name == "messages":
        body = b'{"messages":[' + b'{"role":"user","content":"x"},' * 3_000 + b"{}]}"

    for reader in (request_reader(form, None), response_reader(form, None)):
        assert peak_of(lambda read=reader: read(body, UNPARSED)) < PEAK_PER_BYTE_MAX * len(body)


@pytest.mark.parametrize(
    "unit", ["a", "\u0301", "\u200b", "\ufdfa", "%41", "\\u0041", "QUJD", "\u0456a"]
)
def test_a_normaliser_takes_memory_in_proportion(unit: str) -> None:
    normalise(unit), fold(unit), views(unit)  # what is loaded once
    text = unit * (100_000 // len(unit))

    for call in (normalise, fold, views):
        assert peak_of(lambda call=call: call(text)) < 200 * len(text)


@given(TRICKY, st.booleans())
def test_any_text_is_folded_and_its_places_lead_back(text: str, json: bool) -> None:
    folded = fold(text, json=json)

    places = [folded.origin(place) for place in range(len(folded.text))]
    assert places == sorted(places)
    assert all(0 <= place < len(text) for place in places)
    assert folded.end(len(folded.text)) <= len(text)
