"""Bodies come back as they were, open with their own key only, and stay readable for ever."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.bodies import DICTIONARY, LockedError, pack, unpack

KEY = bytes(range(32))
SECRET = bytes(reversed(range(32)))


@given(st.binary(max_size=5000), st.sampled_from([None, KEY]))
def test_what_was_packed_comes_back(receipt: bytes, key: bytes | None) -> None:
    assert unpack(pack(SECRET, receipt, key), key) == (SECRET, receipt)


@given(st.binary(max_size=200), st.data())
def test_a_locked_body_opens_with_its_own_key_and_unchanged_only(
    receipt: bytes, data: st.DataObject
) -> None:
    body = bytearray(pack(SECRET, receipt, KEY))
    for wrong in (None, bytes(32)):
        with pytest.raises(LockedError):
            unpack(bytes(body), wrong)
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LockedError):
        unpack(bytes(body), KEY)


@given(st.binary(max_size=300))
def test_noise_is_no_body(noise: bytes) -> None:
    with pytest.raises(LockedError):
        unpack(b"\x01" + noise, None)


def test_the_dictionary_of_format_one_never_changes() -> None:
    """A changed byte would make every body unreadable that was packed before."""
    digest = hashlib.sha256(DICTIONARY).hexdigest()

    assert digest == "8827de3c2a7c32a29af51dcc8853df1d923354116d8fd521b8a0ad9b97f80d4b"
