"""Code is code only where every reader of Markdown takes it for code."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.scan.threats.code import (
    SPAN_CHARACTERS_MAX,
    TOKENS_MAX,
    CodeReader,
    code_map,
    undecided,
)

CODE = [
    "`X`",
    "a `b X c` d",
    "``a ` X``",
    "```\nX\n```",
    "```html\nX",
    "text\n```\nX\n```\nmore",
    "~~~ `js`\nX\n~~~",
    "````\n```\nX\n````",
    "  ```\nX\n  ```",
    "```\n``` no end\nX\n```",
]
NO_CODE = [
    "X",
    "`a X",
    "`a\n\nX`",
    "``a` X",
    "```x``` X",
    "```x``` X `a`"[:9],
    "```\na\n```\nX",
    "```\n``` no end\n```\nX",
    "\\`X`",
    "<b>`X`",
    '<a title="`">X`',
    "a ```\nb\n```\nX",
    "    ```\nX\n    ```",
    "`a` X",
    "\t```\nX",
]


@pytest.mark.parametrize("text", CODE)
def test_what_everybody_takes_for_code_is_code(text: str) -> None:
    assert code_map(text).holds(text.index("X"))


@pytest.mark.parametrize("text", NO_CODE)
def test_what_could_be_taken_otherwise_is_none(text: str) -> None:
    assert not code_map(text).holds(text.index("X"))


def test_a_span_counts_only_where_its_end_is_near() -> None:
    text = "`X" + "a" * SPAN_CHARACTERS_MAX + "`"

    assert not code_map(text).holds(1)
    assert code_map(text).holds(10)


def test_a_text_with_too_many_signs_has_no_code_behind_them() -> None:
    text = "`a` " * TOKENS_MAX + "`X`"

    assert not code_map(text).holds(text.index("X"))


PARTS = [
    "`", "``", "```", "```\n", "~~~", "\n", "\n\n", "\r\n", " ", "    ", "\t", "\xa0", "X", "a",
    "\\", "\\`", "<", "b",
]  # fmt: skip
SIGNS = st.lists(st.sampled_from(PARTS), max_size=30).map("".join)


@given(text=SIGNS, cuts=st.lists(st.integers(0, 60), max_size=6))
@example(text="\\`X`", cuts=[2])
@example(text="\t```\nX", cuts=[1])
@example(text="\xa0```\nX", cuts=[1])
def test_parts_are_read_as_the_whole(text: str, cuts: list[int]) -> None:
    """A stream knows of a place what the whole text says of it, once its part is decided."""
    reader = CodeReader()
    held, known, released = "", set(), 0
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, stop in itertools.pairwise(places):
        held += text[start:stop]
        final = stop == len(text)
        part = held if final else held[: len(held) - undecided(held)]
        found = reader.read(part)
        known |= {released + at for at in range(len(part)) if found.holds(at)}
        held, released = held[len(part) :], released + len(part)

    whole = code_map(text)
    assert known <= {at for at in range(len(text)) if whole.holds(at)}


SPACED = st.lists(
    st.sampled_from(
        ["`", "``", "```", "~", "~~~", "\n", " ", "\t", "\r", "\u00a0", "\\", "<", "b"]
    ),
    max_size=24,
).map("".join)


@given(text=SPACED, cuts=st.lists(st.integers(0, 40), max_size=8))
def test_what_follows_is_read_alike_however_the_text_was_cut(text: str, cuts: list[int]) -> None:
    more = "Z`X`\n```\nX\n```"
    reader = CodeReader()
    held = ""
    for start, stop in itertools.pairwise(sorted({min(c, len(text)) for c in cuts} | {0})):
        held += text[start:stop]
        part = held[: len(held) - undecided(held)]
        reader.read(part)
        held = held[len(part) :]
    rest = held + text[max([0, *(min(c, len(text)) for c in cuts)]) :] + more
    found = reader.read(rest, final=True)

    whole = code_map(text + more)
    known = [found.holds(at) for at in range(len(rest) - len(more), len(rest))]
    assert known == [whole.holds(at) for at in range(len(text), len(text + more))]


@pytest.mark.parametrize("sign", ["`", "~", "`~"])
def test_a_run_of_signs_is_not_looked_at_again(sign: str) -> None:
    assert undecided(sign * 40) == 0


@pytest.mark.parametrize("size", [1, 2, 8])
def test_a_run_that_comes_in_pieces_is_one(size: int) -> None:
    reader = CodeReader()
    opening = "`" * 40
    for at in range(0, len(opening), size):
        reader.read(opening[at : at + size])

    assert reader.read(" X " + "`" * 39 + " X " + opening, final=True).holds(1)


def test_a_run_at_the_end_of_a_part_is_not_decided() -> None:
    assert CodeReader().read("a ``").decided == 2
    assert CodeReader().read("a ``", final=True).decided == 4
