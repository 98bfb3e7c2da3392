r"""Where the values of a JSON text stand, byte for byte, and other values put in their places.

The text is known to be valid JSON (it was parsed before). A value is found by walking down a path;
what lies beside the path is stepped over by one expression that knows strings and brackets, so that
a hundred messages cost a hundred steps, whatever is in them. All expressions are possessive: each
byte is looked at once per level of the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii  # noqa: TID251  # orjson writes UTF-8 alone
from typing import Any, Final, TypeAlias

import orjson

from gateway.plugin.text import Path
from gateway.providers.json_text import with_surrogates
from gateway.providers.surrogates import has_surrogates

_Range: TypeAlias = tuple[int, int]
MemberPlaces: TypeAlias = tuple[int, int, int, int]
"""Where a key begins and ends, and its value."""

_KEPT_BYTES_MAX: Final = 262_144
"""In longer texts with escapes, an edit writes all of the text anew."""
_HIGHS: Final = frozenset(first + second for first in "dD" for second in "89abAB")
"""How the digits of an escaped first half of a character begin."""
_ESCAPE_LETTERS: Final = 5
"""What an escape has behind its backslash, if it is not one letter."""
_NATIVE_DEPTH: Final = 16
"""Levels that the expression steps over by itself; deeper values are walked bracket by bracket."""
_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def _nested(depth: int) -> str:
    inner = rf'(?:[^"\[\]{{}}]++|{_STRING})*+'
    for _ in range(depth):
        inner = rf'(?:[^"\[\]{{}}]++|{_STRING}|[\[{{]{inner}[\]}}])*+'
    return rf"[\[{{]{inner}[\]}}]"


_SPACE: Final = r"[ \t\r\n]*+"
_VALUE: Final = rf'{_STRING}|{_nested(_NATIVE_DEPTH)}|[^\s,\[\]{{}}":]++'
_ELEMENT: Final = re.compile(rf"{_SPACE}({_VALUE}){_SPACE}([,\]])".encode(), re.DOTALL)
_MEMBER: Final = re.compile(
    rf"{_SPACE}({_STRING}){_SPACE}:{_SPACE}(?:({_VALUE}){_SPACE}([,}}]))?".encode(), re.DOTALL
)
_TOKEN: Final = re.compile(rf"{_STRING}|[\[\]{{}}]".encode(), re.DOTALL)
_BLANK: Final = re.compile(_SPACE.encode())

_ARRAY_END, _OBJECT_END, _COMMA = b"]},"

KEY: Final = "\0key"
"""As the last step of a path: the key of the member, not its value. No JSON key of a provider."""


class Places:
    """The places of one JSON text; the children of a container are found once.

    `written` is the value of `body` where orjson would write exactly this text for it. Then the
    place of a value follows from the sizes of what stands before it, and nothing is searched.
    """

    __slots__ = ("_arrays", "_body", "_objects", "_written")

    def __init__(self, body: bytes, written: Any = None) -> None:
        self._body = body
        self._written = written
        self._arrays: dict[Path, list[_Range]] = {}
        self._objects: dict[Path, dict[str, MemberPlaces]] = {}

    def learn(self, members: dict[str, MemberPlaces], name: str, elements: list[_Range]) -> None:
        """Takes places that are known already: of the outermost object, and of one array in it."""
        self._objects[()] = members
        self._arrays[name,] = elements

    def forget_value(self) -> None:
        """Lets go of the value, which takes more memory than its text; places are searched then."""
        self._written = None

    def of(self, path: Path) -> _Range:
        """Where the value at `path` begins and ends. Raises LookupError if there is none."""
        if not path:
            if self._written is not None:
                return 0, len(self._body)
            start = _blank_end(self._body, 0)
            return start, self._end_of(start)
        parent, step = path[:-1], path[-1]
        if isinstance(step, int):
            return self.elements(parent)[step]
        if step == KEY:
            return self.members(parent[:-1])[str(parent[-1])][:2]
        return self.members(parent)[step][2:]

    def elements(self, path: Path) -> list[_Range]:
        """Where each element of the array at `path` begins and ends."""
        found = self._arrays.get(path)
        if found is None:
            found = self._arrays[path] = []
            body = self._body
            at = self.of(path)[0] + 1
            if self._written is not None:
                for inner in self._value(path):
                    stop = at + len(orjson.dumps(inner))
                    found.append((at, stop))
                    at = stop + 1
                return found
            if body[_blank_end(body, at)] == _ARRAY_END:
                return found
            more = True
            while more:
                match = _ELEMENT.match(body, at)
                if match is not None:
                    found.append(match.span(1))
                    at, more = match.end(), match[2] == b","
                    continue
                start = _blank_end(body, at)
                stop = self._end_of(start)
                found.append((start, stop))
                at = _blank_end(body, stop)
                more = body[at] == _COMMA
                at += 1
        return found

    def members(self, path: Path) -> dict[str, MemberPlaces]:
        """Where key and value of each member of the object at `path` begin and end."""
        found = self._objects.get(path)
        if found is None:
            found = self._objects[path] = {}
            body = self._body
            at = self.of(path)[0] + 1
            if self._written is not None:
                for key, inner in self._value(path).items():
                    key_stop = at + len(orjson.dumps(key))
                    stop = key_stop + 1 + len(orjson.dumps(inner))
                    found[key] = (at, key_stop, key_stop + 1, stop)
                    at = stop + 1
                return found
            more = body[_blank_end(body, at)] != _OBJECT_END
            while more:
                match = _MEMBER.match(body, at)
                if match is None:
                    raise LookupError("no member where one must be")
                key_start, key_stop = match.span(1)
                key = _decoded(match[1])
                if match[2] is not None:
                    start, stop = match.span(2)
                    at, more = match.end(), match[3] == b","
                else:
                    start = match.end()
                    stop = self._end_of(start)
                    at = _blank_end(body, stop)
                    more = body[at] == _COMMA
                    at += 1
                found[key] = (key_start, key_stop, start, stop)
        return found

    def _value(self, path: Path) -> Any:
        value = self._written
        for step in path:
            value = value[step]
        return value

    def _end_of(self, start: int) -> int:
        """Where the value that begins at `start` ends, however deep it is nested."""
        body = self._body
        if body[start] not in b"[{":
            match = _SCALAR.match(body, start)
            return start if match is None else match.end()
        depth = 0
        for token in _TOKEN.finditer(body, start):
            bracket = body[token.start()]
            depth += 1 if bracket in b"[{" else -1 if bracket in b"]}" else 0
            if not depth:
                return token.end()
        raise LookupError("a value that does not end")


_SCALAR: Final = re.compile(rf'{_STRING}|[^\s,\[\]{{}}":]++'.encode(), re.DOTALL)


def _blank_end(body: bytes, at: int) -> int:
    match = _BLANK.match(body, at)
    return at if match is None else match.end()


def _decoded(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode("utf-8", "replace")
    text: str
    try:
        text = orjson.loads(quoted)
    except orjson.JSONDecodeError:
        text = with_surrogates(quoted)
    return text


def splice(body: bytes, changes: Iterable[tuple[_Range, bytes]]) -> bytes:
    """`body` with other bytes in these ranges; where two overlap, the outer one counts."""
    parts: list[bytes] = []
    at = 0
    for (start, stop), fresh in sorted(changes, key=_from_the_left):
        if start < at:
            continue
        parts.append(body[at:start])
        parts.append(fresh)
        at = stop
    parts.append(body[at:])
    return b"".join(parts)


def _from_the_left(change: tuple[_Range, bytes]) -> tuple[int, int]:
    (start, stop), _ = change
    return start, -stop


_LINE_ENDS: Final = (
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
"""Some clients take these two for line ends (gemini-cli does), so they are never sent bare."""
_ESCAPED: Final = re.compile(rb"\\u(?!00[0-7])")


def writes_ascii(body: bytes) -> bool:
    """Whether the writer of `body` escapes what is not ASCII, as Python's `json` does."""
    return body.isascii() and _ESCAPED.search(body) is not None


def json_string(text: str, *, ascii_only: bool = False) -> bytes:
    """`text` as a JSON string with as few escapes as may be."""
    if text.isascii():
        return orjson.dumps(text)
    # A lone surrogate is text to Python and none to UTF-8: beside one, all is escaped.
    if ascii_only or has_surrogates(text):
        return encode_basestring_ascii(text).encode()
    written = orjson.dumps(text)
    for bare, escaped in _LINE_ENDS:
        written = written.replace(bare, escaped)
    return written


def edited_string(old: bytes, text: str, *, ascii_only: bool = False) -> bytes:
    r"""`text` as a JSON string in the place of `old`, a JSON value.

    What both begin with and end with stays as it was written: another writer escapes more than we
    do (`\u00e9`, `\/`), and a provider's prompt cache goes by the bytes.
    """
    if b"\\" not in old or not old.startswith(b'"') or len(old) > _KEPT_BYTES_MAX:
        return json_string(text, ascii_only=ascii_only)
    try:
        was: str = orjson.loads(old)
    except orjson.JSONDecodeError:  # half a character
        return json_string(text, ascii_only=ascii_only)
    begin = _alike(was, text)
    end = _alike(was[begin:][::-1], text[begin:][::-1])
    middle = json_string(text[begin : len(text) - end], ascii_only=ascii_only)[1:-1]
    source = old[1:-1].decode()
    pieces = source.split("\\")
    first, last = _place_of(pieces, begin), _place_of(pieces, len(was) - end)
    return b'"%b%b%b"' % (source[:first].encode(), middle, source[last:].encode())


def _place_of(pieces: list[str], character: int) -> int:
    """Where in the source of a JSON string, split at its backslashes, a character of it begins."""
    at = count = len(pieces[0])  # a place, and how many characters stand before it
    index = 1
    while count < character:
        piece = pieces[index]
        if not piece:  # a backslash that is escaped; the next piece goes on behind it
            index += 1
            written, plain = 2, len(pieces[index])
        elif piece[0] != "u":
            written, plain = 2, len(piece) - 1
        elif piece[1:3] in _HIGHS:  # the next piece is the second half
            index += 1
            written, plain = 12, len(pieces[index]) - _ESCAPE_LETTERS
        else:
            written, plain = 6, len(piece) - _ESCAPE_LETTERS
        index += 1
        at += written + plain
        count += 1 + plain
    return at - (count - character)


def _alike(one: str, other: str) -> int:
    """How many characters the two begin with alike."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        half = (least + most + 1) // 2
        if one[least:half] == other[least:half]:
            least = half
        else:
            most = half - 1
    return least
