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

_MARK: Final = 95
"""The underscore, which stands in both prefixes; a look for one byte costs next to nothing.

As a number: `b"_" in text` first tries to take the bytes for a number, at ten times the price.
"""

Found = dict[str, list[str]]
"""The credentials of one request, and the places where each of them stood."""


class Places:
    """Looks for credentials and takes them off; compiled once per use of the plugin."""

    def __init__(self, own_header: str, *, tokens: bool) -> None:
        """`tokens`: signed tokens count as ours too."""
        self._own = own_header
        self._tokens = tokens
        names = (*CREDENTIAL_HEADERS, own_header)
        # The name as it comes, as it is told, and whether the field is always worth a look: most of
        # the others hold a provider's key.
        self._places = tuple(
            (name.encode("latin-1"), name, tokens or name == own_header)
            for name in dict.fromkeys(names)
        )
        self._twins = tuple(sorted(spellings(*names) - {raw for raw, _, _ in self._places}))

    def find(self, request: RequestView) -> Found:
        """Every credential of ours that the request holds; mostly one."""
        headers = request.headers
        found: Found = {}
        fields = headers.distinct()
        if fields is None:
            for _, name, _ in self._places:
                for text in headers.get_all(name):
                    self._look_at(text, name, found)
        else:
            for raw, name, always in self._places:
                field = fields.get(raw)
                if field is not None and (always or _MARK in field[1]):
                    self._look_at(field[1].decode("latin-1"), name, found)
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
                headers.drop_field(place.encode("latin-1"))

    def take_off_twins(self, headers: Headers) -> None:
        """Removes the other spellings: they were not looked at, and some upstream might."""
        if headers.holds_any(self._twins):
            headers.drop(frozenset(self._twins))

    # -- inner

    def _look_at(self, text: str, name: str, found: Found) -> None:
        bare = text if text.startswith(KEY_PREFIX) else _without_scheme(text)
        if name == self._own or self._is_ours(bare):
            _add(found, bare, name)

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
    places = found.get(credential)
    if places is None:
        found[credential] = [place]
    else:
        places.append(place)
