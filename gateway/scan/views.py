"""What a text says when it is decoded: the encodings that hide orders from a reader of plain text.

One level is undone. Cheap tests come first, so that plain prose pays a few substring searches, and
every step is linear in the text.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from gateway.scan.entities import unescaped

try:
    from gateway.scan import _signs

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :,]?){16,}")
_HEX_ESCAPES = re.compile(r"\\x([0-9a-fA-F]{2})|\\u\{?([0-9a-fA-F]{4,5})\}?")
_ONE_QUOTED = {
    f"%{digits}".encode(): bytes.fromhex(digits)
    for digits in map("".join, product("0123456789abcdefABCDEF", repeat=2))
}
"""What most runs are."""
_BINARY = re.compile(r"(?:[01]{8} ?){8,}")
_SPACED = re.compile(r"(?<!\w)(?:\w[-._* ]{1,3}){6,}\w(?!\w)")
_LETTER = re.compile(r"[^\W\d_]")
_SPACES = re.compile(r" {2,}")
_BETWEEN = "-._* "
"""All that `_SPACED` has besides letters and digits."""
_QUOTED = re.compile(rb"(?:%[0-9a-fA-F]{2})+")
_REVERSED = ("snoitc", "erongi", "tpmorp", "tegrof")
_ROT13 = ("vafgeh", "vtaber", "cebzcg", "sbetrg")
"""`instructions`, `ignore`, `prompt`, `forget`: seldom part of anything else when moved."""
_SHAPES = bytes(
    ord("a")
    if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "+/")
    else ord(" ")
    if chr(byte) in "-._* :,\n"
    else ord(".")
    for byte in range(256)
)
"""Letters and digits as `a`, separators as a space: what an encoding looks like from afar."""
_LONG, _PAIRS, _LONE, _OCTETS = b"a" * 24, b"aa " * 8, b"a a a a a ", b"aaaaaaaa " * 4
_PERCENTS_MIN = 3
(
    _PERCENT_SIGN,
    _ENTITY_SIGN,
    _ESCAPE_SIGN,
    _REVERSED_SIGN,
    _ROT13_SIGN,
    _LONG_SIGN,
    _PAIRS_SIGN,
    _OCTETS_SIGN,
    _LONE_SIGN,
) = (1 << bit for bit in range(9))
"""What tells that it may be worth looking for an encoding; `_signs.c` has the same numbers."""
_SHORTEST = 12
"""Characters of a decoded text below which it says nothing worth judging."""


@dataclass(frozen=True, slots=True)
class View:
    """A decoded text, how it was hidden, and where in the text it stands."""

    encoding: str
    text: str
    start: int
    stop: int


def views(text: str) -> list[View]:
    """Every decoded reading of `text`; usually none."""
    signs = _signs.signs(text) if NATIVE and text.isascii() else signs_of(text)
    if not signs:
        return []
    found = [*_whole(text, signs), *_runs(text, signs)]
    return [view for view in found if len(view.text) >= _SHORTEST]


def signs_of(text: str) -> int:
    """Which encodings are worth looking for."""
    found = _PERCENT_SIGN * (text.count("%") >= _PERCENTS_MIN)
    found |= _ENTITY_SIGN * ("&" in text and ";" in text)
    found |= _ESCAPE_SIGN * ("\\" in text and ("\\x" in text or "\\u" in text))
    small = text.lower()
    found |= _REVERSED_SIGN * any(sign in small for sign in _REVERSED)
    found |= _ROT13_SIGN * any(sign in small for sign in _ROT13)
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPES)
    found |= _LONG_SIGN * (_LONG in shape) | _PAIRS_SIGN * (_PAIRS in shape)
    return found | _OCTETS_SIGN * (_OCTETS in shape) | _LONE_SIGN * (_LONE in shape)


def _whole(text: str, signs: int) -> Iterator[View]:
    """Readings of the text as a whole."""
    stop = len(text)
    if signs & _PERCENT_SIGN:
        plain = _unquoted(text)
        if plain != text:
            yield View("percent", plain, 0, stop)
    if signs & _ENTITY_SIGN:
        plain = unescaped(text)
        if plain != text:
            yield View("entities", plain, 0, stop)
    if signs & _ESCAPE_SIGN:
        yield View("escapes", _HEX_ESCAPES.sub(_escaped, text), 0, stop)
    if signs & _REVERSED_SIGN:
        yield View("reversed", text[::-1], 0, stop)
    if signs & _ROT13_SIGN:
        yield View("rot13", codecs.encode(text, "rot13"), 0, stop)


def swapped(text: str) -> list[View]:
    """The text backwards and with its letters moved by 13, for texts whose words nobody knows."""
    stop = len(text)
    moved = codecs.encode(text, "rot13")
    return [View("reversed", text[::-1], 0, stop), View("rot13", moved, 0, stop)]


def _unquoted(text: str) -> str:
    """What `urllib.parse.unquote` says, with all octets that stand together read at once.

    Half a character of UTF-16 becomes U+FFFD, as octets that are no text do.
    """
    coded = text.encode("utf-8", "surrogatepass")
    meant, count = _QUOTED.subn(_octets, coded)
    return meant.decode("utf-8", "replace") if count else text


def _octets(found: re.Match[bytes]) -> bytes:
    run = found[0]
    known = _ONE_QUOTED.get(run)
    return bytes.fromhex(run.decode().replace("%", "")) if known is None else known


def _escaped(found: re.Match[str]) -> str:
    point = int(found[1] or found[2], 16)
    return chr(point)


def _runs(text: str, signs: int) -> Iterator[View]:
    """Readings of long runs without spaces, and of letters set apart."""
    if signs & _LONG_SIGN:
        yield from _decoded("base64", _BASE64, text)
    if signs & (_LONG_SIGN | _PAIRS_SIGN):
        yield from _decoded("hex", _HEX, text)
    if signs & (_LONG_SIGN | _OCTETS_SIGN):
        yield from _decoded("binary", _BINARY, text)
    if signs & _LONE_SIGN:
        plain, count = _SPACED.subn(_joined, text)
        if count:
            yield View("spaced", plain, 0, len(text))


def _decoded(encoding: str, pattern: re.Pattern[str], text: str) -> Iterator[View]:
    """All runs of one encoding as one reading, so that many short ones cost no more than one."""
    plain = [
        (shown, found.span())
        for found in pattern.finditer(text)
        if (shown := _printable(_DECODERS[encoding](found[0])))
    ]
    if plain:
        shown = "\n".join(part for part, _ in plain)
        yield View(encoding, shown, plain[0][1][0], plain[-1][1][1])


def _joined(found: re.Match[str]) -> str:
    words = _SPACES.sub("\n", found[0])
    for sign in _BETWEEN:
        words = words.replace(sign, "")
    return words.replace("\n", " ")


def _from_base64(run: str) -> bytes:
    clean = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(clean + "=" * (-len(clean) % 4))
    except (binascii.Error, ValueError):
        return b""


def _from_hex(run: str) -> bytes:
    digits = run.replace(" ", "").replace(":", "").replace(",", "")
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _from_bits(run: str) -> bytes:
    bits = run.replace(" ", "")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


_DECODERS = {"base64": _from_base64, "hex": _from_hex, "binary": _from_bits}


def _printable(data: bytes) -> str:
    """The bytes as text, empty where they are not text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    if not text.isprintable():
        shown = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
        if not shown.isprintable():
            return ""
    return text if _LETTER.search(text) else ""
