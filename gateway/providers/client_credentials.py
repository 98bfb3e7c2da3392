"""Where the SDKs of all providers put their credential, and how it is taken off a request."""

from __future__ import annotations

from typing import Final

from gateway.plugin.headers import Headers, spellings

CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
"""The headers in which a client presents who it is."""
SESSION_HEADERS: Final = ("x-amz-security-token",)
"""A header that is worth nothing without one of those, and still a secret."""
QUERY_KEY: Final = "key"
"""Google's APIs take the key in the query as well."""
PROTOCOLS: Final = "sec-websocket-protocol"
PROTOCOL_KEY: Final = "openai-insecure-api-key."
"""Begins the subprotocol in which a browser presents an OpenAI key: a WebSocket that it opens has
no other place for one."""

ALL_SPELLINGS: Final = spellings(*CREDENTIAL_HEADERS, *SESSION_HEADERS)


def protocols(headers: Headers) -> list[str]:
    """The subprotocols that a WebSocket client offers (RFC 6455 section 11.3.4)."""
    lists = headers.get_all(PROTOCOLS)
    return [text.strip(" \t") for each in lists for text in each.split(",")]


def take_key_off_protocols(headers: Headers) -> None:
    """Removes the key that a browser offers as a subprotocol; the others stay."""
    offered = protocols(headers)
    kept = [text for text in offered if not text.startswith(PROTOCOL_KEY)]
    if len(kept) == len(offered):
        return
    if kept:
        headers.set(PROTOCOLS, ", ".join(kept))
    else:
        headers.remove(PROTOCOLS)
