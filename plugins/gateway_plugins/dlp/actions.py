"""What stands in the place of a value. No replacement can break a JSON text or a line."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from gateway.plugin import Finding

Writer: TypeAlias = Callable[[Finding], str]

STARS: Final = "********"
_HASH_CHARACTERS: Final = 16
_KEPT_AT_END: Final[Mapping[str, int]] = {"card": 4, "iban": 4, "phone": 2, "ssn": 4}
_MASKED_CHARACTERS_MAX: Final = 64


def redact(finding: Finding) -> str:
    """Its class: `[EMAIL]`."""
    return f"[{finding.pattern.kind.upper()}]"


def mask(finding: Finding) -> str:
    """The same shape where something of it may be shown, else stars of a fixed number."""
    kind, value = finding.pattern.kind, finding.value
    kept = _KEPT_AT_END.get(kind)
    if kept is not None and len(value) <= _MASKED_CHARACTERS_MAX:
        return _starred(value, kept)
    if kind == "email":
        local, _, domain = value.rpartition("@")
        return f"{local[:1]}***@***.{domain.rpartition('.')[2]}" if local else STARS
    return STARS


def _starred(value: str, kept: int) -> str:
    """Letters and digits as stars, but for the last few; the grouping stays."""
    out: list[str] = []
    for character in reversed(value):
        if not character.isalnum():
            out.append(character if character in " -.()/+" else "*")
        elif kept:
            out.append(character)
            kept -= 1
        else:
            out.append("*")
    return "".join(reversed(out))


def hasher(key: bytes) -> Writer:
    """Equal values of a class give equal texts; nobody without the key can try values out."""

    def write(finding: Finding) -> str:
        kind = finding.pattern.kind
        message = f"{kind}\0{finding.value}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(key, message, "sha256").hex()[:_HASH_CHARACTERS]
        return f"[{kind.upper()}:{digest}]"

    return write
