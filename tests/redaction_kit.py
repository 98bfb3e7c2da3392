"""A conformance kit for redaction in streams: vectors, and what must hold for any gateway.

Hand `check` a function that sends the pieces of one text through a redaction and returns what the
client gets. Nothing of it knows how the redaction works, in which class it puts a value, or what it
writes in its place:

    check(lambda pieces: "".join(my_gateway.stream(pieces)))

The values are made up. Known results of others: a constant hold-back of 50 characters lets 73 of
the 154 characters of the JWT and 656 of the 711 of the private key through.
"""

from __future__ import annotations

import base64
import hashlib
import json  # noqa: TID251  # the text that is made must not depend on what is tested
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Redaction = Callable[[Sequence[str]], str]
"""Sends pieces through; gives everything that the client gets."""

LEAK_CHARACTERS: Final = 8
"""So many characters of a value in a row, and somebody may find the rest."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A text with values in it, none of which may pass."""

    name: str
    text: str
    values: tuple[str, ...]


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwt() -> str:
    """154 characters."""
    header = _url_safe(b'{"alg":"HS256","typ":"JWT" }')
    payload = _url_safe(b'{"sub":"1234567890","name":"Jo Doe","iat":1516239022}')
    signature = _url_safe(hashlib.sha256(b"signed").digest())
    return f"{header}.{payload}.{signature}"


def _private_key() -> str:
    """711 characters: a header, nine lines of 64, one shorter, the end."""
    digests = b"".join(hashlib.sha512(bytes([n])).digest() for n in range(12))
    body = base64.b64encode(digests).decode()
    lines = [body[at : at + 64] for at in range(0, 64 * 10, 64)]
    head, tail = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    short = 711 - len(head) - len(tail) - 10 * 65 - 2
    return "\n".join([head, *lines, body[900 : 900 + short], tail])


JWT: Final = _jwt()
PRIVATE_KEY: Final = _private_key()
SSN: Final = "536-22-8726"
EMAIL: Final = "jane.roe@acme-corp.org"
CARD: Final = "4111 1111 1111 1111"
ARGUMENTS: Final = json.dumps({"note": f"line\n{EMAIL}\ttab", "ssn": SSN, "say": 'a "b" \\ c'})

VECTORS: Final = (
    Vector("jwt", f"The token is {JWT}, keep it.", (JWT,)),
    Vector("private key", f"Here it is:\n{PRIVATE_KEY}\nDone.", (PRIVATE_KEY,)),
    Vector("two of a kind", f"{EMAIL} {EMAIL};{EMAIL}", (EMAIL,)),
    Vector("side by side", f"SSN {SSN}, card {CARD}. {EMAIL}", (SSN, CARD, EMAIL)),
    Vector("at the end", f"write to {EMAIL}", (EMAIL,)),
    Vector("tool arguments", ARGUMENTS, (SSN, EMAIL)),
)


def pieces_of(text: str, size: int) -> list[str]:
    """The text in pieces of one size."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def leaks(vector: Vector, out: str) -> list[str]:
    """Parts of the values that stand in what the client gets."""
    return [
        value[at : at + LEAK_CHARACTERS]
        for value in vector.values
        for at in range(len(value) - LEAK_CHARACTERS + 1)
        if value[at : at + LEAK_CHARACTERS] in out
        and not value[at : at + LEAK_CHARACTERS].startswith("-----")
        and "KEY-----" not in value[at : at + LEAK_CHARACTERS]
    ]


def check(redaction: Redaction, sizes: Sequence[int] = range(1, 101)) -> None:
    """Nothing leaks, and every size of pieces comes to the same as the whole. AssertionError."""
    for vector, out, size in outcomes(redaction, sizes):
        whole = redaction([vector.text])
        assert leaks(vector, whole) == [], f"{vector.name}, in one piece"
        assert leaks(vector, out) == [], f"{vector.name}, in pieces of {size}"
        assert out == whole, f"{vector.name}: pieces of {size} come to something else"


def outcomes(redaction: Redaction, sizes: Sequence[int]) -> Iterator[tuple[Vector, str, int]]:
    """Every vector, in every size of pieces."""
    for vector in VECTORS:
        for size in sizes:
            yield vector, redaction(pieces_of(vector.text, size)), size
