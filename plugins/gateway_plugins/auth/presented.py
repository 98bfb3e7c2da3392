"""Where clients put a credential of this gateway, and how it is taken off again.

| place                                   | who puts it there                                      |
|-----------------------------------------|--------------------------------------------------------|
| `authorization: Bearer CREDENTIAL`      | OpenAI's SDKs and most others                          |
| `x-api-key`                             | Anthropic's SDKs                                       |
| `x-goog-api-key`, `?key=`               | Google's SDKs                                          |
| `api-key`                               | Azure's SDKs                                           |
| `openai-insecure-api-key.CREDENTIAL` in | browsers, which can set no other header of a WebSocket |
| `sec-websocket-protocol`                |                                                        |
| our own header (`x-sealgate-key`)       | clients that send the provider's credential as well    |

Our own header always holds a credential of ours. Elsewhere it is one by its form: a virtual key by
its prefix, and a signed token where the policy knows issuers; everything else is the provider's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

from gateway.identity.compact import looks_like_token
from gateway.identity.keys import KEY_PREFIX, TOKEN_PREFIX
from gateway.plugin import Headers, RequestView, spellings
from gateway.providers.client_credentials import (
    CREDENTIAL_HEADERS,
    PROTOCOL_KEY,
    PROTOCOLS,
    QUERY_KEY,
    protocols,
    take_key_off_protocols,
)

QUERY: Final = "?key="
"""The name of the query among the places."""

_PREFIXES: Final = (KEY_PREFIX, TOKEN_PREFIX)

_MARK: Final = b"sg"
"""Stands in both prefixes."""

Found = dict[str, list[str]]
"""The credentials of one request, and the places where each of them stood."""


class Places:
    """Looks for credentials and takes them off; compiled once per use of the plugin."""

    def __init__(self, own_header: str, *, tokens: bool) -> None:
        """`tokens`: signed tokens count as ours too."""
        self._own = own_header
        self._tokens = tokens
        names = (*CREDENTIAL_HEADERS, own_header)
        self._places = tuple((name.encode("latin-1"), name) for name in dict.fromkeys(names))
        self._exact = {
            name: frozenset(s for s in spellings(name) if b"_" not in s) | {raw}
            for raw, name in self._places
        }
        self._twins = frozenset(
            spelled for name in names for spelled in spellings(name) if b"_" in spelled
        )

    def find(self, request: RequestView) -> Found:
        """Every credential of ours that the request holds; mostly one."""
        headers = request.headers
        found: Found = {}
        distinct = headers.distinct() is not None
        for raw, name in self._places:
            value = headers.first(raw)
            if value is None or (distinct and not self._may_be_ours(value, name)):
                continue
            values = (value.decode("latin-1"),) if distinct else headers.get_all(name)
            for text in values:
                bare = _without_scheme(text)
                if name == self._own or self._is_ours(bare):
                    _add(found, bare, name)
        if request.query is not None:
            self._find_in_query(request.query, found)
        if headers.first(b"sec-websocket-protocol") is not None:
            self._find_in_protocols(headers, found)
        return found

    def take_off(self, request: RequestView, places: Iterable[str]) -> None:
        """Removes the credential from where it stood; `take_off_twins` was called before."""
        headers = request.headers
        for place in places:
            if place == QUERY:
                request.remove_from_query(QUERY_KEY)
            elif place == PROTOCOLS:
                take_key_off_protocols(headers)
            else:
                headers.drop(self._exact[place])

    def take_off_twins(self, headers: Headers) -> None:
        """Removes the spellings with `_`: they were not looked at, and some upstream might."""
        if headers.holds_any(self._twins):
            headers.drop(self._twins)

    # -- inner

    def _may_be_ours(self, value: bytes, name: str) -> bool:
        """Whether a look at the text is worth it: most of these fields hold a provider's key."""
        return name == self._own or self._tokens or _MARK in value

    def _is_ours(self, text: str) -> bool:
        return text.startswith(_PREFIXES) or (self._tokens and looks_like_token(text))

    def _find_in_query(self, query: str, found: Found) -> None:
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if name == QUERY_KEY or ("%" in name and unquote_plus(name) == QUERY_KEY):
                text = unquote_plus(value)
                if self._is_ours(text):
                    _add(found, text, QUERY)

    def _find_in_protocols(self, headers: Headers, found: Found) -> None:
        for text in protocols(headers):
            if text.startswith(PROTOCOL_KEY):
                credential = text.removeprefix(PROTOCOL_KEY)
                if self._is_ours(credential):
                    _add(found, credential, PROTOCOLS)


def _without_scheme(text: str) -> str:
    """What stands behind `Bearer` (RFC 6750 section 2.1), or all of it."""
    if text[:7].lower() == "bearer ":
        return text[7:].strip(" \t")
    return text


def _add(found: Found, credential: str, place: str) -> None:
    found.setdefault(credential, []).append(place)
