"""Keys that verify signatures. The key's type decides the algorithms, never the token.

So key confusion cannot happen: an RSA key has no way to verify an HMAC, and a secret is only ever
made from the configuration, never from a key set that was fetched.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jwt.algorithms import (
    Algorithm,
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
    RSAPSSAlgorithm,
)
from jwt.exceptions import PyJWTError

KEYS_MAX: Final = 100
"""Keys of one set that are read."""
RSA_BITS_MIN: Final = 2048
RSA_BITS_MAX: Final = 8192
"""A larger key costs more per signature than any issuer needs (16 384 bits: 2 ms)."""
SECRET_BYTES_MIN: Final = 32
"""RFC 7518 section 3.2: at least the size of the hash."""

_RSA: Final[dict[str, Algorithm]] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "PS384": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384),
    "PS512": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512),
}
# RFC 7518 section 3.4: each of these algorithms has one curve.
_EC: Final[dict[str, dict[str, Algorithm]]] = {
    "P-256": {"ES256": ECAlgorithm(ECAlgorithm.SHA256)},
    "P-384": {"ES384": ECAlgorithm(ECAlgorithm.SHA384)},
    "P-521": {"ES512": ECAlgorithm(ECAlgorithm.SHA512)},
}
_ED25519: Final[dict[str, Algorithm]] = {"EdDSA": OKPAlgorithm()}
_HMAC: Final[dict[str, Algorithm]] = {
    "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
    "HS384": HMACAlgorithm(HMACAlgorithm.SHA384),
    "HS512": HMACAlgorithm(HMACAlgorithm.SHA512),
}
HMAC_ALGORITHMS: Final = frozenset(_HMAC)


class VerificationKey:
    """One key with the algorithms that its type has."""

    __slots__ = ("_algorithms", "_key", "kid")

    def __init__(self, kid: str | None, key: Any, algorithms: Mapping[str, Algorithm]) -> None:
        self.kid = kid
        self._key = key
        self._algorithms = algorithms

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of this algorithm can be of this key."""
        return algorithm in self._algorithms

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`; False where the algorithm is not."""
        method = self._algorithms.get(algorithm)
        if method is None:
            return False
        try:
            return method.verify(message, self._key, signature)
        except (PyJWTError, ValueError):
            return False


def secret_key(secret: bytes) -> VerificationKey:
    """A shared secret as a key. Raises ValueError where it is shorter than 32 bytes."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret has fewer than {SECRET_BYTES_MIN} bytes")
    return VerificationKey(None, secret, _HMAC)


def read_key_set(key_set: Mapping[str, Any]) -> tuple[VerificationKey, ...]:
    """The keys of a JWK set (RFC 7517 section 5) that can verify signatures here.

    RFC 7517 section 5: keys of unknown types, and keys that lack something, are left out. Raises
    ValueError where none is left.
    """
    listed = key_set.get("keys")
    if not isinstance(listed, list):
        raise ValueError("it is not a JWK set: there is no list of keys")  # noqa: TRY004  # as all else
    keys = tuple(_usable(listed[:KEYS_MAX]))
    if not keys:
        raise ValueError("the JWK set holds no key that can verify a signature")
    return keys


def _usable(listed: list[Any]) -> Iterator[VerificationKey]:
    for jwk in listed:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
            continue
        operations = jwk.get("key_ops", ["verify"])
        if not isinstance(operations, list) or "verify" not in operations:
            continue
        try:
            key, algorithms = _public_key(jwk)
        except (PyJWTError, ValueError, TypeError, KeyError, binascii.Error):
            continue
        named = jwk.get("alg")
        if named is not None:
            # A key that names its algorithm is for no other (RFC 7517 section 4.4).
            algorithms = {name: algorithms[name] for name in algorithms if name == named}
        kid = jwk.get("kid")
        if algorithms and (kid is None or isinstance(kid, str)):
            yield VerificationKey(kid, key, algorithms)


def _public_key(jwk: dict[str, Any]) -> tuple[Any, Mapping[str, Algorithm]]:
    """The public part alone: what is private in a set, or points elsewhere, is not read."""
    kty = jwk.get("kty")
    if kty == "RSA":
        key: Any = RSAAlgorithm.from_jwk({"kty": kty, "n": jwk["n"], "e": jwk["e"]})
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise ValueError("the size of the RSA key")
        return key, _RSA
    if kty == "EC":
        curve = jwk["crv"]
        algorithms = _EC[curve]
        return ECAlgorithm.from_jwk(_only(jwk, "kty", "crv", "x", "y")), algorithms
    if kty == "OKP" and jwk["crv"] == "Ed25519":
        return OKPAlgorithm.from_jwk(_only(jwk, "kty", "crv", "x")), _ED25519
    raise ValueError("the type of the key")


def _only(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: jwk[name] for name in names}
