"""Phrases that are an attack wherever they stand: the part of detection that explains itself.

They stand in `signatures.txt`. Each has plain words, one of which must occur before its pattern is
tried; all are looked for at once. Every gap in the patterns is bounded, so their time is linear in
the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.scan.database import Database, Expression

_FILE = Path(__file__).with_name("signatures.txt")
_INSERTED = re.compile(r"@([a-z]+)@")


@dataclass(frozen=True, slots=True)
class Signature:
    """A phrase: `name` goes to logs, `words` are the plain words that gate it.

    `data_only` marks what is an attack in a tool result or a document, but not from a user.
    """

    name: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
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
def _gates() -> tuple[Database, tuple[frozenset[int], ...]]:
    """What looks for the plain words, and which of them each signature has."""
    words = {word: number for number, word in enumerate(_words())}
    expressions = [Expression(re.escape(word).encode(), once=True) for word in words]
    gates = (frozenset(words[word] for word in one.words) for one in signatures())
    return Database(expressions, None), tuple(gates)


def _words() -> list[str]:
    return sorted({word for signature in signatures() for word in signature.words})


def _parsed(text: str) -> list[Signature]:
    defined: dict[str, str] = {}
    found, name, words = [], "", ""
    for line in text.splitlines():
        kind, _, value = line.partition(" ")
        if kind == "define":
            key, _, defined_as = value.partition(" ")
            defined[key] = defined_as
        elif kind == "name":
            name = value
        elif kind == "words":
            words = value.replace("~", " ")
        elif kind == "match":
            pattern = _INSERTED.sub(lambda inserted: defined[inserted[1]], value)
            gate, data_only = tuple(words.split(" ; ")), name.endswith(" data")
            compiled = re.compile(pattern, re.DOTALL)
            found.append(Signature(name.removesuffix(" data"), gate, compiled, data_only))
    return found


def matches(text: str, *, data: bool) -> list[Hit]:
    """The signatures in the normalised `text`; `data` says that nobody should give orders in it."""
    small = text.lower()
    if len(small) != len(text):  # a few capitals grow in small letters; offsets must hold
        small = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    gate, wanted = _gates()
    seen = gate.scan(small.encode("utf-8", "surrogatepass")).keys()
    hits = []
    for signature, words in zip(signatures(), wanted, strict=True):
        if signature.data_only and not data:
            continue
        if not words.isdisjoint(seen):
            found = signature.pattern.search(small)
            if found:
                hits.append(Hit(signature.name, *found.span()))
    return hits
