r"""A JSON text parsed for inspection, with what could be read in two ways.

Duplicate keys: parsers differ in which value they take (RFC 8259 section 4), so a guard and a
provider could read two different texts. The parsed form has one of them; written again it has fewer
colons than the original, which is all that is compared: a colon of a string stays one, unless it
was an escape, and then the keys are compared one by one.

Lone surrogates: `"\ud83d"` is legal in JSON text and no Unicode; orjson refuses it. They are parsed
by the standard library, whose strings may hold them.
"""

from __future__ import annotations

import json  # noqa: TID251  # orjson refuses lone surrogates, which are legal JSON
import re
from typing import Any, Final

import orjson

from gateway.plugin.coverage import Gap
from gateway.providers.json_structure import exceeds

DEPTH_MAX: Final = 128
CONTAINERS_MAX: Final = 100_000

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_BACKSLASH: Final = ord("\\")
_COLON_ESCAPE: Final = re.compile(rb"\\u003[aA]")


class UnreadableJsonError(ValueError):
    """The text is no JSON, or JSON that is not read; `gap` says which."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.value)
        self.gap = gap


def parse(body: bytes) -> tuple[Any, bool]:
    """The value of `body`, and whether it has lone surrogates. Raises `UnreadableJsonError`."""
    if len(body) > CONTAINERS_MAX and _opens_more(body) and _exceeds(body):
        raise UnreadableJsonError(Gap.TOO_DEEP)
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise UnreadableJsonError(Gap.TOO_DEEP) from None
    if _BACKSLASH in body and _SURROGATE.search(body) is not None:
        try:
            return with_surrogates(body), True
        except ValueError:
            pass
        except RecursionError:
            raise UnreadableJsonError(Gap.TOO_DEEP) from None
    if not _is_utf8(body):
        raise UnreadableJsonError(Gap.INVALID_UTF8)
    raise UnreadableJsonError(Gap.INVALID_JSON)


def _opens_more(body: bytes) -> bool:
    """Whether there are more brackets than there may be, those within strings included.

    From one to the next: a line of eight megabytes mostly has a few, and `count` takes 7 ms for it.
    """
    opened = 0
    for sign in (b"[", b"{"):
        at = body.find(sign)
        while at >= 0:
            opened += 1
            if opened > CONTAINERS_MAX:
                return True
            at = body.find(sign, at + 1)
    return False


def _exceeds(body: bytes) -> bool:
    scan = exceeds(body, depth_max=DEPTH_MAX, containers_max=CONTAINERS_MAX)
    while True:
        try:
            next(scan)
        except StopIteration as end:
            return bool(end.value)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def with_surrogates(body: bytes) -> Any:
    """The value of a JSON text that has lone surrogates; a text of it may hold some then.

    Raises ValueError (UnicodeDecodeError too), or RecursionError.
    """
    return json.loads(body.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    """`NaN` and its like are no JSON."""
    raise ValueError(name)


def ambiguity(body: bytes, parsed: Any) -> Gap | None:
    """What makes `body`, of which `parsed` is the value, be read in two ways, if anything does."""
    try:
        written = orjson.dumps(parsed)
    except TypeError as error:
        if "ecursion" in str(error):
            return Gap.TOO_DEEP
        # Lone surrogates cannot be written.
        return Gap.DUPLICATE_KEYS if _has_duplicates(body) else None
    # A single byte is found at a quarter of the price of four.
    if _BACKSLASH in body and b"\\u003" in body and _COLON_ESCAPE.search(body) is not None:
        return Gap.DUPLICATE_KEYS if _has_duplicates(body) else None
    if written == body or written.count(b":") == body.count(b":"):
        return None
    return Gap.DUPLICATE_KEYS


# What is left of a JSON text without its strings: the colons are those of its members.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _has_duplicates(body: bytes) -> bool:
    members = _STRING.sub(b"", body).count(b":")
    return members != _members(with_surrogates(body))


def _members(value: Any) -> int:
    total = 0
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            total += len(inner)
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return total
