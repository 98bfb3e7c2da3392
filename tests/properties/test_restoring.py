"""However an answer is cut into pieces, the values come back as in the whole text."""

from __future__ import annotations

from itertools import combinations, pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.dlp.restore import Restorer, Table
from gateway_plugins.dlp.tokens import Minter, Style

KEY = b"k" * 32
VALUES = (
    ("email", "jane.doe@acme.test"),
    ("email", 'o"brien\\@acme.test'),
    ("phone", "+49 30 901820"),
    ("card", "4111 1111 1111 1111"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("ssn", "078-05-1120"),
    ("ip", "10.20.30.40"),
    ("pem", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"),
    ("name", "<NAME_7Q2M4K9X>"),
)
KINDS = ("text", "tool_call_arguments")


def table(style: Style) -> tuple[Table, list[str]]:
    minter, made = Minter(KEY, style), Table()
    placeholders = []
    for sort, value in VALUES:
        placeholder = minter.mint(sort, value)
        assert made.add(placeholder, value)
        placeholders.append(placeholder)
    return made, placeholders


TABLES = {style: table(style) for style in ("tagged", "lookalike")}
styles = st.sampled_from(sorted(TABLES))


@st.composite
def texts(draw: st.DrawFn, style: str) -> str:
    placeholders = TABLES[style][1]
    whole = st.sampled_from(placeholders)
    part = st.builds(lambda text, n: text[: n % len(text)], whole, st.integers(1, 60))
    escaped = whole.map(lambda t: t.replace("<", "\\u003c").replace(">", "\\u003E"))
    noise = st.text(alphabet='<>_EMAIL0129+(-. "\\{}[]:,nu\n@a', max_size=8)
    lead = draw(st.sampled_from(["", "{", ' { "a": "', '["', "{{x}} "]))
    return lead + "".join(draw(st.lists(st.one_of(whole, part, escaped, noise), max_size=8)))


def streamed(style: str, kind: str, text: str, cuts: list[int]) -> str:
    restorer = Restorer(TABLES[style][0])
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    out = [restorer.feed("c", kind, piece, final=False) for piece in pieces]
    return "".join([*out, restorer.feed("c", kind, "", final=True)])


@given(st.data(), styles, st.sampled_from(KINDS), st.lists(st.integers(0, 400), max_size=12))
def test_every_split_gives_what_the_whole_text_gives(
    data: st.DataObject, style: str, kind: str, cuts: list[int]
) -> None:
    text = data.draw(texts(style))
    whole = Restorer(TABLES[style][0]).whole(kind, text)
    assert streamed(style, kind, text, cuts) == whole


def test_every_pair_of_cuts_of_short_texts() -> None:
    for style, (_, placeholders) in TABLES.items():
        for placeholder in placeholders:
            text = f"a{placeholder} {placeholder[:-1]}"
            for kind in KINDS:
                whole = Restorer(TABLES[style][0]).whole(kind, text)
                for cuts in combinations(range(len(text) + 1), 2):
                    assert streamed(style, kind, text, list(cuts)) == whole


@given(st.data(), styles, st.integers(1, 40))
def test_nothing_is_held_that_cannot_become_a_placeholder(
    data: st.DataObject, style: str, size: int
) -> None:
    made = TABLES[style][0]
    text = data.draw(texts(style))
    restorer = Restorer(made)
    shown = ""
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        restorer.feed("c", "text", piece, final=False)
        shown += piece
        held = restorer.held("c")
        if held:
            assert any(each.startswith(held) for each in made.index(json=True).spellings)
            assert shown.endswith(held)


@given(st.data(), st.lists(st.sampled_from(range(len(VALUES))), max_size=6))
def test_arguments_of_tools_stay_json_with_the_values_in_it(
    data: st.DataObject, chosen: list[int]
) -> None:
    style = data.draw(styles)
    placeholders = TABLES[style][1]
    arguments = {f"k{n}": f"x {placeholders[index]}\n" for n, index in enumerate(chosen)}
    source = orjson.dumps(arguments).decode()
    if data.draw(st.booleans()):
        source = source.replace("<", "\\u003c").replace(">", "\\u003e")
    cuts = data.draw(st.lists(st.integers(0, 400), max_size=8))
    restored = orjson.loads(streamed(style, "tool_call_arguments", source, cuts))
    assert restored == {f"k{n}": f"x {VALUES[index][1]}\n" for n, index in enumerate(chosen)}
