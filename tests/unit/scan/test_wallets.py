"""Addresses are told as the plain way of their specifications tells them."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from gateway.scan.library.wallets import base58check, bech32, eip55, keccak256

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def plain_base58check(value: str) -> bool:
    number = 0
    for character in value:
        number = number * 58 + BASE58.index(character)
    if number >= 256**25:
        return False
    data = number.to_bytes(25, "big")
    return sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def checksum(numbers: list[int]) -> int:
    check = 1
    for number in numbers:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ number
        for bit in range(5):
            check ^= GENERATOR[bit] if (top >> bit) & 1 else 0
    return check


def bech32_address(human: str, data: str, total: int) -> str:
    """With the check that makes this total."""
    expanded = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human]
    check = checksum([*expanded, *(BECH32.index(c) for c in data), *[0] * 6]) ^ total
    return f"{human}1{data}" + "".join(BECH32[check >> 5 * (5 - i) & 31] for i in range(6))


def test_base58_is_decoded_as_one_number() -> None:
    random, found = Random(1), set()  # noqa: S311  # the same in every run
    for round_ in range(3000):
        data = bytes([random.choice([0, 5])]) + random.randbytes(20)
        number = int.from_bytes(data + sha256(sha256(data).digest()).digest()[:4])
        text = ""
        while number:
            number, place = divmod(number, 58)
            text = BASE58[place] + text
        if round_ % 3 == 0:
            text = "".join(random.choice(BASE58) for _ in range(random.randint(20, 36)))
        value = random.choice(["", "1", "11", "3"]) + text
        expected = plain_base58check(value)
        assert base58check(value, "") == expected, value
        found.add(expected)
    assert found == {True, False}


@pytest.mark.parametrize("value", ["z" * 35, "3" * 60, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN0", "1é"])
def test_what_is_too_large_or_no_base58_is_no_address(value: str) -> None:
    assert not base58check(value, "")


@pytest.mark.parametrize("total", [1, 0x2BC830A3, 2, 0])
@pytest.mark.parametrize("human", ["bc", "tb", "a1b"])
def test_bech32_has_one_of_two_totals(human: str, total: int) -> None:
    random = Random(total)  # noqa: S311  # the same in every run
    for size in range(60):
        data = "".join(random.choice(BECH32) for _ in range(size))
        value = bech32_address(human, data, total)
        expected = total in {1, 0x2BC830A3}
        assert bech32(value, "") is expected
        assert bech32(value.upper(), "") is expected
        assert not bech32(value[:-1] + ("q" if value[-1] == "p" else "p"), "") or not expected


@pytest.mark.parametrize(
    "value",
    [
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdQ",
        "bc1bar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "bc1éar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    ],
)
def test_mixed_case_and_other_letters_are_no_bech32(value: str) -> None:
    assert bech32("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "")
    assert not bech32(value, "")


def test_every_letter_of_mixed_case_is_looked_at() -> None:
    random = Random(2)  # noqa: S311  # the same in every run
    for _ in range(20):
        lower = random.randbytes(20).hex()
        digest = keccak256(lower.encode()).hex()
        spelt = "".join(
            c.upper() if int(d, 16) > 7 else c for c, d in zip(lower, digest, strict=False)
        )
        assert eip55("0x" + spelt, "")
        for place, letter in enumerate(spelt):
            changed = spelt[:place] + letter.swapcase() + spelt[place + 1 :]
            if letter.isalpha() and changed not in {changed.lower(), changed.upper()}:
                assert not eip55("0x" + changed, "")
