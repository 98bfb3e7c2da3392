"""Of a number that stands for others, python-stdnum says what it says of each of them."""

from __future__ import annotations

from random import Random
from string import ascii_uppercase, digits

import pytest

from gateway.scan.library.alike import ALIKE
from gateway.scan.library.identity import _answer, _asked, _Checked
from gateway.scan.library.national import QUICK

SHAPES = {
    "id.nik": ["9999999999999999", "9999999902999999", "9999992902999999", "9999990101009999"],
    "in_.pan": ["AAAAA9999A", "AAAPA9999A", "AAAPA0000A", "AAAKA0000A"],
    "kr.brn": ["999-99-99999", "9999999999", "100-99-99999", "101-00-99999", "999-99-00009"],
    "us.ein": ["99-9999999"],
    "us.itin": ["999999999", "999799999"],
}
"""A 9 is any digit, an A any letter, except where the number must have that one."""


def drawn(shape: str, random: Random) -> str:
    kinds = {"9": digits, "A": ascii_uppercase}
    return "".join(random.choice(kinds.get(sign, sign)) for sign in shape)


def told(module: str, value: str) -> bool:
    return _Checked(module, named=True)(value, "")


@pytest.mark.parametrize("module", ALIKE)
def test_a_number_is_told_as_python_stdnum_does(module: str) -> None:
    random, found = Random(1), set()  # noqa: S311  # the same in every run
    for _ in range(1500):
        value = drawn(random.choice(SHAPES[module]), random)
        assert told(module, value) == _asked(module, value), value
        found.add(_asked(module, value))
    assert found == {True, False}


@pytest.mark.parametrize("module", ALIKE)
def test_in_another_form_it_stands_for_itself(module: str) -> None:
    random = Random(2)  # noqa: S311  # the same in every run
    for _ in range(300):
        letters = list(drawn(random.choice(SHAPES[module]), random))
        place = random.randrange(len(letters))
        letters[place] = random.choice(" -.:x\t\n\uff11\u0663\u2013\u00e9")
        value = "".join(letters)
        assert told(module, value) == _asked(module, value), value
        assert not ALIKE[module](value) or letters[place] == "-"


def test_a_number_of_indonesia_is_placed_by_its_province() -> None:
    for place in range(10_000):
        value = f"{place:04}00010100" + "0001"
        assert QUICK["id.nik"](value)
        assert _asked("id.nik", value) == _asked("id.nik", ALIKE["id.nik"](value))


def test_no_number_of_a_person_is_kept() -> None:
    like = ALIKE["us.itin"]("912701234")
    assert "1234" not in like
    _answer("us.itin", like)
    assert _answer.cache_info().maxsize == 1024
