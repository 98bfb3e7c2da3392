"""Tokens that must never be accepted: one table for the unit tests and for a running gateway.

The honest issuer has an RSA key `k1` and a P-256 key `ec`. Each attack says the reason it must be
refused for and a part of the text that the client is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.reasons import Reason
from tests.tokens import ALGORITHMS, Signer, assemble, b64, claims, hmac_token

NOW_S = 1_800_000_000
HONEST = Signer()
HONEST_EC = Signer("ec", "ES256")
FORGER = Signer(number=1)

INVALID = Reason.CREDENTIAL_INVALID


@dataclass(frozen=True)
class ForgedToken:
    name: str
    forge: Callable[[dict[str, Any]], str]
    said: str
    reason: Reason = INVALID

    def make(self, now_s: float = NOW_S, **more: Any) -> str:
        return self.forge(claims(now_s, **more))


def _head(**fields: Any) -> bytes:
    return orjson.dumps({"alg": "RS256", "typ": "JWT", "kid": "k1", **fields})


def _sealed(header: bytes | None = None, payload: bytes | None = None) -> Callable[..., str]:
    """Signed by the honest key, so that only what is odd about it can be the reason."""
    return lambda good: HONEST.seal(header or _head(), payload or orjson.dumps(good))


def _with(**more: Any) -> Callable[[dict[str, Any]], str]:
    def forge(good: dict[str, Any]) -> str:
        changed = {name: value(good) if callable(value) else value for name, value in more.items()}
        return HONEST.sign({**good, **changed})

    return forge


def _without(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda good: HONEST.sign({key: value for key, value in good.items() if key != name})


def _raw(pattern: str, replacement: str) -> Callable[[dict[str, Any]], str]:
    """The payload as text with something replaced in it, signed."""

    def forge(good: dict[str, Any]) -> str:
        text = re.sub(pattern, replacement, orjson.dumps(good).decode(), count=1)
        return HONEST.seal(_head(), text.encode())

    return forge


def _parts(change: Callable[[list[str]], list[str]]) -> Callable[[dict[str, Any]], str]:
    return lambda good: ".".join(change(HONEST.sign(good).split(".")))


def _flip_last_bits(parts: list[str]) -> list[str]:
    """256 bytes end in a letter of which only the first two bits count: four spellings."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(parts[2][-1]) | 1]
    return [parts[0], parts[1], parts[2][:-1] + last]


def _inline_key(good: dict[str, Any]) -> str:
    return FORGER.sign(good, jwk=FORGER.jwk)


def _zero_signature(good: dict[str, Any]) -> str:
    header = orjson.dumps(HONEST_EC.header())
    return assemble(header, orjson.dumps(good), bytes(64))


def _order_signature(good: dict[str, Any]) -> str:
    """r and s are the order of the curve: zero for a verifier that reduces them first."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    header = orjson.dumps(HONEST_EC.header())
    return assemble(header, orjson.dumps(good), order.to_bytes(32) * 2)


def _wrong_curve(good: dict[str, Any]) -> str:
    """ES256 by a P-384 key that calls itself by the name of the honest one."""
    key = ec.generate_private_key(ec.SECP384R1())
    signing_input = f"{b64(orjson.dumps(HONEST_EC.header()))}.{b64(orjson.dumps(good))}".encode()
    return f"{signing_input.decode()}.{b64(ALGORITHMS['ES384'].sign(signing_input, key))}"


def _unsigned(algorithm: str, signature: bytes = b"") -> Callable[[dict[str, Any]], str]:
    return lambda good: assemble(_head(alg=algorithm), orjson.dumps(good), signature)


_SIGNATURE = "its signature does not hold"
_NO_KEY = "no key of that name"
_UNSIGNED = "it is not signed"
_ALGORITHM = "its algorithm is not accepted"
_PARTS = "three parts of a signed token"

ATTACKS = (
    # no signature at all
    *(ForgedToken(f"alg {name}", _unsigned(name), _UNSIGNED) for name in ("none", "None", "NONE")),
    ForgedToken("alg nOnE with a signature", _unsigned("nOnE", b"x"), _UNSIGNED),
    ForgedToken("alg empty", _unsigned("", b"x"), _ALGORITHM),
    ForgedToken("alg missing", _sealed(b'{"typ":"JWT","kid":"k1"}'), "names no algorithm"),
    ForgedToken("alg a list", _sealed(_head(alg=["RS256"])), "names no algorithm"),
    ForgedToken("alg null", _sealed(_head(alg=None)), "names no algorithm"),
    ForgedToken("alg in small letters", _sealed(_head(alg="rs256")), _ALGORITHM),
    ForgedToken("alg with a space", _sealed(_head(alg="RS256 ")), _ALGORITHM),
    ForgedToken("signature stripped", _parts(lambda p: [p[0], p[1], ""]), _UNSIGNED),
    ForgedToken("two parts", _parts(lambda p: p[:2]), _PARTS),
    ForgedToken("four parts", _parts(lambda p: [*p, "e30"]), _PARTS),
    ForgedToken("encrypted form", _parts(lambda p: [*p, "e30", "e30"]), _PARTS),
    # one kind of key taken for another
    ForgedToken("public key as secret", lambda g: hmac_token(HONEST.pem, g, kid="k1"), _ALGORITHM),
    ForgedToken(
        "modulus as secret",
        lambda g: hmac_token(HONEST.jwk["n"].encode(), g, kid="k1"),
        _ALGORITHM,
    ),
    ForgedToken("empty secret", lambda g: hmac_token(b"", g), _ALGORITHM),
    ForgedToken("RSA key under an EC name", lambda g: HONEST.sign(g, alg="ES256"), _NO_KEY),
    ForgedToken("EC key under an RSA name", lambda g: HONEST_EC.sign(g, alg="RS256"), _NO_KEY),
    ForgedToken(
        "RS256 called PS256", lambda g: HONEST.sign(g, "RS256", alg="PS256"), _SIGNATURE
    ),
    # another's key
    ForgedToken("forger's key", FORGER.sign, _SIGNATURE),
    ForgedToken("inline jwk", _inline_key, _SIGNATURE),
    ForgedToken("jku", lambda g: FORGER.sign(g, jku="http://127.0.0.1:1/k"), _SIGNATURE),
    ForgedToken("x5u", lambda g: FORGER.sign(g, x5u="http://127.0.0.1:1/c"), _SIGNATURE),
    ForgedToken("x5c", lambda g: FORGER.sign(g, x5c=["MIIB"]), _SIGNATURE),
    ForgedToken("x5t", lambda g: FORGER.sign(g, x5t="abc"), _SIGNATURE),
    *(
        ForgedToken(f"kid {kid[:24]!r}", lambda g, kid=kid: FORGER.sign(g, kid=kid), _NO_KEY)
        for kid in (
            "../../../../dev/null",
            "/proc/self/environ",
            "k1' OR '1'='1",
            "k1'; DROP TABLE keys; --",
            "http://127.0.0.1:1/keys",
            "file:///etc/passwd",
            "k1\0",
            "k1|id",
            "",
        )
    ),
    ForgedToken("kid a number", lambda g: HONEST.sign(g, kid=1), "names its key"),
    ForgedToken("kid an object", lambda g: HONEST.sign(g, kid={"a": 1}), "names its key"),
    ForgedToken("kid endless", lambda g: HONEST.sign(g, kid="k" * 600), "names its key"),
    ForgedToken("no kid among two", lambda g: FORGER.sign(g, kid=None), _SIGNATURE),
    # signatures that are no signatures
    ForgedToken("r and s zero", _zero_signature, _SIGNATURE),
    ForgedToken("r and s the order", _order_signature, _SIGNATURE),
    ForgedToken("wrong curve", _wrong_curve, _SIGNATURE),
    ForgedToken(
        "DER in place of r and s",
        lambda g: assemble(
            orjson.dumps(HONEST_EC.header()), orjson.dumps(g), bytes.fromhex("3006020101020101")
        ),
        _SIGNATURE,
    ),
    ForgedToken("payload changed", _parts(lambda p: [p[0], p[1][:-4] + "In0", p[2]]), "payload"),
    ForgedToken(
        "claims of another token",
        lambda g: ".".join(
            [HONEST.sign(g).split(".")[0], *HONEST.sign({**g, "sub": "root"}).split(".")[1:2],
             HONEST.sign(g).split(".")[2]]
        ),
        _SIGNATURE,
    ),
    # encodings
    ForgedToken("padding", _parts(lambda p: [p[0] + "=", p[1], p[2]]), _PARTS),
    ForgedToken("standard base64", _parts(lambda p: [p[0], p[1], "+/" + p[2][2:]]), _PARTS),
    ForgedToken("another spelling", _parts(_flip_last_bits), "not base64url"),
    ForgedToken("a length that cannot be", _parts(lambda p: [p[0], p[1], "AAAAA"]), "base64url"),
    ForgedToken("white space", _parts(lambda p: [p[0], p[1] + "\n", p[2]]), _PARTS),
    ForgedToken("a space in front", lambda g: " " + HONEST.sign(g), _PARTS),
    ForgedToken("a NUL at the end", lambda g: HONEST.sign(g) + "\0", _PARTS),
    ForgedToken("larger than the limit", _with(x="a" * 13_000), "larger than 16384 bytes"),
    # JSON that readers understand in different ways
    ForgedToken("claims twice", _raw(r'"sub":"ada"', '"sub":"ada","sub":"root"'), "stands twice"),
    ForgedToken("claims twice, escaped", _raw('"sub":', r'"s\\u0075b":1,"sub":'), "stands twice"),
    ForgedToken("claims twice, inside", _raw(r"\{", '{"a":{"b":1,"b":2},'), "stands twice"),
    ForgedToken(
        "header twice", _sealed(b'{"alg":"RS256","kid":"k1","alg":"none"}'), "stands twice"
    ),
    ForgedToken("header no object", _sealed(b'["RS256"]'), "not a JSON object"),
    ForgedToken("header no JSON", _sealed(b"{alg:RS256}"), "not JSON"),
    ForgedToken("payload a list", _sealed(payload=b"[1]"), "not a JSON object"),
    ForgedToken("payload a text", _sealed(payload=b'"ada"'), "not a JSON object"),
    ForgedToken("payload null", _sealed(payload=b"null"), "not a JSON object"),
    ForgedToken("payload not UTF-8", _sealed(payload=b'{"sub":"\xff"}'), "not JSON"),
    ForgedToken("payload with a mark", _sealed(payload=b"\xef\xbb\xbf{}"), "not JSON"),
    ForgedToken("payload a lone surrogate", _raw('"ada"', r'"\\ud800"'), "not JSON"),
    ForgedToken("payload nested", _raw('"ada"', "[" * 900 + "]" * 900), "its `sub`"),
    ForgedToken("payload nested deeper", _raw('"ada"', "[" * 1500 + "]" * 1500), "not JSON"),
    ForgedToken("something after it", _raw(r"\}$", "}{}"), "not JSON"),
    # extensions and types
    ForgedToken("crit", lambda g: HONEST.sign(g, crit=["exp"]), "an extension"),
    ForgedToken("crit empty", lambda g: HONEST.sign(g, crit=[]), "an extension"),
    ForgedToken("b64 false", lambda g: HONEST.sign(g, b64=False), "an extension"),
    ForgedToken("another type", lambda g: HONEST.sign(g, typ="logout+jwt"), "its type"),
    ForgedToken("a type that is none", lambda g: HONEST.sign(g, typ=7), "type"),
    # claims
    ForgedToken("expired", _with(exp=lambda g: g["iat"] - 61), "exp", Reason.CREDENTIAL_EXPIRED),
    ForgedToken("exp zero", _with(exp=0), "exp", Reason.CREDENTIAL_EXPIRED),
    ForgedToken("exp missing", _without("exp"), "no `exp`"),
    ForgedToken("exp null", _with(exp=None), "`exp` is not a number"),
    ForgedToken("exp a text", _with(exp=str(NOW_S + 60)), "`exp` is not a number"),
    ForgedToken("exp true", _with(exp=True), "`exp` is not a number"),
    ForgedToken("exp a list", _with(exp=[NOW_S + 60]), "`exp` is not a number"),
    ForgedToken("exp NaN", _raw(r'"exp":\d+', '"exp":NaN'), "not JSON"),
    ForgedToken("exp infinite", _raw(r'"exp":\d+', '"exp":Infinity'), "not JSON"),
    ForgedToken("exp 1e999", _raw(r'"exp":\d+', '"exp":1e999'), "not JSON"),
    ForgedToken("exp beyond time", _raw(r'"exp":\d+', '"exp":1e300'), "`exp` is no time"),
    ForgedToken("exp negative", _with(exp=-1), "`exp` is no time"),
    ForgedToken("nbf in the future", _with(nbf=lambda g: g["iat"] + 120), "not valid yet"),
    ForgedToken("nbf a text", _with(nbf="0"), "`nbf` is not a number"),
    ForgedToken("iat in the future", _with(iat=lambda g: g["iat"] + 120), "in the future"),
    ForgedToken("aud of another", _with(aud="other"), "not for this gateway"),
    ForgedToken("aud a part of it", _with(aud="seal"), "not for this gateway"),
    ForgedToken("aud in capitals", _with(aud="SEALGATE"), "not for this gateway"),
    ForgedToken("aud with a NUL", _with(aud="sealgate\0"), "not for this gateway"),
    ForgedToken("aud an object", _with(aud={"sealgate": True}), "not for this gateway"),
    ForgedToken("aud missing", _without("aud"), "not for this gateway"),
    ForgedToken("aud empty", _with(aud=[]), "not for this gateway"),
    ForgedToken("iss of another", _with(iss="https://evil.example"), "not trusted here"),
    ForgedToken("iss with a slash", _with(iss=lambda g: g["iss"] + "/"), "not trusted here"),
    ForgedToken("iss in capitals", _with(iss=lambda g: g["iss"].upper()), "not trusted here"),
    ForgedToken("iss a list", _with(iss=lambda g: [g["iss"]]), "not trusted here"),
    ForgedToken("iss missing", _without("iss"), "not trusted here"),
    ForgedToken("sub missing", _without("sub"), "`sub` is missing"),
    ForgedToken("sub empty", _with(sub=""), "`sub` is missing or is not a name"),
    ForgedToken("sub with a NUL", _with(sub="ada\0root"), "`sub` is missing or is not a name"),
    ForgedToken("sub with a line end", _with(sub="ada\nroot"), "is not a name"),
    ForgedToken("sub a number", _with(sub=1), "is not a name"),
    ForgedToken("sub endless", _with(sub="a" * 300), "is not a name"),
)  # fmt: skip
