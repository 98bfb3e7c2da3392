"""Private keys and signed tokens: values without a bound, and single lines of them."""

from __future__ import annotations

from typing import Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.checks import has_entropy, has_entropy_plainly, jwt_header

try:
    from gateway.scan import _values

    NATIVE = True
except ImportError:  # not compiled: the plain form does
    NATIVE = False

_RANK: Final = 10


def private_key_patterns() -> list[Pattern]:
    """PEM and PGP blocks, the private members of a JWK, and key material in lines of 64."""
    blank = r"(?:[\s\"'+>|*#]|\\n|\\r|\\\\n){0,40}"
    headers = r"(?:(?:Proc-Type|DEK-Info|Comment|Version): [^\n\\]{1,80}(?:[\s]|\\n|\\r){1,4}){0,4}"
    return [
        Pattern(
            "private-key",
            "pem",
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            + blank
            + headers
            + r"[A-Za-z0-9+/=]{8}",
            left="",
            right="",
            run=r"A-Za-z0-9+/=\s\\",
            closing=r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
            seldom=True,
            rank=_RANK,
        ),
        Pattern(
            "private-key-mark",
            "pem",
            r"-----(?:BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
            left="",
            right="",
            seldom=True,
            rank=_RANK + 1,
        ),
        Pattern(
            "private-key-base64",
            "pem",
            # What "-----BEGIN" begins with in base 64, at each of its three places.
            r"(?:LS0tLS1CRUdJTi|0tLS0tQkVHSU4g|tLS0tLUJFR0lO)[A-Za-z0-9+/]{16}",
            left="",
            run="A-Za-z0-9+/=",
            rank=_RANK,
        ),
        Pattern(
            "jwk-private",
            "pem",
            r"\"(?:d|p|q|dp|dq|qi|k)\"\s{0,4}:\s{0,4}\"(?P<value>[A-Za-z0-9_-]{20,700})",
            left="",
            right="A-Za-z0-9_-",
            validator=_random,
            rank=_RANK,
        ),
        Pattern(
            "key-material",
            "key_material",
            r"[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6})?",
            left="A-Za-z0-9+/=_-",
            right="A-Za-z0-9+/=_-",
            validator=_material,
            rank=90,
        ),
    ]


def token_patterns() -> list[Pattern]:
    """JSON Web Tokens, signed or encrypted (RFC 7519)."""
    return [
        Pattern(
            "jwt",
            "jwt",
            r"eyJ[A-Za-z0-9_-]{8,512}\.(?:eyJ|[A-Za-z0-9_-]{3})",
            left="A-Za-z0-9_-",
            run="A-Za-z0-9_.-",
            validator=jwt_header,
            seldom=True,
            rank=_RANK,
        ),
    ]


def _random(value: str, before: str) -> bool:
    del before
    return has_entropy(value, 3.5)


def _material(value: str, before: str) -> bool:
    """Both cases and digits, evenly: neither a digest in hexadecimal nor words."""
    del before
    told = _values.material(value) if NATIVE else None
    return is_material_plainly(value) if told is None else told


def is_material_plainly(value: str) -> bool:
    """The plain form of it."""
    upper = sum(c.isupper() for c in value)
    lower = sum(c.islower() for c in value)
    number = sum(c.isdigit() for c in value)
    return min(upper, lower) >= 10 and number >= 3 and has_entropy_plainly(value, 4.4)
