"""What a text says once it is decoded is what Python's own decoder makes of it."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.scan.threats.judge import decoded

PARTS = [
    "%", "%%", "%4", "%41", "%2541", "%c3", "%A9", "%E2", "%82", "%AC", "%F0", "%9F", "%98", "%80",
    "%ff", "%ED", "%A0", "\u00e9", "\u20ac", "\U0001f600", "a", "+", " ", "z", "\x00", "\u0663",
    "\ud800",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
@example("%E2\u00e9")
@example("\ud800%41")
def test_percent_signs_are_decoded_as_python_does(text: str) -> None:
    once = unquote(text.replace("+", " ")) if "%" in text else text

    assert decoded(text)[:1] == ([once] if once != text else [])


@pytest.mark.parametrize(
    ("text", "views"),
    [("plain", []), ("%2541", ["%41", "A"]), ("%26lt%3B", ["<"]), ("a&amp;b", ["a&b"])],
)
def test_a_text_is_decoded_twice_at_most(text: str, views: list[str]) -> None:
    assert decoded(text) == views


def test_a_number_of_any_length_is_decoded() -> None:
    """Python itself refuses to read so many digits."""
    assert decoded(f"&#{'1' * 5000};&lt;script&gt;") == ["\ufffd<script>"]
