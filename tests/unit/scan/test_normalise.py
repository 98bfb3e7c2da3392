"""A text without its disguises, and the way back to what was written."""

from __future__ import annotations

import pytest

from gateway.scan.normalise import normalise

DISGUISED = {
    "full width": "ｉｇｎｏｒｅ　all",
    "look-alikes": "іgnоrе all",  # look-alikes are the subject
    "zero width": "ig\u200bno\u200dre all\ufeff",
    "combining marks": "i\u0336g\u0301n\u0308ore all",
    "mathematical": "𝐢𝐠𝐧𝐨𝐫𝐞 all",
    "tag characters": "".join(chr(0xE0000 + ord(char)) for char in "ignore all"),
}


@pytest.mark.parametrize("text", DISGUISED.values(), ids=DISGUISED.keys())
def test_a_disguise_is_undone(text: str) -> None:
    assert normalise(text).text == "ignore all"


@pytest.mark.parametrize("text", ["привет, мир", "ignore all", "指示", "Ελλάδα", "é"])
def test_honest_writing_stays(text: str) -> None:
    assert normalise(text).text == text


def test_ascii_is_returned_as_it_is() -> None:
    text = "plain text"

    assert normalise(text).text is text


def test_a_place_leads_back_to_the_original() -> None:
    """A ligature stands for two characters and a zero-width space for none."""
    found = normalise("\u200bﬁne \u200bday")

    assert found.text == "fine day"
    assert found.origin(0, 4) == (1, 4)
    assert found.original[slice(*found.origin(5, 8))] == "day"


def test_long_expansions_keep_their_places() -> None:
    found = normalise("a\ufdfab")

    assert found.text.startswith("a")
    assert found.text.endswith("b")
    assert found.origin(len(found.text) - 1, len(found.text)) == (2, 3)


def test_lone_surrogates_pass() -> None:
    assert normalise("\ud800é").text == "\ud800é"
