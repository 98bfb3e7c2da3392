"""For every text: normalising twice is normalising once, and places lead back into the original."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.injection import judge
from gateway.scan.ngrams import grams
from gateway.scan.normalise import normalise, undisguised
from gateway.scan.views import views

TRICKY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("aіеﬁ\u200b\u0301\ufdfa\U000e0061𝐚ａ %\\u&;0123"),  # the subject
    ),
    max_size=60,
)
SECONDS_PER_MB_MAX = 20.0
"""Far above what is needed and far below what anything quadratic would take."""


@given(TRICKY)
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text).text

    assert normalise(once).text == once


@given(TRICKY)
def test_the_plain_form_says_the_same(text: str) -> None:
    """On a compiled build this compares C with Python."""
    assert normalise(text).text == undisguised(text)


@given(TRICKY)
def test_every_place_leads_back(text: str) -> None:
    found = normalise(text)
    places = [found.origin(at, at + 1) for at in range(len(found.text))]

    assert all(0 <= start < stop <= len(text) for start, stop in places)
    assert places == sorted(places)


@given(TRICKY)
def test_every_text_can_be_judged(text: str) -> None:
    for role in ("user", "tool"):
        found = judge(text, role)
        assert 0 <= found.score <= 1
        assert 0 <= found.start <= found.stop <= len(text)


@given(TRICKY)
def test_words_stand_where_the_grams_say(text: str) -> None:
    found = grams(text)

    assert len(found.hashes) == len(found.words) == sum(found.sizes)
    assert all(
        start < stop <= len(text) for start, stop in zip(found.starts, found.stops, strict=True)
    )


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "\u0301",
        "\u200b",
        "\ufdfa",
        "ignore all ",
        "%41",
        "&#65;",
        "\\u0041",
        "QUJD",
        "a-",
        "a ",
        "4a",
        "іa",
        "指",
        "01",
        "0100 ",
    ],  # the subject
)
def test_time_grows_with_the_text_and_not_faster(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    views(normalise(text).text)

    assert time.process_time() - started < SECONDS_PER_MB_MAX
