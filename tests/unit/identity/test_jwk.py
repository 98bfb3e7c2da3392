"""A key's type decides what it may verify, and a key set cannot bring a secret."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from gateway.identity.jwk import KEYS_MAX, read_key_set, secret_key
from tests.tokens import ALGORITHMS, Signer, b64

RSA_ONLY = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
EVERY = [*RSA_ONLY, "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512", "none", "ES256K"]


def algorithms_of(*jwks: Any) -> list[set[str]]:
    try:
        keys = read_key_set({"keys": list(jwks)})
    except ValueError:
        return []
    return [{algorithm for algorithm in EVERY if key.fits(algorithm)} for key in keys]


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RSA", RSA_ONLY),
        ("ES256", {"ES256"}),
        ("ES384", {"ES384"}),
        ("ES512", {"ES512"}),
        ("EdDSA", {"EdDSA"}),
    ],
)
def test_each_type_has_its_algorithms(kind: Any, algorithms: set[str]) -> None:
    assert algorithms_of(Signer("k", kind).jwk) == [algorithms]


def test_a_key_that_names_its_algorithm_has_no_other() -> None:
    assert algorithms_of({**Signer().jwk, "alg": "PS256"}) == [{"PS256"}]
    assert algorithms_of({**Signer().jwk, "alg": "HS256"}) == []
    assert algorithms_of({**Signer().jwk, "alg": ["RS256"]}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"kty": "oct", "k": b64(b"x" * 32)},
        {"kty": "RSA2"},
        {"kty": None},
        {"n": None},
        {"n": "!"},
        {"n": ""},
        {"e": "AA"},
        {"kid": 7},
    ],
)
def test_what_is_no_usable_key_is_left_out(change: dict[str, Any]) -> None:
    bad = {**Signer().jwk, **change}
    good = Signer("good", "ES256").jwk

    assert algorithms_of(bad) == []
    assert algorithms_of(bad, good) == [{"ES256"}]


@pytest.mark.parametrize("entry", [None, 1, "k", [], {}])
def test_what_is_no_key_at_all_is_left_out(entry: Any) -> None:
    assert algorithms_of(entry) == []


@pytest.mark.parametrize("bits", [1024, 10_240])
def test_rsa_keys_of_an_odd_size_are_left_out(bits: int) -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << bits) - 1)
    jwk = RSAAlgorithm.to_jwk(numbers.public_key(), as_dict=True)
    jwk.pop("key_ops")

    assert algorithms_of(jwk) == []


@pytest.mark.parametrize("curve", ["P-384", "secp256k1", "P-256K", 1, None])
def test_a_point_is_read_on_its_own_curve_only(curve: Any) -> None:
    assert algorithms_of({**Signer("k", "ES256").jwk, "crv": curve}) == []


def test_a_point_that_is_not_on_the_curve_is_left_out() -> None:
    assert algorithms_of({**Signer("k", "ES256").jwk, "x": b64(b"\1" * 32)}) == []


def test_the_private_part_is_not_read() -> None:
    """`d` is nonsense here, and does not matter."""
    assert algorithms_of({**Signer().jwk, "d": "AQAB", "p": "x"}) == [RSA_ONLY]


def test_a_set_is_read_up_to_a_bound() -> None:
    jwk = Signer("k", "ES256").jwk

    assert len(read_key_set({"keys": [jwk] * (KEYS_MAX + 5)})) == KEYS_MAX


@pytest.mark.parametrize("key_set", [{}, {"keys": {}}, {"keys": None}, {"keys": []}])
def test_what_is_no_set_is_an_error(key_set: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JWK set"):
        read_key_set(key_set)


def test_a_signature_of_another_algorithm_does_not_hold() -> None:
    signer = Signer()
    (key,) = read_key_set({"keys": [signer.jwk]})
    signature = ALGORITHMS["RS256"].sign(b"message", signer.key)

    assert key.verifies("RS256", b"message", signature)
    assert not key.verifies("RS256", b"another", signature)
    for algorithm in ("RS512", "PS256", "HS256", "none", ""):
        assert not key.verifies(algorithm, b"message", signature)
    for broken in (b"", b"x", signature[:-1], signature + b"x"):
        assert not key.verifies("RS256", b"message", broken)


def test_a_secret_needs_32_bytes() -> None:
    assert secret_key(b"x" * 32).fits("HS256")
    with pytest.raises(ValueError, match="fewer than 32 bytes"):
        secret_key(b"x" * 31)
