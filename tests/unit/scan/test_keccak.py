"""Both forms of the hash are the same; where the gateway is not compiled there is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.library.wallets import NATIVE, eip55, keccak256


@pytest.mark.skipif(not NATIVE, reason="not compiled")
@given(st.binary(max_size=600) | st.integers(130, 142).map(bytes))
def test_both_forms_are_the_same(data: bytes) -> None:
    from gateway.scan import _keccak  # noqa: PLC0415  # only in a compiled build

    assert _keccak.keccak256(data) == keccak256(data)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        # The examples of EIP-55.
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", True),
        ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", True),
        ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d35A", False),
        ("0x52908400098527886E0F7030069857D2E4169EE7", True),
        ("0xde709f2102306220921060314715629080e2fb77", True),
    ],
)
def test_mixed_case_spells_the_checksum(address: str, is_one: bool) -> None:
    assert eip55(address, "") is is_one
