"""What C turns down as a telephone number, the validator would, with what stands before it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugin.pattern import BEFORE_CHARACTERS
from gateway.scan.expression import parse
from gateway.scan.library import contact
from gateway.scan.library.contact import NATIVE, PhoneCheck, contact_patterns
from tests.expression_texts import spelled

pytestmark = pytest.mark.skipif(not NATIVE, reason="this build has no C")

PHONES = [p for p in contact_patterns() if isinstance(p.validator, PhoneCheck)]
TREES = [parse(pattern.expression) for pattern in PHONES]
DATES = [
    "2024-01-02", "2024/12/31 10", "1999.13.01", "31/12/1999", "1.1.90", "10.0.0.1", "12.5",
    "2019-2020", "2019 / 20", "1850-20", "2024 01 32", "123.45.67.890", "0.1.2.3.4", "00-01-2000",
    "1.2.3.4.5.6.7.8.9.10", "2024-01-02 1", "1234.5.6.7",
]  # fmt: skip
NUMBERS = [
    "020 7946 0018", "0207946001", "02079460018", "+49 30 901820", "+1", "2025550143",
    "1-202-555-0143", "(202) 555-0143", "202.555.0143 ext. 12", "111 111 1111", "1234567",
    "6.887.622-8", "96.024.448/9901-41", "1805312446074", "0123456789012345", "3 e4 x5 1234567",
]  # fmt: skip
BEFORE = [
    "tel", "tel. ", "ſms ", "call", "Phone", "电话", "тел", "order no. ", "$", "€", "£", "#", "is ",
    " ", ", ", "1", "\n", "ab", "a", "é", "ü ü", "\U0001f600", "٣", "-" * 31, "\u00e9" * 50, "?",
]  # fmt: skip


def told(before: str, value: str) -> bool:
    within = PhoneCheck().within
    assert within is not None
    data = (before + value + " tel 1234567").encode("utf-8", "replace")
    start = len(before.encode("utf-8", "replace"))
    return within(data, start, start + len(value))


def check(before: str, value: str) -> None:
    near = before[-BEFORE_CHARACTERS:]
    if not told(before, value):
        assert not PhoneCheck()(value, near)
    elif not PhoneCheck()(value, near):
        # What is left to the validator: codes of countries, and what says that it is none.
        assert value.startswith("+") or (contact._has_word(near) and contact._NOT_PHONE(near))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(BEFORE), max_size=6).map("".join),
    st.one_of(
        st.sampled_from(DATES + NUMBERS),
        st.from_regex(r"\A[\d+(][\d ().\-/]{5,24}\d(?: ?(?:x|ext\.? ?)\d{1,6})?\Z").filter(
            str.isascii
        ),
        st.lists(st.sampled_from(["19", "2024", "12", "3", ".", "-", "/", " ", "\t", "x"])).map(
            lambda parts: "1" + "".join(parts) + "2"
        ),
    ),
)
def test_what_is_turned_down_would_be(before: str, value: str) -> None:
    check(before, value)


def test_what_the_expressions_match_is_told_alike() -> None:
    random = Random(1)  # noqa: S311  # the same in every run
    for _ in range(3000):
        before = "".join(random.choices(BEFORE, k=random.randint(0, 4)))
        check(before, spelled(random.choice(TREES), random, random.choice((0, 6))))


@pytest.mark.parametrize("value", DATES)
def test_dates_and_versions_are_told_by_their_groups(value: str) -> None:
    assert told("", value) is PhoneCheck()(value, "")


def test_only_what_stands_in_the_text_is_looked_at() -> None:
    within = PhoneCheck().within
    assert within is not None
    for places in ((-1, 3), (3, 3), (0, 9)):
        with pytest.raises(ValueError, match="no value stands there"):
            within(b"12345678", *places)
    with pytest.raises(TypeError):
        within("12345678", 0, 8)  # type: ignore[arg-type]  # refused
