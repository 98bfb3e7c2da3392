"""Commitments by the processor's own instructions and by hashlib are the same."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.receipts.commitment import (
    NATIVE,
    NATIVE_BYTES_MAX,
    commit_with,
    digest,
    salt,
)

needs_native = pytest.mark.skipif(not NATIVE, reason="not compiled, or no instructions for SHA-256")
# Of every length around the ends of the blocks of 64 bytes, and around what goes to hashlib.
BODIES = st.binary(max_size=300) | st.integers(NATIVE_BYTES_MAX - 70, NATIVE_BYTES_MAX + 70).map(
    bytes
)


@given(secret=st.binary(max_size=80), label=st.text(max_size=80), body=BODIES)
@example(secret=b"", label="request_received", body=b"")
def test_a_commitment_is_the_hash_of_salt_and_body(secret: bytes, label: str, body: bytes) -> None:
    salted = hmac.digest(secret, label.encode(), "sha256") if secret else b""

    assert commit_with(secret, label, body) == hashlib.sha256(salted + body).hexdigest()


@given(BODIES)
def test_a_digest_is_sha256_in_hex(data: bytes) -> None:
    assert digest(data) == hashlib.sha256(data).hexdigest()


@needs_native
@given(st.binary(max_size=64), st.text(max_size=80), st.binary(max_size=600))
def test_the_native_form_is_the_same(secret: bytes, label: str, body: bytes) -> None:
    from gateway.receipts import _commitment  # noqa: PLC0415  # only in a compiled build

    assert salt(secret, label) == hmac.digest(secret, label.encode(), "sha256")
    assert _commitment.salt(secret, label) == salt(secret, label)
    assert _commitment.digest(body) == hashlib.sha256(body).hexdigest()


@needs_native
def test_the_native_form_takes_what_it_is_for_and_nothing_else() -> None:
    from gateway.receipts import _commitment  # noqa: PLC0415  # only in a compiled build

    with pytest.raises(TypeError, match="at most 64 bytes"):
        _commitment.salt(bytes(65), "entry")
    with pytest.raises(TypeError, match="a label"):
        _commitment.commit(b"", b"entry", b"")  # type: ignore[arg-type]  # what it refuses
    with pytest.raises(TypeError, match="is bytes"):
        _commitment.digest("text")  # type: ignore[arg-type]  # what it refuses
    with pytest.raises(UnicodeEncodeError):
        _commitment.salt(b"s", "\ud800")
