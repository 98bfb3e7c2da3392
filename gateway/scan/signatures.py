"""Phrases that are an attack wherever they stand: the part of detection that explains itself.

They stand in `signatures.txt`. Each has plain words, one of which must occur before its pattern is
tried, and some have others, of which all that it matches has one; all are looked for at once. Every
gap in the patterns is bounded, so their time is linear in the text. RE2 tells first whether a
pattern can match at all: a tenth of what `re` takes for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.scan.database import Database, Expression
from gateway.scan.patterns import compiled
from gateway.scan.re2_body import Match

_FILE = Path(__file__).with_name("signatures.txt")
_INSERTED = re.compile(r"@([a-z]+)@")
_LOOKS_AHEAD = re.compile(r"\(\?!(?:[^()]|\([^()]*\))*\)")
"""`(?! ... )`, with groups of one level in it: what RE2 cannot say."""
_SPACES = r"\s\x0b\x1c-\x1f"
"""The inside of a class: what `re` takes for a space, of ASCII."""
_COUNTED = re.compile(r"\{(\d+),\d{2,}\}")
"""Counted out, a gap has more states than RE2 keeps, and a dense text asks for all of them."""
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.")
_BEYOND = r"\x{80}-\x{10ffff}"
_GROWS = "\u0130"
_HALVES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Signature:
    """A phrase: `name` goes to logs, `words` are the plain words that gate it.

    All that its pattern matches has one of `also`, where there are any. `data_only` marks what is
    an attack in a tool result or a document, but not from a user. `may` finds something in every
    text of ASCII in which `pattern` does, `may_beyond` in every text.
    """

    name: str
    words: tuple[str, ...]
    also: tuple[str, ...]
    pattern: re.Pattern[str]
    may: Match
    may_beyond: Match
    data_only: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A signature and where it matched in the normalised text."""

    name: str
    start: int
    stop: int


@cache
def signatures() -> tuple[Signature, ...]:
    """All phrases, compiled once."""
    return tuple(_parsed(_FILE.read_text(encoding="utf-8")))


@cache
def _gates() -> tuple[Database, tuple[frozenset[int], ...], tuple[frozenset[int], ...]]:
    """What looks for all words; of each the signatures that it gates, and that also ask it."""
    gating = [one.words for one in signatures()]
    asked = [one.also or one.words for one in signatures()]
    words = sorted({word for one in (*gating, *asked) for word in one})
    expressions = [Expression(re.escape(word).encode(), once=True) for word in words]
    return Database(expressions, None), _having(words, gating), _having(words, asked)


def _having(words: list[str], of: list[tuple[str, ...]]) -> tuple[frozenset[int], ...]:
    return tuple(
        frozenset(number for number, those in enumerate(of) if word in those) for word in words
    )


def _parsed(text: str) -> list[Signature]:
    defined: dict[str, str] = {}
    found, name = [], ""
    words: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    for line in text.splitlines():
        kind, _, value = line.partition(" ")
        if kind == "define":
            key, _, defined_as = value.partition(" ")
            defined[key] = defined_as
        elif kind == "name":
            name, also = value, ()
        elif kind == "words":
            words = _listed(value)
        elif kind == "also":
            also = _listed(value)
        elif kind == "match":
            pattern = _INSERTED.sub(lambda inserted: defined[inserted[1]], value)
            data_only, name = name.endswith(" data"), name.removesuffix(" data")
            whole = re.compile(pattern, re.DOTALL)
            may, may_beyond = compiled(for_ascii(pattern)), compiled(for_all(pattern))
            found.append(Signature(name, words, also, whole, may, may_beyond, data_only))
    return found


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.replace("~", " ").split(" ; "))


def for_ascii(pattern: str) -> str:
    """An expression for RE2 that matches wherever `pattern` does in ASCII, if not elsewhere too."""
    loose = _COUNTED.sub(lambda least: "*" if least[1] == "0" else "+", pattern)
    return "(?s)" + _LOOKS_AHEAD.sub("", loose).replace(r"\s", _SPACES)


def for_all(pattern: str) -> str:
    """The same for any text: what is not ASCII may be anything, and edges of words anywhere."""
    return for_ascii(_CLASS.sub(_widened, pattern))


def _widened(part: re.Match[str]) -> str:
    said = part[0]
    if said == r"\b":
        return ""
    if said in {r"\w", r"\s", r"\d"}:
        said = f"[{said}]"
    if said.startswith("[") and not said.startswith("[^"):
        return f"[{_BEYOND}{said[1:]}"  # in front: a dash at the end stays one
    return said


def matches(text: str, *, data: bool) -> list[Hit]:
    """The signatures in the normalised `text`; `data` says that nobody should give orders in it."""
    is_ascii = text.isascii()
    small = "" if is_ascii else _small(text)
    # A half of a character is none to RE2; what stands for it is no letter either.
    coded = text.encode().lower() if is_ascii else _HALVES.sub("\ufffd", small).encode()
    gate, having, also_having = _gates()
    seen: set[int] = set()
    also: set[int] = set()
    for word in gate.scan(coded):
        seen |= having[word]
        also |= also_having[word]
    hits = []
    for number in sorted(seen & also):
        signature = signatures()[number]
        if signature.data_only and not data:
            continue
        may = signature.may if is_ascii else signature.may_beyond
        if may(coded, 0, len(coded))[0][0] < 0:
            continue
        small = small or coded.decode()  # few texts come this far
        found = signature.pattern.search(small)
        if found:
            hits.append(Hit(signature.name, *found.span()))
    return hits


def _small(text: str) -> str:
    """The text in small letters, each of its characters in its place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return _GROWS.join([part.lower() for part in text.split(_GROWS)])  # one capital grows
