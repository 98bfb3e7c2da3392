"""What `dlp` makes of a stream is what it makes of the whole text, in every dialect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugin import Runtime, TextStream
from gateway.plugin.testing import make_exchange
from gateway.scan.binding import bind_scanners
from gateway_plugins.dlp import Dlp
from tests.recorded_streams import RECORDED, Recorded
from tests.redaction_kit import ARGUMENTS, EMAIL, JWT, PRIVATE_KEY, SSN, VECTORS, check, pieces_of
from tests.stream_run import passed, portions_of, received

FORMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
CONFIGS: list[dict[str, Any]] = [
    {"action": "redact"},
    {"action": "mask"},
    {"action": "hash", "hash_key": "a key of some length"},
    {"action": "mask", "values_max": 2},
    {"action": "hash", "hash_key": "a key of some length", "values_max": 1},
]
FRAGMENTS = [
    EMAIL, SSN, JWT, PRIVATE_KEY, "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", " ", ".",
    ",", "\n", "password = hunter2x!", "ghp_x7Kq2mWv9LsT4bNc8RzY1pHd6JfG3aUe5oQi", "call ",
    "+49 30 901820", "word", "@", "-", "192.0.2.17", "\u200b", "https://u:s3cr3tpw@h.example/",
    "born 1980-02-03", "\U0001d7ce44111 1111", "-----", "SSN ", "password=b4",
    '"', "12", "eyJ", "-----BEGIN ",
]  # fmt: skip


@cache
def dlp(number: int) -> Dlp:
    use = Dlp(Dlp.Config.model_validate(CONFIGS[number]), Runtime())
    bind_scanners([use])
    return use


def streamed(use: Dlp, pieces: Sequence[str], kind: str = "text") -> str:
    x = make_exchange()
    held, out = "", ""
    for number, piece in enumerate([*pieces, ""]):
        text = TextStream("c", held + piece, final=number == len(pieces), kind=kind)
        assert use.on_text(x, text) is None
        stop = len(text.text) - (0 if text.final else text.held)
        out, held = out + text.text[:stop], text.text[stop:]
    return out


@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_the_conformance_kit_passes(number: int) -> None:
    check(lambda pieces: streamed(dlp(number), pieces))


def test_the_vectors_are_those_that_others_leak() -> None:
    assert (len(JWT), len(PRIVATE_KEY)) == (154, 711)


@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_every_cut_of_a_short_text_comes_to_the_same(number: int) -> None:
    for vector in VECTORS:
        text = vector.text[:200]
        whole = streamed(dlp(number), [text])
        for cut in range(len(text) + 1):
            assert streamed(dlp(number), [text[:cut], text[cut:]]) == whole


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_text_and_any_cuts(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(CONFIGS) - 1))
    kind = data.draw(st.sampled_from(["text", "tool_call_arguments"]))
    text = "".join(data.draw(st.lists(st.sampled_from(FRAGMENTS), max_size=10)))
    if kind == "tool_call_arguments":
        text = orjson.dumps({"a": text}).decode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    use = dlp(number)
    if kind == "tool_call_arguments":
        # Many values in JSON are refused: tests/unit/gateway_plugins/dlp/test_many_values.py.
        use = dlp(number % 3)

    out = streamed(use, pieces, kind)

    assert out == streamed(use, [text], kind)
    found = use._decide(use.scanner.find(text, "response", kind), "response", "assistant", kind)
    assert out == use._rewritten(kind, text, found)
    if kind == "tool_call_arguments":
        assert isinstance(orjson.loads(out), dict)


@FORMS
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100])
def test_nothing_passes_in_any_dialect(recorded: Recorded, size: int) -> None:
    content = f"token {JWT} and\n{PRIVATE_KEY}\nend"
    stream = recorded.write(pieces_of(content, size), pieces_of(ARGUMENTS, size))

    out = passed(recorded, portions_of(stream, 997), dlp(0).on_text)

    got = received(recorded, out)
    assert got[recorded.content] == "token [JWT] and\n[PEM]\nend"
    arguments = got[recorded.arguments]
    assert SSN not in arguments
    assert EMAIL not in arguments
    assert "[SSN]" in arguments
    assert "[EMAIL]" in arguments
    for value in (JWT[:20], JWT[60:80], PRIVATE_KEY[100:120], SSN, EMAIL):
        assert value.encode() not in out
