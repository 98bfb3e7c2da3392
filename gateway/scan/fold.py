"""A text as a machine would read it: escapes, compatibility forms and invisible characters undone.

Every character is folded by itself, so that the fold of two texts is the fold of each: a stream can
be folded piece by piece. Only what becomes one character of ASCII, or vanishes, is touched; all
else stays. In the source of a JSON text, such as the arguments of a tool call, an escape is one
character, so that a value that is put in its place never leaves half of one behind.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import Final

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u200b\u200c\u200d"
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068"
    "\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff\uffa0"
)
_TAGS: Final = range(0xE0020, 0xE007F)
"""Invisible copies of ASCII (Unicode 16.0 section 23.9)."""
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_BLOCKS: Final = (range(0x80, 0x3400), range(0xA000, 0xAC00), range(0xF900, 0x10000))
_ASTRAL: Final = (range(0x10000, 0x12000), range(0x1D400, 0x1D800), range(0x1F100, 0x1FC00))
_DISTINCT_MAX: Final = 12
"""So many different characters are replaced one after the other; more in one pass."""

_JSON_KINDS: Final = frozenset({"tool_call_arguments", "tool_result", "raw"})
_JSON_BEGINS: Final = ("{", "[", '"')
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CUT_ESCAPE: Final = re.compile(r"u[0-9a-fA-F]{0,3}")
_ESCAPE_CHARACTERS: Final = 6
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def may_be_json(kind: str) -> bool:
    """Whether texts of this kind may be the source of a JSON text."""
    return kind in _JSON_KINDS


def begins_json(text: str) -> bool:
    """Whether the first character that is no space begins a JSON text."""
    return text.lstrip(" \t\r\n")[:1] in _JSON_BEGINS if text else False


@cache
def _table() -> dict[int, str]:
    found = {ord(c): "-" for c in _DASHES} | {ord(c): "" for c in _INVISIBLE}
    found |= {point: chr(point - 0xE0000) for point in _TAGS}
    found |= {point: "" for block in _SELECTORS for point in block}
    for block in (*_BLOCKS, *_ASTRAL):
        for point in block:
            if point not in found:
                plain = _plain(chr(point))
                if plain is not None:
                    found[point] = sys.intern(plain)
    return found


def _plain(character: str) -> str | None:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if plain == character or not plain.isascii() or len(plain) > 1:
        return None
    return plain


_BMP_LAST: Final = 0xFFFF
_SURROGATE: Final = re.compile(f"[{chr(0xD800)}-{chr(0xDFFF)}]")
_ASTRAL_ANY: Final = re.compile("[\U00010000-\U0010ffff]")
_UNUSUAL: Final = re.compile(f"[{chr(0xD800)}-{chr(0xDFFF)}\U00010000-\U0010ffff]")
"""Either of them: most texts have neither, and are looked through once."""


@cache
def _search() -> re.Pattern[str]:
    """Those of the basic plane: one bitmap to `re`, which tries others one by one."""
    points = sorted(point for point in _table() if point <= _BMP_LAST)
    return re.compile(f"[{''.join(map(chr, points))}]")


@cache
def _vanishing() -> re.Pattern[str]:
    """What leaves nothing behind; selectors beyond the basic plane are one range to `re`."""
    points = sorted(point for point, plain in _table().items() if not plain)
    beyond = _SELECTORS[1]
    plane = "".join(chr(point) for point in points if point <= _BMP_LAST)
    return re.compile(f"[{plane}{chr(beyond[0])}-{chr(beyond[-1])}]")


def prepare() -> None:
    """Makes the tables, some milliseconds: where a policy is compiled, not with a first text."""
    _search()
    _vanishing()


class Folded:
    """A folded text; `origin` maps places in it to places in the text that it was made of."""

    __slots__ = ("_json", "_marks", "original", "text")

    def __init__(self, original: str, text: str, json: _Unescaped | None = None) -> None:
        self.original = original
        self.text = text
        self._json = json
        self._marks: list[int] | None = None

    @property
    def size(self) -> int:
        """Characters that it was made of: of JSON's source all but an escape cut at its end."""
        return len(self.original) if self._json is None else self._json.size

    def origin(self, place: int) -> int:
        """Where the character at `place` stands in the original; its end for the end."""
        plain = self._before_fold(place)
        return plain if self._json is None else self._json.origin(plain)

    def end(self, place: int) -> int:
        """Where a range that ends before `place` ends in the original."""
        plain = place
        if self.text is not self.original:
            plain = self._before_fold(place - 1) + 1 if place else 0
        return plain if self._json is None else self._json.origin(plain)

    def _before_fold(self, place: int) -> int:
        if self.text is self.original:
            return place
        if place >= len(self.text):
            return len(self.original)
        marks = self._marks
        if marks is None:
            marks = self._marks = self._vanished()
        return place + bisect_right(marks, place)

    def _vanished(self) -> list[int]:
        """For each vanished character the place in the folded text before which it stood.

        All others are one character there as well.
        """
        marks = list(accumulate(map(len, _vanishing().split(self.original))))
        marks.pop()
        return marks


class _Unescaped:
    """The source of a JSON text with its escapes undone; a cut one at its end is left out."""

    __slots__ = ("_marks", "_shifts", "size", "text")

    def __init__(self, source: str) -> None:
        self.size = _whole_escapes(source)
        source = source[: self.size]
        self._marks: list[int] = []
        self._shifts: list[int] = []
        parts: list[str] = []
        last = shift = 0
        for found in _ESCAPE.finditer(source):
            begin, stop = found.span()
            parts += (source[last:begin], _meant(found))
            last = stop
            # Every character behind this one stands further back in the source.
            self._marks.append(begin - shift + 1)
            shift += stop - begin - 1
            self._shifts.append(shift)
        self.text = "".join([*parts, source[last:]])

    def origin(self, place: int) -> int:
        number = bisect_right(self._marks, place) - 1
        return place + self._shifts[number] if number >= 0 else place


def _whole_escapes(source: str) -> int:
    """The length of the source without an escape that is cut at its end."""
    size = len(source)
    place = source.rfind("\\", max(0, size - _ESCAPE_CHARACTERS))
    if place < 0:
        return size
    before = len(source[:place]) - len(source[:place].rstrip("\\"))
    if before % 2:
        return size  # it is the second half of an escape
    rest = source[place + 1 :]
    return place if not rest or _CUT_ESCAPE.fullmatch(rest) else size


def _meant(found: re.Match[str]) -> str:
    code, character = found.groups()
    if code is None:
        return _ESCAPED.get(character, character)
    point = int(code, 16)
    return "\ufffd" if 0xD800 <= point < 0xE000 else chr(point)  # noqa: PLR2004  # surrogates


def fold(text: str, *, json: bool = False) -> Folded:
    """The folded text; the very same one where there is nothing to fold."""
    source = None
    if json and "\\" in text:
        source = _Unescaped(text)
        text = source.text
    if text.isascii():
        return Folded(text, text, source)
    if _UNUSUAL.search(text) is not None:
        # Half a character is none, to every reader alike.
        text = _SURROGATE.sub("\ufffd", text)
        if _ASTRAL_ANY.search(text) is not None:
            folded = text.translate(_table())
            return Folded(text, text if folded == text else folded, source)
    return Folded(text, _replaced(text), source)


def _replaced(text: str) -> str:
    """The fold of a text of the basic plane."""
    table = _table()
    search = _search().search
    found = search(text)
    for _ in range(_DISTINCT_MAX):
        if found is None:
            return text
        # Nothing that is put in is folded again, and nothing before it is left to fold.
        text = text.replace(found[0], table[ord(found[0])])
        found = search(text, found.start())
    return text if found is None else text.translate(table)
