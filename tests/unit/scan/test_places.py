"""Characters and bytes are told of one another, in C as in Python, in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.places import NATIVE, CountedPlaces, places_of

TEXTS = st.lists(
    st.sampled_from(["a", "é", "€", "\U0001f600", "ab" * 40, "é€" * 40, "\U0001f600" * 50])
).map("".join)
ASKED = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=12)


@settings(deadline=None)
@given(TEXTS, ASKED)
def test_each_is_told_of_the_other(text: str, asked: list[tuple[bool, float]]) -> None:
    data = text.encode()
    for places in (places_of(data), CountedPlaces(data)):
        for is_place, share in asked:
            number = round(share * len(text))
            byte = len(text[:number].encode())
            if is_place:
                assert places.character(byte) == number
            else:
                assert places.place(number) == byte


@pytest.mark.skipif(not NATIVE, reason="this build has no C")
def test_what_is_no_place_is_refused() -> None:
    from gateway.scan._places import Places  # noqa: PLC0415  # only in a compiled build

    places: Any = Places(b"abc")
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match="no place of this text"):
            places.character(wrong)
        with pytest.raises(ValueError, match="no place of this text"):
            places.place(wrong)
    with pytest.raises(TypeError):
        places.character("a")
    with pytest.raises(TypeError):
        Places("abc")  # type: ignore[arg-type]  # a text
    with pytest.raises(ValueError, match="made once"):
        places.__init__(b"abc")
    with pytest.raises(ValueError, match="no place of this text"):
        Places.__new__(Places).place(0)
