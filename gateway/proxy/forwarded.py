"""The lists of X-Forwarded-For and Forwarded, read strictly, newest hop first.

A hop that is no address is None: `unknown`, `_hidden` (RFC 7239 section 6), garbage, an empty
element. Only the newest `HOPS_MAX` hops are read; a longer chain of trusted proxies ends there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.networks import Address, parse_address

HOPS_MAX = 32
FORWARDED_CHARACTERS_MAX = 4096
"""A longer Forwarded field is not read: it has to be read from its far end."""

_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_V4_NODE = re.compile(rf"([0-9.]+){_PORT}")
_V6_NODE = re.compile(rf"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]{_PORT}")

# One pair of RFC 7239 section 4 and what follows it. An unquoted value may hold more than a token
# (`for=192.0.2.1:443` is often written so), but nothing that could be taken for a separator.
_PAIR = re.compile(
    r"""[ \t]*+
    (?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]++)=
    (?:"(?P<quoted>(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\x80-\xff])*+)"
      |(?P<plain>[^\x00-\x20\x7f",;=\\]++))
    [ \t]*+(?P<end>[;,]|\Z)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


def x_forwarded_for_hops(value: str) -> Iterator[Address | None]:
    """The hops of one X-Forwarded-For list, newest first."""
    newest = value.rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    return (_hop(element.strip(" \t"), bare_v6=True) for element in reversed(newest))


def forwarded_hops(value: str) -> Iterator[Address | None] | None:
    """The hops of one Forwarded list, newest first; None where it does not follow the grammar.

    A field that is broken anywhere says nothing: an open quote on the client's side could swallow
    the element that the proxy appended.
    """
    if len(value) > FORWARDED_CHARACTERS_MAX:
        return None
    nodes: list[str | None] = []
    seen: list[str] = []
    place, end = 0, ","
    while end:
        pair = _PAIR.match(value, place)
        if pair is None:
            return None
        if pair["name"].lower() == "for":
            quoted = pair["quoted"]
            seen.append(pair["plain"] if quoted is None else _ESCAPE.sub(r"\1", quoted))
        place, end = pair.end(), pair["end"]
        if end != ";":
            # RFC 7239 section 4: a parameter occurs at most once in an element.
            nodes.append(seen[0] if len(seen) == 1 else None)
            seen.clear()
    newest = nodes[-HOPS_MAX:]
    return (None if node is None else _hop(node, bare_v6=False) for node in reversed(newest))


def _hop(node: str, *, bare_v6: bool) -> Address | None:
    """The address of a node, whose port does not matter (RFC 7239 section 6)."""
    match = _V4_NODE.fullmatch(node) or _V6_NODE.fullmatch(node)
    if match is not None:
        return parse_address(match[1])
    return parse_address(node) if bare_v6 else None
