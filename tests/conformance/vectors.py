"""Invented secrets of the forms on which streaming masks fail, each with what must not come out."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha512


@dataclass(frozen=True)
class Vector:
    """A secret, and the words around it that say what it is.

    `core` is what must not leak; a mask may keep the rest (the header of a key).
    """

    name: str
    secret: str
    before: str = ""
    after: str = "."
    core: str = ""

    @property
    def text(self) -> str:
        return f"{self.before}{self.secret}{self.after}"

    @property
    def kept_secret(self) -> str:
        return self.core or self.secret


def _noise(size: int) -> bytes:
    """The same bytes each time."""
    blocks = (sha512(b"sealgate conformance %d" % number).digest() for number in range(size))
    found = b""
    while len(found) < size:
        found += next(blocks)
    return found[:size]


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _jwt() -> str:
    """154 characters."""
    head = _part(b'{"alg":"HS384","typ":"JWT"}')
    body = _part(b'{"sub":"user-4711xyz","iat":1516239022}')
    return f"{head}.{body}.{_part(_noise(48))}"


def _pem() -> tuple[str, str]:
    """711 characters, and the key in it."""
    body = b64encode(b"\x30\x82\x01\xe0" + _noise(476)).decode()
    lines = [body[at : at + 64] for at in range(0, 640, 64)]
    key = "\n".join(lines)
    return f"-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----", key


_KEY, _KEY_CORE = _pem()
VECTORS = (
    Vector("jwt", _jwt(), "Your token is ", " and it is valid."),
    Vector("pem", _KEY, "Here is the key:\n", "\nKeep it.", core=_KEY_CORE),
    Vector("ssn", "536-90-4399", "The SSN is ", ", as you said."),
    Vector("email", "alice.liddell@example.com", "Write to ", " today."),
)
