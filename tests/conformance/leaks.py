"""What a client puts together from an answer, and how much of a secret is in it.

No dialect is known here: texts that stand in the same place of the events are one text. So a new
dialect is read as well, and nothing of the gateway under test is used to judge it.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

import orjson

CHANCE_MAX = 6
"""Shorter runs than this in common are no leak: they are in every text."""


def texts_of(body: bytes, content_type: str) -> dict[str, str]:
    """Every text, by its place in the events, put together in their order."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in _events(body, content_type):
        _collect(event, (), found)
    return {place: "".join(parts) for place, parts in found.items()}


def leaked(secret: str, body: bytes, content_type: str) -> int:
    """The longest run of characters of `secret` that came out, in any place; 0 by chance."""
    wanted = _plain(secret)
    texts = list(texts_of(body, content_type).values())
    if "amazon" not in content_type:  # in base64, every JSON begins as a token does
        texts.append(body.decode("utf-8", "replace"))
    longest = max((_longest(wanted, _plain(text)) for text in texts), default=0)
    return longest if longest >= CHANCE_MAX else 0


def _plain(text: str) -> str:
    r"""Without line ends, as they are and as JSON writes them once or twice (`\n`, `\\n`)."""
    for sign in ("\\\\n", "\\n", "\n", "\\r", "\r"):
        text = text.replace(sign, "")
    return text


def _longest(secret: str, text: str) -> int:
    matcher = SequenceMatcher(None, secret, text, autojunk=False)
    return matcher.find_longest_match(0, len(secret), 0, len(text)).size


def _events(body: bytes, content_type: str) -> Iterator[Any]:
    if "event-stream" in content_type and "amazon" not in content_type:
        for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
            lines = [line[5:] for line in block.split(b"\n") if line.startswith(b"data:")]
            yield from _parsed(b"\n".join(lines))
    elif "amazon" in content_type:
        for payload in _frames(body):
            for event in _parsed(payload):
                inner = event.get("bytes") if isinstance(event, dict) else None
                yield from _parsed(b64decode(inner)) if isinstance(inner, str) else [event]
    else:
        for line in body.split(b"\n") if "json" in content_type else [body]:
            yield from _parsed(line)


def _parsed(data: bytes) -> Iterator[Any]:
    try:
        yield orjson.loads(data)
    except ValueError:
        return


def _frames(body: bytes) -> Iterator[bytes]:
    place = 0
    while place + 16 <= len(body):
        total, head = struct.unpack_from("!II", body, place)
        if total < 16 or place + total > len(body):
            return
        yield body[place + 12 + head : place + total - 4]
        place += total


def _collect(value: Any, path: tuple[str, ...], found: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        found[".".join(path)].append(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, (*path, key), found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, path, found)
