"""Addresses that carry data away: a client fetches an image, a frame or a style sheet by itself.

The data stands in the query, in the fragment, in a segment of the path or in a label of the host.
What ordinary addresses carry (sizes, versions, hashes of files, words of a search) is none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

from gateway.scan.threats import screens
from gateway.scan.threats.rule import Rule, Threat
from gateway.scan.threats.screens import OF_ADDRESS, Screened
from gateway.scan.threats.target import Hosts, host_of

try:
    from gateway.scan.threats import _loads

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_URL: Final = rf"(?P<value>(?:https?:)?//[{OF_ADDRESS}]{{3,400}})"
"""As much of an address as tells whether it carries something; what is not ASCII ends it."""
_ALTERNATIVE: Final = r"(?s:.{0,120}?)"
"""The text of an image: Markdown allows line ends in it, and brackets that come in pairs."""
_TELLING: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:data|d|leak|exfil\w*|secret\w*|token|key|api_?key|passw\w*|cookies?|session\w*"
    r"|content|conversation|chat|history|summary|prompt|system|payload|stolen|info|user\w*|email"
    r"|ssn|card|context|memory|msg|message|text|log|c|x|m|p)\Z"
)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_HEX: Final = re.compile(r"(?i)[0-9a-f]+\Z")
_VERSION_LIKE: Final = re.compile(r"(?i)[0-9a-f]{7,64}(?:\.[a-z0-9]{2,5})?\Z")
_HOLE: Final = re.compile(r"\{[^{}]{1,60}\}|\[[A-Z_ ]{3,60}\]|<[^<>]{1,60}>|\$[A-Z_]{3,40}")
_PERSONAL: Final = re.compile(
    r"[^\s@]{1,64}@[^\s@]{1,64}\.[a-z]{2,}|\d{9,}|\bsk-|eyJ[A-Za-z0-9_-]{8}"
)
_CARRIER: Final = re.compile(r"[?#%{<$]|\[[A-Z_ ]")
"""Without one of these, a short address has no room for anything that is not its own."""
_LABEL_MIN: Final = 28
_SEGMENT_MIN: Final = 40
_TELLING_MIN: Final = 8
_WORDS_MIN: Final = 3
_LINK_OPAQUE_MIN: Final = 32
_LINK_WORDS_MIN: Final = 12


def carries_data(url: str, *, fetched: bool) -> bool:
    """Whether an address takes something along that is not its own.

    `fetched` says that a client asks for it by itself, so that less is enough. `_loads.c` says the
    same of addresses in ASCII, and tells at once where one stands that does: a text may be full of
    others.
    """
    if NATIVE and url.isascii():
        return _loads.carries_data(url, fetched)
    return carries_something(url, fetched=fetched)


def carries_something(url: str, *, fetched: bool) -> bool:
    """The same, of any address."""
    if len(url) <= _LABEL_MIN and _CARRIER.search(url) is None:
        return False
    rest = url.partition("//")[2]
    authority, _, tail = rest.partition("/")
    if "?" in authority:
        authority, _, tail = rest.partition("?")
        tail = "?" + tail
    path, _, query = tail.partition("?")
    path, _, fragment = path.partition("#")
    if any(len(label) >= _LABEL_MIN for label in authority.split(".")):
        return True
    if any(_is_opaque_segment(segment) for segment in path.split("/")):
        return True
    if _HOLE.search(unquote_plus(tail)) is not None:
        return True
    pairs = [pair.partition("=") for pair in re.split("[&#;]", f"{query}&{fragment}") if pair]
    return any(
        _is_data(name if mark else "", unquote_plus(value if mark else name), fetched=fetched)
        for name, mark, value in pairs
    )


def _is_opaque_segment(segment: str) -> bool:
    """A long run of letters and digits; the hash of a file is none."""
    if len(segment) < _SEGMENT_MIN or _VERSION_LIKE.match(segment) is not None:
        return False
    name = segment.partition(".")[0]
    return _OPAQUE.fullmatch(name) is not None and _is_mixed(name) and not _reads_as_words(name)


def _reads_as_words(text: str) -> bool:
    parts = text.replace("_", "-").split("-")
    return sum(part.isalpha() for part in parts) >= _WORDS_MIN


def _is_mixed(text: str) -> bool:
    return text not in {text.lower(), text.upper()} or any(char.isdigit() for char in text)


def _is_data(name: str, value: str, *, fetched: bool) -> bool:
    if not value:
        return False
    if _PERSONAL.search(value) is not None:
        return True
    opaque = _OPAQUE.search(value)
    if opaque is not None and not _reads_as_words(opaque[0]):
        least = 20 if fetched else _LINK_OPAQUE_MIN
        if (len(opaque[0]) >= least and not _HEX.match(opaque[0])) or len(opaque[0]) > 64:  # noqa: PLR2004  # SHA-256
            return True
    words = len(value.split())
    if words >= (_WORDS_MIN if fetched else _LINK_WORDS_MIN):
        return True
    return fetched and len(value) >= _TELLING_MIN and _TELLING.search(name) is not None


@lru_cache(32)
def rules(hosts: tuple[str, ...]) -> tuple[Rule, ...]:
    """What would take data to a host that is not among `hosts`."""
    allowed = Hosts(hosts)

    def fetched(value: str, before: str) -> bool:
        del before
        return carries_data(value, fetched=True) and host_of(value) not in allowed

    def clicked(value: str, before: str) -> bool:
        opened = before.rfind("[")
        if opened > 0 and before[opened - 1] == "!":
            return fetched(value, before)  # an image, as far as is seen
        return carries_data(value, fetched=False) and host_of(value) not in allowed

    threat = Threat.EXFILTRATION
    where = _loads if NATIVE else screens
    return (
        Rule("exfiltration_image", threat, rf"!\[{_ALTERNATIVE}\]\(\s{{0,4}}<?{_URL}", 0.95,
             Screened(fetched, where.images), bites_shown=True),
        Rule("exfiltration_link", threat, rf"\[[^\]]{{0,120}}\]\(\s{{0,4}}<?{_URL}", 0.9,
             Screened(clicked, where.links), bites_shown=True),
        Rule("exfiltration_reference", threat, rf"\[[^\]\n]{{1,100}}\]:\s{{0,4}}<?{_URL}", 0.9,
             Screened(fetched, where.references), bites_shown=True),
        Rule("exfiltration_markup", threat,
             r"(?i)<(?:img|image|iframe|script|link|object|embed|video|audio|source|input|body|form"
             r"|use|track|a|area)\b[^<>]{0,120}(?:src|srcset|href|data|action|background|poster)"
             rf"\s{{0,4}}=\s{{0,4}}[\"']?{_URL}", 0.95, Screened(fetched, where.tags),
             bites_shown=True),
        Rule("exfiltration_style", threat, rf"(?i)url\(\s{{0,4}}[\"']?{_URL}", 0.9,
             Screened(fetched, where.styles), bites_shown=True),
    )  # fmt: skip
