"""Placeholders in streams of every dialect: any portions, any cuts, the values and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Exchange, TextStream
from gateway_plugins.dlp.restore import Restorer, Table
from gateway_plugins.dlp.tokens import Minter, Style
from tests.recorded_streams import RECORDED, Recorded
from tests.stream_run import OnText, passed, portions_of, received

VALUES = {
    "email": "jane.doe@acme.test",
    "card": "4111 1111 1111 1111",
    "pem": '-----BEGIN KEY-----\n"a\\b"\n-----END KEY-----\n',
}
FORMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
STYLES = pytest.mark.parametrize("style", ["tagged", "lookalike"])


def prepared(style: Style) -> tuple[Table, dict[str, str]]:
    table, minter = Table(), Minter(b"k" * 32, style)
    placeholders = {sort: minter.mint(sort, value) for sort, value in VALUES.items()}
    for sort, value in VALUES.items():
        assert table.add(placeholders[sort], value)
    return table, placeholders


def texts(style: Style) -> tuple[Table, str, str, str, dict[str, str]]:
    """A table; a text with placeholders, and with values; arguments, and what they come to."""
    table, held = prepared(style)
    said = f"To {held['email']}, not <EMAIL_00000000> or {held['email'][:-1]}: {held['pem']}é 😀 "
    wanted = said.replace(held["email"], VALUES["email"]).replace(held["pem"], VALUES["pem"])
    given_ = {"to": held["email"], "card": held["card"], "key": f"\n{held['pem']}"}
    arguments = {"to": VALUES["email"], "card": VALUES["card"], "key": "\n" + VALUES["pem"]}
    return table, said, wanted, orjson.dumps(given_).decode(), arguments


def restoring(table: Table) -> OnText:
    restorer = Restorer(table)

    def on_text(_: Exchange, text: TextStream) -> None:
        restorer.pass_piece(text)

    return on_text


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@st.composite
def pieces(draw: st.DrawFn, text: str) -> Sequence[str]:
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in pairwise([0, *places, len(text)])]


def check(recorded: Recorded, out: bytes, wanted: str, arguments: dict[str, str]) -> None:
    found = received(recorded, out)
    assert found[recorded.content] == wanted
    # Where arguments come as values, the recorded ones are a text beside names.
    said = found[recorded.arguments]
    assert orjson.loads(said[said.index("{") : said.rindex("}") + 1]) == arguments


@STYLES
@FORMS
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100])
def test_values_come_back_at_every_size_of_pieces(
    recorded: Recorded, style: Style, size: int
) -> None:
    table, said, wanted, given_, arguments = texts(style)
    stream = recorded.write(cut(said, size), cut(given_, size))
    out = passed(recorded, portions_of(stream, size), restoring(table))
    check(recorded, out, wanted, arguments)


@STYLES
@FORMS
@given(data=st.data())
def test_values_come_back_however_a_stream_is_cut(
    recorded: Recorded, style: Style, data: st.DataObject
) -> None:
    table, said, wanted, given_, arguments = texts(style)
    stream = recorded.write(data.draw(pieces(said)), data.draw(pieces(given_)))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    portions = [stream[a:b] for a, b in pairwise([0, *places, len(stream)])]
    check(recorded, passed(recorded, portions, restoring(table)), wanted, arguments)


@FORMS
def test_a_stream_without_placeholders_passes_byte_for_byte(recorded: Recorded) -> None:
    table, _ = prepared("tagged")
    said, given_ = "no < placeholder > <EMAIL_7Q2> at all", '{"a": "<b>\\u003c\\\\"}'
    stream = recorded.write([said[:12], said[12:]], [given_])
    assert passed(recorded, [stream], restoring(table)) == stream
