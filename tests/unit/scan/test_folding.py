"""What grows and is let go of folds to what the whole text folds to, and its places lead back."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.fold import fold
from gateway.scan.folding import Folding

ALPHABET = st.sampled_from(
    [*'ab1@\\n"{', "\u200b", "\u200b" * 9, "\uff41", "é", "\u0663", "\U000e0041", "日", "\ud83d"]
)


@given(st.data())
def test_pieces_fold_to_what_the_whole_folds_to(data: st.DataObject) -> None:
    said = "".join(data.draw(st.lists(ALPHABET, max_size=20)))
    json = data.draw(st.booleans()) and "\ud83d" not in said
    text = orjson.dumps(said).decode().replace("\u200b", r"\u200b") if json else said
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    folding = Folding()
    gone = folded_gone = 0
    for start, stop in pairwise([0, *cuts, len(text)]):
        folding.add(text[start:stop], json=json)
        whole = fold(text[:stop], json=json)
        assert folding.text == whole.text[folded_gone:]
        assert folding.size == stop - gone
        for place in range(len(folding.text) + 1):
            assert folding.origin(place) + gone == whole.origin(folded_gone + place)
            if place:
                assert folding.end(place) + gone == whole.end(folded_gone + place)
        assert folding.end(0) == 0
        place = data.draw(st.integers(0, len(folding.text)))
        size = data.draw(st.sampled_from([folding.end, folding.origin]))(place)
        folding.let_go(place, size)
        gone, folded_gone = gone + size, folded_gone + place


@pytest.mark.parametrize(
    ("text", "grew"), [("a", True), ("\u200b", False), ("", False), ("\u200ba", True)]
)
def test_it_tells_whether_anything_visible_came(text: str, grew: bool) -> None:
    assert Folding().add(text, json=False) is grew


def test_an_escape_that_is_cut_waits_for_its_rest() -> None:
    folding = Folding()

    assert not folding.add("\\u00", json=True)
    assert (folding.text, folding.size) == ("", 4)
    assert folding.add("40", json=True)
    assert (folding.text, folding.size, folding.origin(1)) == ("@", 6, 6)
