"""The compact form of a signed token (RFC 7515 section 7.1), taken apart strictly.

Nothing here believes the token: what comes out is what it says, and whether it says it in the one
way that every reader understands. A header's `jku`, `x5u`, `jwk` and `x5c` are never looked at.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from gateway.identity.strict_json import UnclearJsonError, parse_object

TOKEN_BYTES_MAX: Final = 16_384
KID_CHARACTERS_MAX: Final = 512

_COMPACT: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_LOOKS_LIKE: Final = re.compile(r"[^.\s]+\.[^.\s]*\.[^.\s]*\Z")
_OBJECT_BEGINS: Final = ("eyJ", "ewo", "ew0", "eyA", "ewk", "e30")
"""`{` and what may follow it, in base64: `{"`, `{` with a line feed, return, space or tab, `{}`."""


class MalformedTokenError(ValueError):
    """Why a token cannot be read; the message holds nothing of it."""


class SignedToken:
    """What a token says; `signing_input` and `signature` are what proves it."""

    __slots__ = ("algorithm", "claims", "kid", "signature", "signing_input", "type")

    def __init__(
        self,
        header: dict[str, Any],
        claims: dict[str, Any],
        signing_input: bytes,
        signature: bytes,
    ) -> None:
        """Raises MalformedTokenError for a header that must not be accepted."""
        self.claims = claims
        self.signing_input = signing_input
        self.signature = signature
        self.algorithm = _algorithm(header)
        self.kid = _kid(header)
        self.type = _type(header)
        # RFC 7515 section 4.1.11: extensions that are not understood make the token invalid, and
        # none is understood here. RFC 7797 section 6: `b64` is only for tokens that say so.
        if "crit" in header or "b64" in header:
            raise MalformedTokenError("its header asks for an extension that is not known here")


def looks_like_token(text: str) -> bool:
    """Whether `text` can only be meant as a signed token: three parts, the first an object."""
    return text.startswith(_OBJECT_BEGINS) and _LOOKS_LIKE.match(text) is not None


def read_token(token: bytes) -> SignedToken:
    """Takes `token` apart. Raises MalformedTokenError."""
    if len(token) > TOKEN_BYTES_MAX:
        raise MalformedTokenError(f"it is larger than {TOKEN_BYTES_MAX} bytes")
    found = _COMPACT.fullmatch(token)
    if found is None:
        raise MalformedTokenError("it does not have the three parts of a signed token")
    header = _object(found[1], "header")
    claims = _object(found[2], "payload")
    if not found[3]:
        raise MalformedTokenError("it is not signed")
    return SignedToken(header, claims, token[: found.end(2)], _decoded(found[3], "signature"))


def _decoded(part: bytes, name: str) -> bytes:
    """Base64url without padding, in its one canonical form (RFC 4648 section 3.5)."""
    try:
        data = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        data = b""
    if urlsafe_b64encode(data).rstrip(b"=") != part:
        raise MalformedTokenError(f"its {name} is not base64url")
    return data


def _object(part: bytes, name: str) -> dict[str, Any]:
    try:
        return parse_object(_decoded(part, name))
    except UnclearJsonError as error:
        raise MalformedTokenError(f"its {name} cannot be read: {error}") from None


def _algorithm(header: dict[str, Any]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise MalformedTokenError("its header names no algorithm")
    if algorithm.lower() == "none":
        raise MalformedTokenError("it is not signed")
    return algorithm


def _kid(header: dict[str, Any]) -> str | None:
    kid = header.get("kid")
    if kid is not None and (not isinstance(kid, str) or len(kid) > KID_CHARACTERS_MAX):
        raise MalformedTokenError("its header names its key in no usable way")
    return kid


def _type(header: dict[str, Any]) -> str:
    """In lower case and without `application/`, as RFC 7515 section 4.1.9 compares it."""
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str):
        raise MalformedTokenError("its header names no usable type")
    return kind.lower().removeprefix("application/")
