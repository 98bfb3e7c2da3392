"""Whose values these are: the caller, and the conversation.

A placeholder means something to one caller in one conversation only. The caller comes from the
verified credential. What a conversation is, most APIs do not say, so the first of these decides:

    1. where the policy says that clients name it, and the request does ... that name
    2. it belongs to a thread or conversation that the provider holds ..... its id
    3. the provider may hold what was said before (responses, caches) ..... all of the caller's
    4. else the request brings all that was said .......................... its first message

So the turns of a chat share their placeholders, and the provider's prompt cache stays valid. Two
chats of one caller that begin with the same message share them too; other callers never do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.plugin import PRINCIPAL, Exchange, Span
from gateway.plugin.identity import ANONYMOUS_TENANT
from gateway.plugin.text import UNPARSED
from gateway.providers.client_credentials import CREDENTIAL_HEADERS
from gateway.providers.document import json_value
from gateway.providers.operations import operation_of
from gateway_plugins.dlp.vault_config import ConversationConfig

FIRST_MESSAGE_CHARACTERS_MAX: Final = 4_096
"""Of the first message, this much tells one conversation from another."""
NAME_CHARACTERS_MAX: Final = 512

_WHOLE: Final = frozenset(
    {"chat.create", "messages.create", "completions.create", "tokens.count"}
    | {"embeddings.create", "moderations.create"}
)
"""Operations whose requests bring all that was said before."""
_THREAD: Final = re.compile(r"/(?:threads|conversations)/([A-Za-z0-9_-]{1,128})(?=/|$)")
_HEADERS: Final = tuple(name.encode() for name in CREDENTIAL_HEADERS)
_SIGNED: Final = b"AWS4-HMAC-SHA256"


class Scope(NamedTuple):
    """`held` is true where the provider may know placeholders that this request does not hold."""

    tenant: str
    caller: str
    conversation: str
    held: bool


def scope_of(x: Exchange, spans: Sequence[Span], config: ConversationConfig | None) -> Scope:
    """Whose conversation a request belongs to; `spans` are its texts as they came."""
    tenant, caller = _caller(x)
    body = _body(x)
    named = None if config is None else _named(x, body, config)
    if named is not None:
        return Scope(tenant, caller, f"named:{named}", held=True)
    thread = _thread(x, body)
    if thread is not None:
        return Scope(tenant, caller, f"thread:{thread}", held=True)
    first = "" if _is_held(x, body) else _first_message(spans)
    if first:
        return Scope(tenant, caller, f"begins:{first}", held=False)
    return Scope(tenant, caller, "all", held=True)


def _caller(x: Exchange) -> tuple[str, str]:
    """The tenant, and who in it: a key, a user; without `auth` the credential for the provider."""
    principal = x.facts.get(PRINCIPAL)
    if principal is not None:
        name = principal.key_id or principal.subject
        return principal.tenant, f"{principal.method}:{name}"
    shown = [value for name in _HEADERS if (value := x.request.headers.first(name)) is not None]
    if not shown:
        return ANONYMOUS_TENANT, f"address:{x.client_ip}"
    # A signature differs in every request; the id of the key stands before its first slash.
    parts = [value.partition(b"/")[0] if value.startswith(_SIGNED) else value for value in shown]
    return ANONYMOUS_TENANT, "credential:" + b"\n".join(parts).decode("latin-1")


def _body(x: Exchange) -> dict[str, Any]:
    document = x.request.document()
    if document is None:
        return {}
    parsed = document.parsed
    if parsed is UNPARSED:  # a use before this one has edited it, or it holds half characters
        parsed = json_value(document.body)
    return parsed if isinstance(parsed, dict) else {}


def _named(x: Exchange, body: dict[str, Any], config: ConversationConfig) -> str | None:
    name: Any = None
    if config.header is not None:
        name = x.request.headers.get(config.header)
    if not name and config.metadata is not None:
        metadata = body.get("metadata")
        name = metadata.get(config.metadata) if isinstance(metadata, dict) else None
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    return name if isinstance(name, str) and 0 < len(name) <= NAME_CHARACTERS_MAX else None


def _thread(x: Exchange, body: dict[str, Any]) -> str | None:
    found = _THREAD.search(x.path)
    if found is not None:
        return found[1]
    held = body.get("conversation")
    name = held.get("id") if isinstance(held, dict) else held
    return name if isinstance(name, str) and name else None


def _is_held(x: Exchange, body: dict[str, Any]) -> bool:
    """Whether the provider may know more of this conversation than the request says."""
    if body.get("previous_response_id") or body.get("cachedContent") or body.get("cached_content"):
        return True
    operation = operation_of(x.request.method, x.path)
    if operation == "responses.create":
        return body.get("store") is not False  # it is stored unless the client says otherwise
    return operation not in _WHOLE


def _first_message(spans: Sequence[Span]) -> str:
    """What the first message of the user says; where there is none, what the body begins with."""
    if not spans:
        return ""
    first = next((span for span in spans if span.role == "user"), spans[0])
    place = first.path[:2]
    texts = [span.text for span in spans if span.path[:2] == place and span.role == first.role]
    return "\n".join(texts)[:FIRST_MESSAGE_CHARACTERS_MAX]
