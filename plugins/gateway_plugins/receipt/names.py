"""Who an exchange is for: the names in its receipt, and where each came from."""

from __future__ import annotations

import hmac
from typing import Any, Final, NamedTuple

from gateway.plugin import PRINCIPAL, Exchange, Principal
from gateway.receipts.receipt import did
from gateway_plugins.receipt.config import ReceiptConfig, is_name

PRINCIPALS_MAX: Final = 10_000
"""Callers whose pseudonyms are remembered; then the memory starts anew."""
_HEX: Final = 32


class Names(NamedTuple):
    """`sources` says where session, agent and human came from: what a client wrote in a header is
    only what it says of itself.
    """

    session_id: str
    agent_did: str
    human_did: str
    principal: str | None
    sources: dict[str, str]


class Naming:
    """Finds the names of exchanges as a policy wants them."""

    def __init__(self, config: ReceiptConfig, key: bytes) -> None:
        """`key` is what pseudonyms are made with; who has it can find out who somebody is."""
        self._key = key
        self._session, self._agent, self._human = config.session, config.agent, config.human
        self._agent_did = did(config.agent.default)
        self._human_did = did(config.human.default)
        self._pseudonyms: dict[Principal, str] = {}

    def of(self, x: Exchange, ref: str, asked: Any) -> Names:
        """The names of one exchange; `asked` is the JSON value of its request."""
        sources: dict[str, str] = {}
        principal = x.facts.get(PRINCIPAL)
        pseudonym = None if principal is None else self.pseudonym(principal)
        session = self._session_of(x, asked, sources)
        agent = _header(x, self._agent.header)
        sources["agent"] = "policy" if agent is None else "header"
        return Names(
            session or ref,
            self._agent_did if agent is None else did(agent),
            self._human_of(x, principal, pseudonym, sources),
            pseudonym,
            sources,
        )

    def pseudonym(self, principal: Principal) -> str:
        """The same for the same subject of the same tenant, and nothing to anybody else."""
        known = self._pseudonyms.get(principal)
        if known is None:
            if len(self._pseudonyms) >= PRINCIPALS_MAX:
                self._pseudonyms.clear()
            text = f"{principal.tenant}\0{principal.subject}".encode()
            known = hmac.digest(self._key, text, "sha256").hex()[:_HEX]
            self._pseudonyms[principal] = known
        return known

    def _session_of(self, x: Exchange, asked: Any, sources: dict[str, str]) -> str | None:
        found = _header(x, self._session.header)
        if found is not None:
            sources["session"] = "header"
            return found
        metadata = asked.get("metadata") if isinstance(asked, dict) else None
        if self._session.metadata is not None and isinstance(metadata, dict):
            named = metadata.get(self._session.metadata)
            if isinstance(named, str) and is_name(named):
                sources["session"] = "metadata"
                return named
        sources["session"] = "exchange"
        return None

    def _human_of(
        self,
        x: Exchange,
        principal: Principal | None,
        pseudonym: str | None,
        sources: dict[str, str],
    ) -> str:
        source, found = "header", _header(x, self._human.header)
        if found is None:
            source, found = "claim", _claim(principal, self._human.claim)
        if found is None:
            source, found = "principal", pseudonym
        if found is None:
            sources["human"] = "policy"
            return self._human_did
        sources["human"] = source
        return did(found)


def _header(x: Exchange, name: str | None) -> str | None:
    """The value of a header, if it can be a name."""
    value = None if name is None else x.request.headers.first(name.encode())
    if value is None:
        return None
    text = value.decode("latin-1")
    return text if is_name(text) else None


def _claim(principal: Principal | None, name: str | None) -> str | None:
    value = None if principal is None or name is None else principal.claims.get(name)
    return value if isinstance(value, str) and is_name(value) else None
