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
