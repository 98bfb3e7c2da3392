"""Where a card may begin: never left out where RE2 and the validator would accept one."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.library.cards import may_begin
from gateway.scan.library.payment import NATIVE, CardCheck, is_card, payment_patterns
from gateway.scan.patterns import ReadyPattern
from gateway.scan.re2_body import Re2Body

FRAGMENTS = [
    "4111 ", "1111 ", "1111-", "5500", "0000", "0004", "3782 822463 10005 ", "x", ". ", "card ",
    "é", "6011 0009 9013 9424", " 60", "4111111111111111", " ", "-", ".", "card no. 79927398713",
    "2200 0000 0000 0004", "1800", "6304000000000000", "٤", "_",
]  # fmt: skip


@cache
def bodies() -> list[Re2Body]:
    return [ReadyPattern(p).re2_body() for p in payment_patterns() if p.kind == "card"]


TEXTS = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.from_regex(r"\A[0-9]{4,19}\Z")), max_size=8
).map("".join)


@pytest.mark.skipif(not NATIVE, reason="this build has no C")
@settings(max_examples=1000, deadline=None)
@given(st.one_of(TEXTS, st.text("0123456789 -.a", max_size=60)))
def test_both_forms_tell_the_same_places(text: str) -> None:
    data = text.encode("utf-8", "replace")
    assert list(CardCheck().screen(data)) == list(may_begin(data))


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_no_card_is_left_out(text: str) -> None:
    data = text.encode()
    told = set(may_begin(data))
    for body in bodies():
        place = 0
        while place < len(data):
            (whole, _), (start, stop) = body.search(data, place, len(data))[:2]
            if whole < 0:
                break
            before = data[:start].decode()
            if is_card(data[start:stop].decode(), before[-48:]):
                assert start in told
            place = start + 1


def test_groups_whose_check_digit_is_wrong_are_told_without_a_look() -> None:
    assert list(may_begin(b"4111 " * 1000)) == []
    assert list(may_begin(b"1" * 1000)) == []
    assert list(may_begin(b"4111 1111 1111 1111, x 5500-0055-5555-5559")) == [0, 23]
