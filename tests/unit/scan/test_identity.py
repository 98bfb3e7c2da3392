"""Singapore's check letter, and tables that are read before they are needed."""

from __future__ import annotations

from random import Random
from string import ascii_uppercase

import pytest

from gateway.scan.library.identity import _HETU_NUMBER, _NRIC, identity_patterns, is_hetu, is_nric

LETTERS = {"S": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "M": "KLJNPQRTUWX"}


def check_letter(kind: str, number: str) -> str:
    total = sum(int(d) * w for d, w in zip(number, (2, 7, 6, 5, 4, 3, 2), strict=True))
    if kind == "M":
        return LETTERS["M"][10 - (total + 3) % 11]
    return LETTERS["S" if kind in "ST" else "F"][(total + (4 if kind in "TG" else 0)) % 11]


def test_one_letter_is_right_for_a_number_of_singapore() -> None:
    random = Random(1)  # noqa: S311  # the same in every run
    for kind in "STFGM":
        for _ in range(100):
            number = f"{random.randrange(10**7):07}"
            right = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if is_nric(kind + number + c, "")]
            assert right == [check_letter(kind, number)]


def test_a_number_of_finland_is_told_alike_before_it_is_brought_out() -> None:
    random, found = Random(2), 0  # noqa: S311  # the same in every run
    for _ in range(20_000):
        date = f"{random.randint(0, 33):02}{random.randint(0, 14):02}{random.randint(0, 99):02}"
        sign = random.choice("-+ABCDEFUVWXY")
        last = random.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXY")
        value = f"{date}{sign}{random.randrange(1000):03}{last}"
        assert _HETU_NUMBER(value) == is_hetu(value, ""), value
        found += is_hetu(value, "")
    assert found > 100


def test_a_number_of_singapore_is_told_alike_before_it_is_brought_out() -> None:
    random = Random(3)  # noqa: S311  # the same in every run
    for _ in range(5000):
        value = (
            random.choice("STFGM")
            + f"{random.randrange(10**7):07}"
            + random.choice(ascii_uppercase)
        )
        assert _NRIC(value) or not is_nric(value, "")


def test_what_is_prepared_reads_no_table_with_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for pattern in identity_patterns():
        prepare = getattr(pattern.validator, "prepare", None)
        if prepare is not None:
            prepare()

    reads: list[object] = []
    monkeypatch.setattr("stdnum.numdb.read", reads.append)
    texts = {"cn-ric": "11010119900307803X", "id-nik": "3171011708450001", "us-ein": "04-2103594"}
    for pattern in identity_patterns():
        if pattern.name in texts and pattern.validator is not None:
            pattern.validator(texts[pattern.name], "")
    assert not reads
