"""Every split of every short text, and of the bytes, comes to the whole text: in every dialect."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run
from gateway.plugin import Runtime
from gateway.plugin.testing import make_exchange, make_response
from gateway.providers.forms import form_of, response_reader
from gateway_plugins.dlp import Dlp
from tests.conformance.dialects import DIALECTS
from tests.recorded_streams import OTHERS, RECORDED, Recorded
from tests.redaction_kit import EMAIL, SSN, pieces_of
from tests.split_corpus import CALLS, TEXTS
from tests.stream_run import portions_of, run_through, texts_in

SPOKEN = {spoken.name: spoken for spoken in DIALECTS}
STREAMED_CALLS = [r for r in RECORDED if r.arguments.startswith("tool:")]
FORMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
OTHER_FORMS = pytest.mark.parametrize("recorded", OTHERS, ids=lambda r: r.name)
CALLING_FORMS = pytest.mark.parametrize("recorded", STREAMED_CALLS, ids=lambda r: r.name)


@cache
def chain() -> Chain:
    return compile_chain([Use(Dlp(Dlp.Config.model_validate({"action": "redact"}), Runtime()))])


@cache
def whole(recorded: Recorded, text: str) -> str:
    """The text of a whole answer of the dialect, once the plugin has seen it."""
    spoken = SPOKEN[recorded.name]
    x = make_exchange(target=spoken.path, dialect=recorded.dialect)
    x.response = view = make_response(body=orjson.dumps(spoken.whole(text, "{}")))
    view.reader = response_reader(form_of(recorded.dialect, spoken.path), b"application/json")
    assert run(chain().response, x) is None
    return view.spans()[0].text if text else ""


def streamed(recorded: Recorded, pieces: list[str], arguments: list[str]) -> dict[str, str]:
    stream = recorded.write(pieces, arguments)
    return texts_in(recorded, run_through(recorded, chain(), [stream]))


def splits(text: str) -> Iterator[list[str]]:
    """Every way to cut it in two, and every size of pieces that makes more than two."""
    for place in range(len(text)):
        yield [text[:place], text[place:]]
    for size in range(1, (len(text) + 1) // 2):
        yield pieces_of(text, size)


@FORMS
def test_every_split_of_a_text_comes_to_the_whole_text(recorded: Recorded) -> None:
    for text in TEXTS:
        wanted = whole(recorded, text)
        for pieces in splits(text):
            assert streamed(recorded, pieces, ["{}"])[recorded.content] == wanted, pieces


@CALLING_FORMS
def test_every_split_of_arguments_comes_to_the_whole_arguments(recorded: Recorded) -> None:
    for arguments in CALLS:
        wanted = streamed(recorded, [], [arguments])[recorded.arguments]
        assert orjson.loads(wanted) != orjson.loads(arguments)
        for pieces in splits(arguments):
            assert streamed(recorded, [], pieces)[recorded.arguments] == wanted, pieces


@FORMS
def test_every_split_of_the_bytes_comes_to_the_same_bytes(recorded: Recorded) -> None:
    """Cut in two at every place, and in portions of every size that makes more than two."""
    stream = recorded.write(
        [f"\u00e9 {EMAIL[:9]}", f"{EMAIL[9:]} \U0001f600"], [f'{{"a":"{SSN}"}}']
    )
    out = run_through(recorded, chain(), [stream])
    assert out != stream

    for place in range(len(stream) + 1):
        assert run_through(recorded, chain(), [stream[:place], stream[place:]]) == out
    for size in range(1, (len(stream) + 1) // 2):
        assert run_through(recorded, chain(), portions_of(stream, size)) == out


@OTHER_FORMS
def test_the_smaller_apis_are_redacted_and_forwarded_as_surely(recorded: Recorded) -> None:
    """Nothing found, the bytes are the same; and every split comes to the whole text."""
    clean = "Nothing to see here; \u00e9 \U0001f600, and no more."
    for size in (1, 3, 9, 100):
        stream = recorded.write(pieces_of(clean, size), [])
        assert run_through(recorded, chain(), portions_of(stream, 17)) == stream
    text = f'"{EMAIL}" \\ {SSN} \U0001f600{EMAIL}.'
    wanted = '"[EMAIL]" \\ [SSN] \U0001f600[EMAIL].'
    for pieces in splits(text):
        assert streamed(recorded, pieces, [])[recorded.content] == wanted, pieces


@FORMS
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_cuts_of_longer_texts_come_to_the_whole_text(
    recorded: Recorded, data: st.DataObject
) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=6)))
    call = data.draw(st.sampled_from(CALLS))
    pieces, parts = (cut(data, part) for part in (text, call))

    got = streamed(recorded, pieces, parts)

    assert got[recorded.content] == whole(recorded, text)
    assert got[recorded.arguments] == streamed(recorded, [], [call])[recorded.arguments]


def cut(data: st.DataObject, text: str) -> Any:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
