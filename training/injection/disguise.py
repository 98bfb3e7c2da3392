"""Texts in disguise: encodings and spellings that people use to slip past filters."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from random import Random
from urllib.parse import quote

_HOMOGLYPHS = dict(zip("aceijopsxy", "асеіјорѕху", strict=True))  # the subject
_LEET = dict(zip("oieast", "013457", strict=True))


def _each(text: str, table: dict[str, str], random: Random, share: float) -> str:
    return "".join(
        table.get(char.lower(), char) if random.random() < share else char for char in text
    )


def _typo(text: str, random: Random) -> str:
    chars = list(text)
    for _ in range(max(1, len(chars) // 18)):
        at = random.randrange(max(1, len(chars) - 1))
        if len(chars) > at + 1 and chars[at].isalpha() and chars[at + 1].isalpha():
            chars[at], chars[at + 1] = chars[at + 1], chars[at]
    return "".join(chars)


def _zero_width(text: str, random: Random) -> str:
    return "".join(char + ("\u200b" if random.random() < 0.4 else "") for char in text)


def _zalgo(text: str, random: Random) -> str:
    return "".join(
        char + "".join(chr(random.randrange(0x300, 0x36F)) for _ in range(random.randrange(3)))
        for char in text
    )


def _math(text: str, _: Random) -> str:
    return "".join(
        chr(0x1D41A + ord(char) - 97) if "a" <= char <= "z" else char for char in text.lower()
    )


DISGUISES: dict[str, Callable[[str, Random], str]] = {
    "base64": lambda text, _: base64.b64encode(text.encode()).decode(),
    "base64_asked": lambda text, _: f"Decode and do: {base64.b64encode(text.encode()).decode()}",
    "hex": lambda text, _: text.encode().hex(),
    "hex_spaced": lambda text, _: text.encode().hex(" "),
    "percent": lambda text, _: quote(text),
    "percent_all": lambda text, _: "".join(f"%{byte:02x}" for byte in text.encode()),
    "entities": lambda text, _: "".join(f"&#{ord(char)};" for char in text),
    "escapes": lambda text, _: "".join(f"\\u{ord(char):04x}" for char in text),
    "rot13": lambda text, _: codecs.encode(text, "rot13"),
    "reversed": lambda text, _: text[::-1],
    "spaced": lambda text, _: " ".join(text),
    "dashed": lambda text, random: random.choice("-._*").join(text.replace(" ", "")),
    "leet": lambda text, random: _each(text, _LEET, random, 0.9),
    "homoglyph": lambda text, random: _each(text, _HOMOGLYPHS, random, 0.8),
    "fullwidth": lambda text, _: "".join(
        chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text
    ),
    "tags": lambda text, _: "".join(
        chr(0xE0000 + ord(char)) for char in text if " " <= char <= "~"
    ),
    "math": _math,
    "zero_width": _zero_width,
    "zalgo": _zalgo,
    "typo": _typo,
}

_LATIN = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґјљњћђџαβγδεζηθικλμνξοπρσςτυφχψω",
        (
            "a b v g d e zh z i y k l m n o p r s t u f h ts ch sh sch  y  e yu ya i yi ye g j "
            "lj nj c dj dz a v g d e z i th i k l m n x o p r s s t y f ch ps o"
        ).split(" "),
        strict=True,
    )
)
_ACCENTED = dict(zip("άέήίόύώϊΐ", "αεηιουωιι", strict=True))


def romanised(text: str) -> str:
    """Cyrillic or Greek in Latin letters, as people type it without the right keyboard."""
    small = "".join(_ACCENTED.get(char, char) for char in text.lower())
    return "".join(_LATIN.get(char, char) for char in small)
