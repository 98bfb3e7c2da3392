"""The signs of an encoding are the same in C and in Python."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.views import NATIVE, signs_of

WORDS = ["ERONGI", "snoitc", "tpmorp", "tegrof", "vafgeh", "vtaber", "cebzcg", "sbetrg"]
RUNS = ["a ", "aa ", "a-", "aaaaaaaa", "aaaaaaaa "]
PARTS = st.sampled_from([*"aZ9%&;xu:!+/= \n\x00\x7f\\", *RUNS, *WORDS])
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@pytest.mark.skipif(not NATIVE, reason="this build has no C")
@settings(deadline=None, max_examples=1000)
@given(TEXTS | st.text(st.characters(max_codepoint=127)))
def test_both_find_the_same_signs(text: str) -> None:
    from gateway.scan import _signs  # noqa: PLC0415  # only in a compiled build

    assert _signs.signs(text) == signs_of(text)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("%41%41%41", 1),
        ("&lt;", 2),
        ("\\x41", 4),
        ("snoitcurtsni", 8),
        ("vafgehpgvbaf", 16),
        ("QUJDQUJDQUJDQUJDQUJDQUJD", 32),
        ("41 42 43 44 45 46 47 48 ", 64),
        ("01000001 01000001 01000001 01000001 ", 128),
        ("i g n o r e", 256),
        ("Plain words, with a sign or two; and 100 % of it.", 0),
    ],
)
def test_each_encoding_has_a_sign(text: str, sign: int) -> None:
    assert signs_of(text) & sign == sign
    assert bool(signs_of(text)) == bool(sign)
