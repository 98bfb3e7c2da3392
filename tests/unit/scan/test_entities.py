"""Entities mean what `html.unescape` says, and few beginnings of a name are tried."""

from __future__ import annotations

import html
from html.entities import html5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan import entities
from gateway.scan.entities import unescaped

NAMES = sorted(html5)
PIECES = st.one_of(
    st.sampled_from(NAMES).map("&{}".format),
    st.integers(0, 0x11FFFF).map("&#{};".format),
    st.integers(0, 0x11FFFF).map("&#x{:x}".format),
    st.text("&#;xXnotamp0 9\n", max_size=6),
    st.text(max_size=4),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_text_says_what_the_standard_library_says(text: str) -> None:
    assert unescaped(text) == html.unescape(text)


@pytest.mark.parametrize("behind", ["", ";", "x", "in;", " ", "&", "\U0001f512"])
def test_every_name_is_known_whatever_stands_behind(behind: str) -> None:
    for name in NAMES:
        text = f"&{name}{behind}"

        assert unescaped(text) == html.unescape(text)


def test_every_number_means_what_the_standard_library_says() -> None:
    for point in (*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFDC0, 0x10010), 0x10FFFF):
        text = f"&#{point};&#x{point:x}"

        assert unescaped(text) == html.unescape(text)
    assert unescaped("&#1114112;&#x110000;") == "\ufffd\ufffd"


@pytest.mark.parametrize("sign", ["&#", "&#x", "&#X"])
def test_a_number_may_have_any_number_of_digits(sign: str) -> None:
    """The standard library raises ValueError for so many."""
    assert unescaped(f"{sign}{'1' * 5000}; {sign}{'0' * 5000}41;") in {"\ufffd )", "\ufffd A"}


def test_of_a_name_that_is_none_few_beginnings_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Asked(dict[str, str]):
        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # names alone
            asked.append(name)
            return default

    monkeypatch.setattr(entities, "_BARE", Asked())
    text = f"&not{'q' * 28};&{'q' * 31};"

    assert unescaped(text) == text
    assert len(asked) == 5
