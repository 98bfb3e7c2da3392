"""The provider's keys: put into forwarded requests in place of whatever the client presents.

A key comes from the environment, from a file or from Vault; `CredentialKeeper` keeps them up to
date in the background. A key that cannot be read any more is served on from memory, and a request
for an upstream none of whose keys was ever read is refused: it never goes out with the client's own
credential.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from gateway.credential_settings import CredentialSettings
from gateway.identity.keys import KEY_PREFIX, TOKEN_PREFIX
from gateway.plugin.exchange import RequestView
from gateway.plugin.headers import Headers, spellings
from gateway.providers.client_credentials import (
    ALL_SPELLINGS,
    CREDENTIAL_HEADERS,
    PROTOCOL_KEY,
    PROTOCOLS,
    QUERY_KEY,
    protocols,
    take_key_off_protocols,
)
from gateway.proxy.headers import REQUEST_HOP_BY_HOP
from gateway.proxy.upstream import UpstreamError
from gateway.reasons import Reason
from gateway.settings import Dialect

_BY_DIALECT: Final[dict[Dialect, bytes]] = {
    Dialect.ANTHROPIC: b"x-api-key: %b\r\n",
    Dialect.GEMINI: b"x-goog-api-key: %b\r\n",
    Dialect.AZURE: b"api-key: %b\r\n",
}
_BEARER: Final = b"authorization: Bearer %b\r\n"
"""OpenAI and all that speak like it, Bedrock's API keys (not SigV4), Ollama behind a proxy."""

OWN_HEADER: Final = "x-sealgate-key"
"""The header for the gateway's own credential, unless a policy names another."""

_OWN_HEADER: Final = OWN_HEADER.encode("ascii")
_OWN_SPELLINGS: Final = spellings(OWN_HEADER)
_PLACES: Final = {name.encode("ascii"): spellings(name) for name in CREDENTIAL_HEADERS}
_PROTOCOLS: Final = PROTOCOLS.encode("ascii")
_PREFIXES: Final = (KEY_PREFIX, TOKEN_PREFIX)
_RAW_PREFIXES: Final = tuple(prefix.encode("ascii") for prefix in _PREFIXES)


class UpstreamCredential:
    """The keys of one upstream as whole header lines, ready to be added."""

    __slots__ = ("_format", "_header", "_lines", "_name", "_turn", "dropped")

    def __init__(self, name: str, settings: CredentialSettings) -> None:
        self._name = name
        self._header = settings.header
        self._format = settings.format
        self._lines: tuple[dict[Dialect, bytes], ...] = ()
        self._turn = 0
        own = spellings(settings.header) if settings.header is not None else frozenset()
        self.dropped = REQUEST_HOP_BY_HOP | ALL_SPELLINGS | own
        """The fields of the client that are not forwarded, in every spelling."""

    def set_keys(self, keys: tuple[str, ...]) -> None:
        """Takes new keys into use; requests under way go on with theirs."""
        self._lines = tuple(self._written(key) for key in keys)

    def line(self, dialect: Dialect) -> bytes:
        """The header line with the next key. Raises UpstreamError where there is no key."""
        lines = self._lines
        if not lines:
            message = f"the gateway's credential for {self._name} cannot be read"
            raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, message)
        self._turn = turn = (self._turn + 1) % len(lines)
        return lines[turn][dialect]

    def _written(self, key: str) -> dict[Dialect, bytes]:
        encoded = key.encode("ascii")
        if self._header is not None:
            value = self._format.replace("{key}", key).encode("ascii")
            return dict.fromkeys(Dialect, b"%b: %b\r\n" % (self._header.encode("ascii"), value))
        return {each: _BY_DIALECT.get(each, _BEARER) % encoded for each in Dialect}

    def __repr__(self) -> str:
        return f"<UpstreamCredential {self._name}>"


def withhold_own(request: RequestView) -> None:
    """Takes virtual keys and admin tokens of this gateway off a request that is forwarded.

    `auth` does so where it runs. This is for where it does not: a route without it, a trial in
    shadow mode, an admin token where a provider's key belongs.
    """
    headers = request.headers
    fields = headers.distinct()
    if fields is None:
        _withhold_repeated(headers)
    else:
        for name in _PLACES:
            field = fields.get(name)
            if field is not None and _is_own(field[1]):
                headers.drop(_PLACES[name])
        if _OWN_HEADER in fields:
            headers.drop(_OWN_SPELLINGS)
    query = request.query
    if query is not None and "sg" in query:
        pairs = (pair.partition("=") for pair in query.split("&"))
        if any(unquote_plus(v).startswith(_PREFIXES) for n, _, v in pairs if _is_key(n)):
            request.remove_from_query(QUERY_KEY)
    if headers.first(_PROTOCOLS) is not None and any(
        text.removeprefix(PROTOCOL_KEY).startswith(_PREFIXES) for text in protocols(headers)
    ):
        take_key_off_protocols(headers)


def _withhold_repeated(headers: Headers) -> None:
    headers.drop(_OWN_SPELLINGS)
    held = {name.lower() for name, value in headers.raw if _is_own(value)}
    for name in held & _PLACES.keys():
        headers.drop(_PLACES[name])


def _is_own(value: bytes) -> bool:
    """Whether a field holds a credential of ours, behind whatever scheme."""
    return value.rpartition(b" ")[2].startswith(_RAW_PREFIXES)


def _is_key(name: str) -> bool:
    return name == QUERY_KEY or ("%" in name and unquote_plus(name) == QUERY_KEY)


def without_protocol_key(headers: Headers) -> Headers:
    """The headers of a WebSocket handshake without a key among its subprotocols."""
    if PROTOCOLS not in headers:
        return headers
    copy = headers.copy()
    take_key_off_protocols(copy)
    return copy
