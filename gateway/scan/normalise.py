"""A text without its disguises, with offsets back to the original.

Compatibility forms (NFKC per character), invisible characters, tag characters and letters of other
scripts inside Latin words are undone. Everything is linear in the text: canonical reordering, which
is quadratic in a run of combining marks, is avoided by dropping such marks.

`_plain.c` does this to a text in one pass; what is here is its plain form, which a machine without
a C compiler uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from gateway.scan.alphabet import (
    CODE_MASK,
    LATIN,
    LENGTH_MASK,
    LENGTH_SHIFT,
    LOOKALIKE,
    SCRIPT_MASK,
    SCRIPT_SHIFT,
    SIZE,
    TAG_OFFSET,
    TAGS,
    TAGS_END,
    plain,
)

try:
    from gateway.scan import _plain

    NATIVE = True
except ImportError:  # not compiled: the plain form below does
    NATIVE = False

_LETTERS = re.compile(r"(?:[^\W_\U00010000-\U0010ffff]|[\u3400-\u9fff\uac00-\ud7a3])+")
"""What `plain` has as letters, once a text's characters are what they stand for."""


class Normalised:
    """A normalised text and the one it was made of; never changed."""

    __slots__ = ("original", "text")

    def __init__(self, text: str, original: str) -> None:
        self.text = text
        self.original = original

    def origin(self, start: int, stop: int) -> tuple[int, int]:
        """Where in the original the characters from `start` to `stop` come from."""
        if self.text is self.original or start >= stop:
            return start, stop
        begin, made = -1, 0
        for at, length in enumerate(_lengths(self.original)):
            made += length
            if made > start and begin < 0:
                begin = at
            if made >= stop:
                return begin, at + 1
        return begin, len(self.original)


def normalise(text: str) -> Normalised:
    """The text as a reader would understand it; ASCII is returned as it is, at no cost."""
    if text.isascii():
        return Normalised(text, text)
    if not NATIVE:
        return Normalised(undisguised(text), text)
    tables = plain()
    return Normalised(_plain.plain(text, tables.codes, tables.long), text)


def undisguised(text: str) -> str:
    """The plain form of what `_plain.c` does: what differs in nothing is the same object."""
    found = text.translate(_meanings())
    scripts = _scripts()
    seen = {scripts.get(char, 0) for char in set(found)}
    if LATIN in seen and LOOKALIKE in seen:
        found = _LETTERS.sub(_unmixed, found)
    return text if found == text else found


def _lengths(text: str) -> Iterator[int]:
    """How many characters each stands for."""
    codes = memoryview(plain().codes)
    for char in text:
        point = ord(char)
        if point < SIZE:
            entry = int.from_bytes(codes[point * 4 : point * 4 + 4], "little")
            yield entry >> LENGTH_SHIFT & LENGTH_MASK
        else:
            is_dropped = TAG_OFFSET <= point < TAGS_END and not TAGS[0] <= point <= TAGS[1]
            yield 0 if is_dropped else 1


def _unmixed(word: re.Match[str]) -> str:
    """A word, its look-alikes made Latin if it has Latin letters as well."""
    scripts = _scripts()
    if any(scripts.get(char) == LATIN for char in word[0]):
        return word[0].translate(_latin())
    return word[0]


def _entries() -> Iterator[tuple[int, int]]:
    codes = plain().codes
    for point in range(SIZE):
        yield point, int.from_bytes(codes[point * 4 : point * 4 + 4], "little")


@cache
def _meanings() -> dict[int, str]:
    """What stands for something else, tags included (Unicode 16.0 section 23.9)."""
    long = plain().long.decode("utf-32-le", "surrogatepass")
    found = dict.fromkeys(range(TAG_OFFSET, TAGS_END), "")
    found.update((point, chr(point - TAG_OFFSET)) for point in range(TAGS[0], TAGS[1] + 1))
    for point, entry in _entries():
        length, code = entry >> LENGTH_SHIFT & LENGTH_MASK, entry & CODE_MASK
        if length != 1:
            found[point] = long[code : code + length]
        elif code != point and entry >> SCRIPT_SHIFT & SCRIPT_MASK != LOOKALIKE:
            found[point] = chr(code)
    return found


@cache
def _scripts() -> dict[str, int]:
    scripts = {chr(point): entry >> SCRIPT_SHIFT & SCRIPT_MASK for point, entry in _entries()}
    return {char: script for char, script in scripts.items() if script}


@cache
def _latin() -> dict[int, str]:
    """The Latin letters that others read as."""
    return {
        point: chr(entry & CODE_MASK)
        for point, entry in _entries()
        if entry >> SCRIPT_SHIFT & SCRIPT_MASK == LOOKALIKE
    }
