"""What a vector of the smuggling corpus is.

Each vector says what a careful reader may take it for: `meaning` None must be refused, anything
else may be refused or forwarded with exactly that meaning. Wherever a hidden request can be hidden,
it asks for `/smuggled`.
"""

from __future__ import annotations

from dataclasses import dataclass

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
TARGET = b"/v1/x"


@dataclass(frozen=True)
class Meaning:
    """What the upstream may be asked, if it is asked at all."""

    method: bytes = b"POST"
    target: bytes = TARGET
    body: bytes = b""


@dataclass(frozen=True)
class Vector:
    """`raw` goes on the wire as it is; `unfinished`: the sender then ends its direction."""

    name: str
    raw: bytes
    meaning: Meaning | None = None
    unfinished: bool = False


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """A POST of `lines`, each a whole field line without its end."""
    head = b"\r\n".join([b"POST %s %s" % (TARGET, version), b"Host: a", *lines])
    return head + b"\r\n\r\n" + body


def named(group: str, detail: bytes) -> str:
    """A vector's name: its group and the bytes that make it odd."""
    return f"{group} {detail!r}"
