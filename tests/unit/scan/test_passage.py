"""A passage stands where numpy finds its words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.alphabet import folded
from gateway.scan.classifier import Strongest, load
from gateway.scan.ngrams import word_places
from gateway.scan.passage import place
from tests.unit.scan.test_sweep import GLUED, TEXTS


@settings(deadline=None)
@given(TEXTS | GLUED | st.text(max_size=200), st.integers(0, 30), st.integers(1, 30))
def test_a_window_stands_where_numpy_finds_its_words(text: str, first: int, words: int) -> None:
    starts, stops = word_places(text)
    found = place(folded().kind, text, first, words)
    assert load().place(text, Strongest(0.0, first, words)) == found

    if first < len(starts):
        assert found == (starts[first], stops[min(first + words, len(stops)) - 1])
    else:
        assert found == (0, 0)
