"""Disguises undone, character by character, with places that lead back."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.fold import fold

ALPHABET = st.sampled_from([*'ab1@\\n"{', "\u200b", "\uff41", "é", "\u0663", "\U000e0041", "日"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\uff4aane\uff20x", "jane@x"),
        ("4\u200b1\u00ad1", "411"),
        ("\u0664\u0661", "41"),
        ("non\u2011breaking", "non-breaking"),
        ("\U000e0041\U000e0042", "AB"),
        ("naïve café 日本", "naïve café 日本"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_what_a_text_folds_to(text: str, expected: str) -> None:
    assert fold(text).text == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r'{"a":"x\u0040y"}', '{"a":"x@y"}'),
        (r"line\nnext\\n", "line\nnext\\n"),
        (r"cut \u00", "cut "),
        ("cut \\", "cut "),
        ("whole \\\\", "whole \\"),
        (r"half \ud83d", "half \ufffd"),
    ],
)
def test_escapes_of_json_are_one_character(source: str, expected: str) -> None:
    assert fold(source, json=True).text == expected


@given(st.lists(ALPHABET, max_size=20), st.lists(ALPHABET, max_size=20))
def test_the_fold_of_two_texts_is_the_fold_of_each(one: list[str], two: list[str]) -> None:
    first, second = "".join(one), "".join(two)

    assert fold(first).text + fold(second).text == fold(first + second).text


@given(st.lists(ALPHABET, max_size=30))
def test_places_lead_back_to_what_was_folded(characters: list[str]) -> None:
    source = orjson.dumps("".join(characters)).decode()
    for text, json in (("".join(characters), False), (source, True)):
        folded = fold(text, json=json)
        for place in range(len(folded.text)):
            start, stop = folded.origin(place), folded.end(place + 1)
            assert fold(text[start:stop], json=json).text == folded.text[place]
