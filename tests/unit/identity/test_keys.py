from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.keys import (
    ALPHABET,
    KEY_CHARACTERS,
    KEY_PREFIX,
    TOKEN_CHARACTERS,
    TOKEN_PREFIX,
    base62,
    hint_of,
    is_well_formed,
    make_hasher,
    make_id,
    mint,
)


def test_a_key_has_the_documented_form() -> None:
    """Secret scanners are given this expression (docs/concepts/identity.md)."""
    for _ in range(200):
        assert re.fullmatch(r"sg_[0-9A-Za-z]{49}", mint(KEY_PREFIX))
        assert re.fullmatch(r"sga_[0-9A-Za-z]{49}", mint(TOKEN_PREFIX))
    assert len(mint(KEY_PREFIX)) == KEY_CHARACTERS
    assert len(mint(TOKEN_PREFIX)) == TOKEN_CHARACTERS


def test_no_two_keys_are_alike() -> None:
    assert len({mint(KEY_PREFIX) for _ in range(1000)}) == 1000


def test_a_made_key_is_well_formed_and_a_mistyped_one_is_not() -> None:
    key = mint(KEY_PREFIX)
    assert is_well_formed(KEY_PREFIX, key)
    for index in range(3, len(key)):
        other = "a" if key[index] != "a" else "b"
        assert not is_well_formed(KEY_PREFIX, key[:index] + other + key[index + 1 :])


def test_one_kind_of_secret_is_not_the_other() -> None:
    assert not is_well_formed(KEY_PREFIX, mint(TOKEN_PREFIX))
    assert not is_well_formed(TOKEN_PREFIX, mint(KEY_PREFIX))


@given(st.text(max_size=80))
def test_no_text_breaks_the_check_of_the_form(text: str) -> None:
    assert is_well_formed(KEY_PREFIX, text) is False
    assert is_well_formed(KEY_PREFIX, KEY_PREFIX + text) is False


@given(st.integers(0, 2**256 - 1))
def test_every_secret_fits_its_length(number: int) -> None:
    value = 0
    for character in base62(number, 43):
        value = value * 62 + ALPHABET.index(character)
    assert value == number


def test_the_hash_depends_on_the_pepper_and_the_whole_secret() -> None:
    key = mint(KEY_PREFIX)
    one, other = make_hasher(b"a" * 32), make_hasher(b"b" * 32)

    assert one(key) == one(key)
    assert one(key) != other(key)
    assert one(key) != one(key[:-1])
    assert len(one(key)) == 32


def test_a_hint_shows_the_prefix_and_four_characters() -> None:
    assert hint_of("sg_ABCDefgh") == "sg_ABCD"
    assert hint_of("sga_ABCDefgh") == "sga_ABCD"


def test_later_ids_sort_after_earlier_ones() -> None:
    made = [make_id("key", 1_700_000_000 + at) for at in (0, 0.001, 1, 100_000, 10**9)]

    assert made == sorted(made)
