r"""The structure of a JSON text without parsing it: depth, size, and keys that stand twice.

A parser that meets a hostile body (a million empty arrays, a thousand levels) costs far more than
the bytes that made it so. This scan comes first and is done by whole-string operations, in windows:
a few milliseconds for a megabyte, with a step aside after each window.

Outside strings, brackets are all that counts. Strings are cut out in two moves: first the pairs
`\\` and `\"` go, so that every quote left opens or closes a string; then the text is split at the
quotes, and every second part lies outside.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import accumulate
from typing import Final

WINDOW_BYTES: Final = 65_536
MODEL_KEYS_MAX: Final = 1000
"""Keys named `model`, at any depth, that are looked at; a body with more is not understood."""

_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS: Final = [1 if byte in b"[{" else -1 if byte in b"]}" else 0 for byte in range(256)]

# In valid JSON a quote behind a backslash stands inside a string, and a bare one that is followed
# by these letters, a quote and a colon begins a key. Each letter may be written as an escape.
_MODEL_KEY: Final = re.compile(
    rb'"(?<!\\")(?:m|\\u006[dD])(?:o|\\u006[fF])(?:d|\\u0064)(?:e|\\u0065)(?:l|\\u006[cC])"'
    rb"[ \t\r\n]*+:"
)

Scan = Generator[None, None, bool]
"""Steps aside at each `yield`; returns the answer."""


def _brackets(body: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The brackets outside strings, window by window; `start` lies outside strings."""
    inside = False
    while start < stop:
        end = min(start + WINDOW_BYTES, stop)
        window = body[start:end]
        if (len(window) - len(window.rstrip(b"\\"))) % 2 and end < stop:
            end += 1  # an escape is not cut in two
            window = body[start:end]
        if b"\\" in window:
            window = window.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = window.split(b'"')
        yield b"".join(parts[inside::2]).translate(None, _NO_BRACKETS)
        inside ^= len(parts) % 2 == 0
        start = end


def _opened(brackets: bytes) -> int:
    return brackets.count(b"[") + brackets.count(b"{")


def exceeds(body: bytes, *, depth_max: int, containers_max: int) -> Generator[None, None, str]:
    """Returns "depth", "containers" or "": which limit `body` breaks, whether it is JSON or not."""
    # All brackets, those within strings too: nearly every honest body ends here.
    if body.count(b"[") + body.count(b"{") <= min(depth_max, containers_max):
        return ""
    depth = containers = 0
    for brackets in _brackets(body, 0, len(body)):
        opened = _opened(brackets)
        if depth + opened > depth_max:
            depths = accumulate(map(_STEPS.__getitem__, brackets), initial=depth)
            if any(map(depth_max.__lt__, depths)):
                return "depth"
        containers += opened
        if containers > containers_max:
            return "containers"
        depth += 2 * opened - len(brackets)
        yield
    return ""


def names_model_twice(body: bytes) -> Scan:
    """Whether the object `body` has two keys `model`, however they are escaped.

    `body` must be valid JSON. Parsers differ in which of the two they take (RFC 8259 section 4).
    """
    if body.count(b'"model"') <= 1 and b"\\u00" not in body:
        return False
    depth = place = seen = 0
    for number, key in enumerate(_MODEL_KEY.finditer(body), 1):
        if number > MODEL_KEYS_MAX:
            return True
        for brackets in _brackets(body, place, key.start()):
            depth += 2 * _opened(brackets) - len(brackets)
            yield
        place = key.end()
        seen += depth == 1
        if seen > 1:
            return True
    return False


def member_span(body: bytes, key: str) -> tuple[int, int] | None:
    """Where the value of the member `key` of the object `body` begins and ends.

    `body` must be valid JSON. None where the key stands twice, is spelled with escapes, or is only
    in an inner object.
    """
    found = [at for at in _plain_keys(body, b'"%b"' % key.encode()) if _depth_at(body, at) == 1]
    if len(found) != 1:
        return None
    start = body.index(b":", found[0] + len(key) + 2) + 1
    while body[start] in b" \t\r\n":
        start += 1
    if body[start] not in b"{[":
        scalar = _SCALAR.match(body, start)
        return None if scalar is None else scalar.span()
    depth = 0
    for token in _TOKEN.finditer(body, start):
        depth += 1 if token[0] in b"{[" else -1 if token[0] in b"}]" else 0
        if not depth:
            return start, token.end()
    return None


_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
_SCALAR: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[^\s,{}\[\]"]++')
_KEYS_MAX: Final = 1000


def _plain_keys(body: bytes, quoted: bytes) -> Iterator[int]:
    """Where `quoted` is a key, at any depth."""
    at = body.find(quoted)
    for _ in range(_KEYS_MAX):
        if at < 0:
            return
        if body[at - 1 : at] != b"\\" and body[at + len(quoted) :].lstrip()[:1] == b":":
            yield at
        at = body.find(quoted, at + 1)


def _depth_at(body: bytes, place: int) -> int:
    """How deep `place`, which lies outside of strings, is nested."""
    return sum(2 * _opened(brackets) - len(brackets) for brackets in _brackets(body, 0, place))
