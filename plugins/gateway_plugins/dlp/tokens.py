"""Placeholders: what stands for a value on its way to the provider and back.

A placeholder is made from the value, its class and the secret of the conversation, so that the same
value has the same placeholder in every turn, and nobody else can tell or guess it. Sans-io.

    tagged      <EMAIL_7Q2M4K9X>        40 bits of an HMAC; any class
    lookalike   4k7f3q2m9x@mail.example the form of the value; classes that have one (see SHAPES)
"""

from __future__ import annotations

import hmac
import re
from typing import Final, Literal, TypeAlias

from gateway_plugins.dlp.tokens_shapes import SHAPES

Style: TypeAlias = Literal["tagged", "lookalike"]

LABEL_CHARACTERS_MAX: Final = 32
CODE_CHARACTERS: Final = 8
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that reads like another one or like a digit."""

TAGGED: Final = re.compile(r"<[A-Z][A-Z0-9_]{0,31}_[0-9A-HJKMNP-TV-Z]{8}>")
_NOT_IN_LABEL: Final = re.compile(r"[^A-Z0-9]+")


class Minter:
    """Makes the placeholders of one conversation; `key` is its secret, of 32 bytes."""

    __slots__ = ("_key", "_style")

    def __init__(self, key: bytes, style: Style) -> None:
        self._key = key
        self._style = style

    def mint(self, sort: str, value: str, attempt: int = 0) -> str:
        """The placeholder of a value of the class `sort`.

        A further `attempt` gives another one, for the case that the one before stands in the text
        already, or belongs to another value.
        """
        message = f"{sort}\0{attempt}\0{value}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, message, "sha256")
        if self._style == "lookalike":
            shape = SHAPES.get(sort)
            found = None if shape is None else shape(value, digest)
            if found is not None:
                return found
        return f"<{label_of(sort)}_{_code(digest)}>"


def label_of(sort: str) -> str:
    """A class as a placeholder names it: `us_ssn` is `US_SSN`."""
    label = _NOT_IN_LABEL.sub("_", sort.upper()).strip("_")[:LABEL_CHARACTERS_MAX].rstrip("_")
    return label if label[:1].isalpha() else f"X{label}"[:LABEL_CHARACTERS_MAX]


def _code(digest: bytes) -> str:
    number = int.from_bytes(digest[:5])
    return "".join([ALPHABET[(number >> shift) & 31] for shift in range(35, -1, -5)])
