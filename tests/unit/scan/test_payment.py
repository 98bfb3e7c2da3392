"""An IBAN is told as ISO 13616 has it: one number of all characters, by 97."""

from __future__ import annotations

from random import Random
from string import ascii_letters, digits

from gateway.scan.library.payment import _IBAN_LENGTHS, NATIVE, is_iban, may_be_iban


def test_an_iban_leaves_one_by_97() -> None:
    random, found = Random(1), set()  # noqa: S311  # the same in every run
    for _ in range(4000):
        country = random.choice(list(_IBAN_LENGTHS))
        letters = digits + random.choice(["", ascii_letters, "\uff11\u0663"])
        size = _IBAN_LENGTHS[country] - 4
        body = "".join(random.choice(letters) for _ in range(size))
        rest = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
        check = 98 - rest if random.random() < 0.5 else random.randint(0, 99)
        value = f"{country}{check:02}{body}"
        expected = (rest + check) % 97 == 1
        assert is_iban(value, "") == expected, value
        spaced = " ".join(value[at : at + 4] for at in range(0, len(value), 4))
        assert is_iban(spaced.lower(), "") == expected
        assert may_be_iban(value) or not expected
        found.add(expected)
    assert found == {True, False}


def test_an_iban_is_turned_down_by_its_country_and_its_rest() -> None:
    assert may_be_iban("de89 3704-0044 0532 0130 00")
    assert not may_be_iban("DE89370400440532013001") or not NATIVE
    assert not may_be_iban("QQ89370400440532013000")
    assert may_be_iban("DE89370400440532013000" + "0" * 60)
    assert may_be_iban("DE\uff18\uff19370400440532013000")
