"""Signed tokens for tests: honest ones, and the pieces that dishonest ones are made of."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

ALGORITHMS = get_default_algorithms()
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
ISSUER = "https://id.example.com"
AUDIENCE = "sealgate"
Kind = Literal["RSA", "ES256", "ES384", "ES512", "EdDSA"]


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def assemble(header: bytes, payload: bytes, signature: bytes) -> str:
    """Three parts, whatever is in them."""
    return f"{b64(header)}.{b64(payload)}.{b64(signature)}"


@cache
def private_key(kind: Kind, number: int = 0) -> Any:
    """A key of its own for each number; RSA keys take time to make, so each is made once."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind]())


class Signer:
    """One key of an issuer."""

    def __init__(self, kid: str | None = "k1", kind: Kind = "RSA", number: int = 0) -> None:
        self.kid = kid
        self.algorithm = "RS256" if kind == "RSA" else kind
        self.key = private_key(kind, number)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JWK set lists it."""
        described = type(ALGORITHMS[self.algorithm]).to_jwk(self.key.public_key(), as_dict=True)
        jwk = {name: value for name, value in described.items() if name != "key_ops"}
        return {**jwk, "kid": self.kid, "use": "sig"} if self.kid is not None else jwk

    @property
    def pem(self) -> bytes:
        """The public key as PEM: what a confused verifier would take for a secret."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def header(self, **more: Any) -> dict[str, Any]:
        return {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **more}

    def sign(self, claims: Mapping[str, Any], algorithm: str = "", **header: Any) -> str:
        """A token with a signature that holds, whatever its claims and its header say."""
        named = self.header(**header)
        kept = {name: value for name, value in named.items() if value is not None}
        return self.seal(orjson.dumps(kept), orjson.dumps(claims), algorithm)

    def seal(self, header: bytes, payload: bytes, algorithm: str = "") -> str:
        """The same for bytes that need not be JSON."""
        signing_input = f"{b64(header)}.{b64(payload)}".encode()
        signature = ALGORITHMS[algorithm or self.algorithm].sign(signing_input, self.key)
        return assemble(header, payload, signature)


def key_set(*signers: Signer) -> dict[str, Any]:
    return {"keys": [signer.jwk for signer in signers]}


def hmac_token(secret: bytes, claims: Mapping[str, Any], **header: Any) -> str:
    """A token under HS256 with any bytes for a secret."""
    head = orjson.dumps({"alg": "HS256", "typ": "JWT", **header})
    signing_input = f"{b64(head)}.{b64(orjson.dumps(claims))}".encode()
    digest = hmac.new(secret, signing_input, hashlib.sha256).digest()
    return f"{signing_input.decode()}.{b64(digest)}"


def claims(now_s: float | None = None, **more: Any) -> dict[str, Any]:
    """Claims of a good token of an hour; None leaves one out."""
    now = int(time.time() if now_s is None else now_s)  # noqa: TID251  # what the issuer's clock says
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 3600, **more}
    return {name: value for name, value in made.items() if value is not None}
