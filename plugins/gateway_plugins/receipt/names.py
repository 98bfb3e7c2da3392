"""Who an exchange is for: the names in its receipt, and where each came from."""

from __future__ import annotations

import hmac
from typing import Any, Final

from gateway.plugin import PRINCIPAL, Exchange, Principal
from gateway.receipts.receipt import did
from gateway_plugins.receipt.config import ReceiptConfig, is_name

PRINCIPALS_MAX: Final = 10_000
"""Callers whose pseudonyms are remembered; then the memory starts anew."""
_HEX: Final = 32
_PRINCIPAL: Final = PRINCIPAL


class Names:
    """`sources` says where session, agent and human came from, as a JSON object: what a client
    wrote in a header is only what it says of itself.
    """

    __slots__ = ("agent_did", "human_did", "principal", "session_id", "sources")

    def __init__(
        self, session_id: str, agent_did: str, human_did: str, principal: str | None, sources: str
    ) -> None:
        self.session_id = session_id
        self.agent_did = agent_did
        self.human_did = human_did
        self.principal = principal
        self.sources = sources


class _Part:
    """One name, and where it came from."""

    __slots__ = ("name", "source")

    def __init__(self, name: str | None, source: str) -> None:
        self.name = name
        self.source = source


class Naming:
    """Finds the names of exchanges as a policy wants them."""

    def __init__(self, config: ReceiptConfig, key: bytes) -> None:
        """`key` is what pseudonyms are made with; who has it can find out who somebody is."""
        self._key = key
        self._session_header = _encoded(config.session.header)
        self._session_member = config.session.metadata
        self._agent_header = _encoded(config.agent.header)
        self._human_header = _encoded(config.human.header)
        self._human_claim = config.human.claim
        self._agent_did = did(config.agent.default)
        self._human_did = did(config.human.default)
        self._pseudonyms: dict[Principal, str] = {}

    def of(self, x: Exchange, ref: str, asked: Any) -> Names:
        """The names of one exchange; `asked` is the JSON value of its request."""
        principal = x.facts.get(_PRINCIPAL)
        pseudonym = None if principal is None else self.pseudonym(principal)
        session = self._session_of(x, asked)
        agent = _header(x, self._agent_header)
        human = self._human_of(x, principal, pseudonym)
        told_by = "policy" if agent is None else "header"
        return Names(
            session.name or ref,
            self._agent_did if agent is None else did(agent),
            human.name or self._human_did,
            pseudonym,
            f'{{"session":"{session.source}","agent":"{told_by}","human":"{human.source}"}}',
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

    def _session_of(self, x: Exchange, asked: Any) -> _Part:
        found = _header(x, self._session_header)
        if found is not None:
            return _Part(found, "header")
        if self._session_member is not None and isinstance(asked, dict):
            metadata = asked.get("metadata")
            named = metadata.get(self._session_member) if isinstance(metadata, dict) else None
            if isinstance(named, str) and is_name(named):
                return _Part(named, "metadata")
        return _THE_EXCHANGE

    def _human_of(self, x: Exchange, principal: Principal | None, pseudonym: str | None) -> _Part:
        found = _header(x, self._human_header)
        if found is not None:
            return _Part(did(found), "header")
        found = _claim(principal, self._human_claim)
        if found is not None:
            return _Part(did(found), "claim")
        if pseudonym is not None:
            return _Part(did(pseudonym), "principal")
        return _NOBODY


_THE_EXCHANGE: Final = _Part(None, "exchange")
_NOBODY: Final = _Part(None, "policy")


def _encoded(name: str | None) -> bytes | None:
    return None if name is None else name.encode()


def _header(x: Exchange, name: bytes | None) -> str | None:
    """The value of a header, if it can be a name."""
    value = None if name is None else x.request.headers.first(name)
    if value is None:
        return None
    text = value.decode("latin-1")
    return text if is_name(text) else None


def _claim(principal: Principal | None, name: str | None) -> str | None:
    value = None if principal is None or name is None else principal.claims.get(name)
    return value if isinstance(value, str) and is_name(value) else None
