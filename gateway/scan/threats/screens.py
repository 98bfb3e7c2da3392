"""Where an address stands that is worth a look: one pass over the bytes of a text.

Most addresses are plain: a public host by its name or number, a path, a short query. A text may
hold thousands of them. They are told here, in one expression and without a look at each by itself;
what is not plain is left to the rules. Made to be compiled (docs/decisions/0006).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.scan.confirm import Screen
from gateway.scan.threats.rule import Confirm

OF_ADDRESS: Final = r"!#$%&*+,./0-9:;=?@A-Z\[\]_a-z{|}~-"
"""The inside of a class: what may stand in an address; what is not ASCII ends it."""
_OVER: Final = rf"(?:[^{OF_ADDRESS}]|\Z)"

# -- targets: what `target` takes for the host of a public machine

_ASKING: Final = ("https", "http", "ftps", "ftp", "wss", "ws", "sftp")
_READING: Final = ("gopher", "dict", "file", "ldap", "tftp", "jar", "netdoc")
"""Schemes that are as telling as an inner host, whatever host they name."""
_SCHEMES: Final = frozenset(scheme.encode() for scheme in (*_ASKING, *_READING))
_SCHEME_SIZES: Final = sorted({len(scheme) for scheme in _SCHEMES}, reverse=True)
_NUMBER: Final = (
    r"(?=[1-9])(?!(?:10|100|127|169|172|192|198|203)\.)"
    r"(?:[1-9][0-9]?|1[0-9]{2}|2[01][0-9]|22[0-3])"
    r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
)
"""An address out of a network of which every address is public, however its last three parts are
read; with a part that is too large it is none, and no inner name either."""


class TargetScreen:
    """Where an absolute address begins whose host may be no public one."""

    __slots__ = ("_search",)

    def __init__(self, inner: Iterable[str]) -> None:
        """`inner` are the endings of names that are none of public hosts."""
        named = rf"[A-Za-z0-9.-]{{1,160}}\.{_no_ending(inner)}[A-Za-z]{{2,24}}"
        # What a sentence puts behind an address is part of it, and of no inner name.
        behind = rf"(?::[0-9]{{1,5}})?[.,;:!]{{0,3}}(?:[/?#]|{_OVER})"
        asking, reading = (
            "|".join([rf"(?<={_any_case(scheme)}:)" for scheme in schemes])
            for schemes in (_ASKING, _READING)
        )
        self._search = re.compile(
            rf":(?=//|\\\\)(?:(?:{asking})(?!//(?:{_NUMBER}|{named}){behind})|{reading})".encode()
        )

    def __call__(self, data: bytes) -> Iterator[int]:
        """The places from left to right."""
        for found in self._search.finditer(data):
            colon = found.start()
            for size in _SCHEME_SIZES:
                if size <= colon and data[colon - size : colon].lower() in _SCHEMES:
                    yield colon - size


def _no_ending(names: Iterable[str]) -> str:
    """Before the last label of a name: it makes none of `names`."""
    firsts: set[str] = set()
    endings: list[str] = []
    for name in names:
        head, _, last = name.rpartition(".")
        before = head.removeprefix(".")
        whole = _any_case(f"{before}.{last}")
        firsts.add(_any_case(last[0]))
        endings.append(_any_case(last) + (f"(?<={whole})" if before else ""))
    first = "|".join(sorted(firsts)).replace("]|[", "")
    return rf"(?!(?={first})(?:{'|'.join(endings)})(?![A-Za-z0-9-]))"


def _any_case(text: str) -> str:
    """An expression for it in small letters and capitals: classes, which `re` skips quickly."""
    return "".join([f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in text])


# -- loads: what `exfiltration` takes for an address that carries nothing away

_BEGINS: Final = r"(?i:https?:)?//"
_AUTHORITY: Final = r"[A-Za-z0-9:@_.-]{1,27}(?:\.[A-Za-z0-9:@_-]{1,27})?"
_NO_HOLE: Final = rf"(?![{OF_ADDRESS}]{{0,200}}\[[A-Z_+])"
"""No name in brackets, which somebody would fill in."""
_PATH: Final = _NO_HOLE + r"(?:/[A-Za-z0-9._~:@!&*+,;=\[\]-]{0,39}){1,5}"
_PAIR: Final = r"(?:[A-Za-z0-9_.-]{1,16}=)?[A-Za-z0-9_.,:]{0,7}"
_QUERY: Final = rf"\?{_PAIR}(?:[&;]{_PAIR}){{0,3}}"
_FRAGMENT: Final = r"(?:#[A-Za-z_.]{0,10})?"
_UNLOADED: Final = (
    rf"{_BEGINS}{_AUTHORITY}"
    rf"(?:{_PATH}(?:{_QUERY})?{_FRAGMENT}|{_QUERY}{_FRAGMENT})?{_OVER}"
)
"""Short labels, short segments, short values: there is no room for data (`carries_data`).

It is shorter than what the rules look at of an address, so that nothing of it is cut off there.
"""


def _loaded(before: str, between: str) -> re.Pattern[bytes]:
    """`before` an address that may carry something; `between` may stand between the two."""
    return re.compile(rf"{before}(?!{between}{_UNLOADED})(?={between}{_BEGINS})".encode())


_IN_BRACKETS: Final = _loaded(r"\]\(", r"\s{0,4}<?")
_REFERENCE: Final = _loaded(r"\]:", r"\s{0,4}<?")
_ATTRIBUTE: Final = _loaded(r"=", r"\s{0,4}[\"']?")
_STYLE: Final = _loaded(r"(?i:url)\(", r"\s{0,4}[\"']?")
_LABEL_BYTES: Final = 4 * 120 + 1
_TAG_BYTES: Final = 4 * 120 + 32


def images(data: bytes) -> Iterator[int]:
    """Where an image begins in Markdown whose address may carry something.

    Its text may hold anything, so each beginning before such an address is one, once.
    """
    last = -1
    for found in _IN_BRACKETS.finditer(data):
        stop = found.start()
        at = data.find(b"![", max(last + 1, stop - _LABEL_BYTES - 2), stop)
        while at >= 0:
            yield at
            last = at
            at = data.find(b"![", at + 1, stop)


def links(data: bytes) -> Iterator[int]:
    """The same of a link; an image is one as well."""
    return _labels(data, _IN_BRACKETS, b"[")


def references(data: bytes) -> Iterator[int]:
    """The same of the definition of a link."""
    return _labels(data, _REFERENCE, b"[")


def _labels(data: bytes, behind: re.Pattern[bytes], opening: bytes) -> Iterator[int]:
    """Each `opening` of what may be the text of a link; it holds no `]`."""
    for found in behind.finditer(data):
        stop = found.start()
        low = max(0, stop - _LABEL_BYTES - len(opening))
        low = max(low, data.rfind(b"]", low, stop) + 1)
        at = data.find(opening, low, stop)
        while at >= 0:
            yield at
            at = data.find(opening, at + 1, stop)


def tags(data: bytes) -> Iterator[int]:
    """Where a tag begins one of whose attributes is an address that may carry something."""
    last = -1
    for found in _ATTRIBUTE.finditer(data):
        stop = found.start()
        at = data.rfind(b"<", max(0, stop - _TAG_BYTES), stop)
        if at > last and data.find(b">", at, stop) < 0:
            last = at
            yield at


def styles(data: bytes) -> Iterator[int]:
    """Where a style sheet names an address that may carry something."""
    for found in _STYLE.finditer(data):
        yield found.start()


class Screened:
    """A look at a hit, and a screen that tells where hits may be (`Pattern.validator`)."""

    __slots__ = ("_confirm", "screen")

    def __init__(self, confirm: Confirm, screen: Screen) -> None:
        self._confirm = confirm
        self.screen = screen

    def __call__(self, value: str, before: str) -> bool:
        return self._confirm(value, before)
