"""A token has one spelling and one reading; see `attacks.py` for what is refused."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.compact import (
    TOKEN_BYTES_MAX,
    MalformedTokenError,
    looks_like_token,
    read_token,
)
from tests.tokens import Signer, assemble, b64, claims

GOOD = Signer("k", "EdDSA").sign(claims(0))


def test_a_token_is_taken_apart() -> None:
    token = read_token(GOOD.encode())

    assert (token.algorithm, token.kid, token.type) == ("EdDSA", "k", "jwt")
    assert token.claims == claims(0)
    assert token.signing_input == GOOD.rpartition(".")[0].encode()
    assert b64(token.signature) == GOOD.rpartition(".")[2]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("JWT", "jwt"),
        ("at+jwt", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        (None, "jwt"),
    ],
)
def test_the_type_is_read_as_media_types_are(written: str | None, read: str) -> None:
    header = {"alg": "EdDSA"} | ({"typ": written} if written is not None else {})
    token = read_token(assemble(orjson.dumps(header), b"{}", b"s").encode())

    assert token.type == read


@pytest.mark.parametrize(
    "text", [GOOD, "eyJhbGciOiJub25lIn0.e30.", "ewogICJhbGciOiAibm9uZSJ9.e30.x", "e30.e30.x"]
)
def test_tokens_look_like_tokens(text: str) -> None:
    assert looks_like_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-proj-abc",
        "sg_abc",
        "AIzaSyA.b.c",
        "ya29.a0Af.b",
        "eyJ",
        "eyJ.a",
        "eyJ.a.b.c",
        "eyJ a.b.c",
        "example.com.",
        "1.2.3",
    ],
)
def test_credentials_of_providers_do_not(text: str) -> None:
    assert not looks_like_token(text)


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_is_a_token_or_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedTokenError):
        read_token(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_no_changed_byte_leaves_the_same_token(place: int, byte: int) -> None:
    """Two spellings of one token would have two names in the memory of verified ones."""
    changed = bytearray(GOOD.encode())
    changed[place] = byte
    if bytes(changed) == GOOD.encode():
        return
    try:
        token = read_token(bytes(changed))
    except MalformedTokenError:
        return
    same = read_token(GOOD.encode())
    assert (token.signing_input, token.signature) != (same.signing_input, same.signature)


def test_the_limit_comes_before_everything() -> None:
    with pytest.raises(MalformedTokenError, match="larger than"):
        read_token(b"." * (TOKEN_BYTES_MAX + 1))
