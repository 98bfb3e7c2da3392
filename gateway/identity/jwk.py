"""Keys that verify signatures. The key's type decides the algorithms, never the token.

So key confusion cannot happen: an RSA key has no way to verify an HMAC, and a secret is only ever
made from the configuration, never from a key set that was fetched.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

KEYS_MAX: Final = 100
"""Keys of one set that are read."""
RSA_BITS_MIN: Final = 2048
RSA_BITS_MAX: Final = 8192
"""A larger key costs more per signature than any issuer needs (16 384 bits: 2 ms)."""
SECRET_BYTES_MIN: Final = 32
"""RFC 7518 section 3.2: at least the size of the hash."""

HMAC_ALGORITHMS: Final = frozenset({"HS256", "HS384", "HS512"})


class _Families(NamedTuple):
    """The algorithms of each type of key."""

    rsa: dict[str, Algorithm]
    ec: dict[str, dict[str, Algorithm]]
    ed25519: dict[str, Algorithm]
    hmac: dict[str, Algorithm]


@cache
def _families() -> _Families:
    """Loaded with the first key, so that a process without tokens carries no cryptography."""
    from jwt import algorithms as a  # noqa: PLC0415  # said above

    return _Families(
        rsa={
            "RS256": a.RSAAlgorithm(a.RSAAlgorithm.SHA256),
            "RS384": a.RSAAlgorithm(a.RSAAlgorithm.SHA384),
            "RS512": a.RSAAlgorithm(a.RSAAlgorithm.SHA512),
            "PS256": a.RSAPSSAlgorithm(a.RSAPSSAlgorithm.SHA256),
            "PS384": a.RSAPSSAlgorithm(a.RSAPSSAlgorithm.SHA384),
            "PS512": a.RSAPSSAlgorithm(a.RSAPSSAlgorithm.SHA512),
        },
        # RFC 7518 section 3.4: each of these algorithms has one curve.
        ec={
            "P-256": {"ES256": a.ECAlgorithm(a.ECAlgorithm.SHA256)},
            "P-384": {"ES384": a.ECAlgorithm(a.ECAlgorithm.SHA384)},
            "P-521": {"ES512": a.ECAlgorithm(a.ECAlgorithm.SHA512)},
        },
        ed25519={"EdDSA": a.OKPAlgorithm()},
        hmac={
            "HS256": a.HMACAlgorithm(a.HMACAlgorithm.SHA256),
            "HS384": a.HMACAlgorithm(a.HMACAlgorithm.SHA384),
            "HS512": a.HMACAlgorithm(a.HMACAlgorithm.SHA512),
        },
    )


def load() -> None:
    """Loads what verifies signatures; takes long enough to be called away from a serving loop."""
    _families()


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
        from jwt.exceptions import PyJWTError  # noqa: PLC0415  # loaded with the key

        try:
            return method.verify(message, self._key, signature)
        except (PyJWTError, ValueError):
            return False


def secret_key(secret: bytes) -> VerificationKey:
    """A shared secret as a key. Raises ValueError where it is shorter than 32 bytes."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret has fewer than {SECRET_BYTES_MIN} bytes")
    return VerificationKey(None, secret, _families().hmac)


def read_key_set(key_set: Mapping[str, Any]) -> tuple[VerificationKey, ...]:
    """The keys of a JWK set (RFC 7517 section 5) that can verify signatures here.

    RFC 7517 section 5: keys of unknown types, and keys that lack something, are left out. Raises
    ValueError where none is left.
    """
    listed = key_set.get("keys")
    if not isinstance(listed, list):
        raise ValueError("it is not a JWK set: there is no list of keys")  # noqa: TRY004  # callers treat every bad answer alike
    keys = tuple(_usable(listed[:KEYS_MAX]))
    if not keys:
        raise ValueError("the JWK set holds no key that can verify a signature")
    return keys


def _usable(listed: list[Any]) -> Iterator[VerificationKey]:
    from jwt.exceptions import PyJWTError  # noqa: PLC0415  # loaded with the first key

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
    families, kty = _families(), jwk.get("kty")
    if kty == "RSA":
        algorithm = families.rsa["RS256"]
        key: Any = algorithm.from_jwk(_only(jwk, "kty", "n", "e"))
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise ValueError("the size of the RSA key")
        return key, families.rsa
    if kty == "EC":
        curve = families.ec[jwk["crv"]]
        return next(iter(curve.values())).from_jwk(_only(jwk, "kty", "crv", "x", "y")), curve
    if kty == "OKP" and jwk["crv"] == "Ed25519":
        ed25519 = families.ed25519
        return ed25519["EdDSA"].from_jwk(_only(jwk, "kty", "crv", "x")), ed25519
    raise ValueError("the type of the key")


def _only(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: jwk[name] for name in names}
