"""Who is calling, from the head of one request; the steps of `auth`, apart from its class.

The class of a plugin stays interpreted, because the policy compiler reads it; what every request
runs through is here, and compiled (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from gateway.identity.jwt import UNKNOWN_ISSUER, TokenVerifier
from gateway.identity.keys import KEY_PREFIX, TOKEN_PREFIX
from gateway.networks import parse_address
from gateway.plugin import (
    PRINCIPAL,
    Exchange,
    NetworkSet,
    Principal,
    Reason,
    Reject,
    Runtime,
    spellings,
)
from gateway.providers.body_model import model_in_body
from gateway_plugins.auth.bounds import NAME_CHARACTERS_MAX, Bounds
from gateway_plugins.auth.certificates import Certificates
from gateway_plugins.auth.config import AuthConfig
from gateway_plugins.auth.mesh import NamedByProxy
from gateway_plugins.auth.presented import Found, Places

PEERS_MAX: Final = 10_000
"""Addresses of which it is remembered whether they are trusted proxies."""

_REALM: Final = 'Bearer realm="sealgate"'

_AMBIGUOUS: Final = Reject(
    Reason.AMBIGUOUS_REQUEST, "it carries two different credentials of this gateway; send one"
)
_ADMIN_TOKEN: Final = Reject(
    Reason.CREDENTIAL_INVALID, "an admin token is for the admin API; use a virtual key here"
)
_NO_KEYS: Final = Reject(Reason.CREDENTIAL_INVALID, "this policy does not take virtual keys")
_NEITHER: Final = Reject(
    Reason.CREDENTIAL_INVALID, "it is neither a virtual key nor a signed token"
)
_NO_MODEL: Final = (
    "the credential is for some models only, and this request does not tell its model where the "
    "policy looks for it"
)

_Identified = Principal | Reject | None


class Identification:
    """One configured use: finds out who is calling, and lets nobody pass who does not say."""

    def __init__(self, config: AuthConfig, runtime: Runtime) -> None:
        """`verifier` is set once the keys of the issuers are there."""
        self._runtime = runtime
        self._takes_keys = bool(config.api_keys)
        self._optional = config.optional
        self._own_header = config.header_name
        self._places = Places(config.header_name, tokens=bool(config.jwt))
        self._bounds = Bounds()
        self.verifier: TokenVerifier | None = None
        self._certificates = Certificates(config.mtls, runtime) if config.mtls else None
        self._forwarded = config.mtls.forwarded_header if config.mtls else None
        self._named = NamedByProxy(config.header, runtime) if config.header else None
        told = [*(self._named.names if self._named else ()), self._forwarded]
        self._told = spellings(*(name for name in told if name is not None))
        self._forwards_told = config.header is not None and config.header.forward
        self._trusted = NetworkSet(runtime.trusted_proxies)
        self._trusts: dict[str, bool] = {}
        self._missing = Reject(
            Reason.CREDENTIAL_MISSING,
            _how_to(config),
            headers=(("www-authenticate", _REALM),),
        )
        bound = self._takes_keys or any(issuer.scopes_from for issuer in config.jwt)
        self.reads_body = config.read_body and bound

    def identify(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        request = x.request
        found = self._places.find(request)
        self._places.take_off_twins(request.headers)
        if not found:
            return self._settle(x, self._around(x))
        if len(found) > 1:
            found = self._without_strangers(found)
            if len(found) > 1:
                return _AMBIGUOUS
        for credential, places in found.items():
            identified = self._identify(credential)
            if isinstance(identified, (Principal, Reject)):
                return self._presented(x, identified, places)
            return self._later(x, identified, places)
        return self._missing

    def wants_body(self, x: Exchange) -> bool:
        """Whether the caller is bound to models or scopes that the body may tell of."""
        principal: Principal | None = x.facts.get(PRINCIPAL)
        return principal is not None and bool(principal.models or principal.scopes)

    def judge_body(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        principal = x.fact(PRINCIPAL)
        if principal is None or not (principal.models or principal.scopes):
            return None
        # An earlier plugin may have found the model out since the head was judged.
        judged = self._bounds.of(principal).judge(x, x.model, self._runtime.wall)
        if judged is not False:
            return judged if isinstance(judged, Reject) else None
        named = model_in_body(x.request)
        if isinstance(named, (str, Reject)):
            return self._judge_named(x, principal, named)
        return self._judge_later(x, principal, named)

    # -- who

    def _identify(self, credential: str) -> Principal | Reject | Awaitable[Principal | Reject]:
        if credential.startswith(KEY_PREFIX):
            directory = self._runtime.directory
            if not self._takes_keys or directory is None:
                return _NO_KEYS
            found = directory.principal_of_key(credential)
            if isinstance(found, Principal):
                directory.note_use(found.key_id)
            return found
        if credential.startswith(TOKEN_PREFIX):
            return _ADMIN_TOKEN
        if self.verifier is None:
            return _NEITHER
        return self.verifier.verify(credential.encode("latin-1", "replace"))

    async def _later(
        self, x: Exchange, identified: Awaitable[Principal | Reject], places: list[str]
    ) -> Reject | None:
        return self._presented(x, await identified, places)

    def _presented(
        self, x: Exchange, identified: Principal | Reject, places: list[str]
    ) -> Reject | None:
        """After a credential was looked at: a token of a stranger may be the provider's own."""
        if identified is UNKNOWN_ISSUER and self._own_header not in places:
            around = self._around(x)
            if around is not None or self._optional:
                return self._settle(x, around)
            return self._settle(x, identified)
        self._places.take_off(x.request, places)
        self._take_off_told(x)
        return self._settle(x, identified)

    def _without_strangers(self, found: Found) -> Found:
        """Leaves tokens of other issuers out: they are for the provider."""
        verifier = self.verifier
        if verifier is None:
            return found
        return {
            credential: places
            for credential, places in found.items()
            if credential.startswith((KEY_PREFIX, TOKEN_PREFIX))
            or self._own_header in places
            or verifier.trusts_issuer_of(credential.encode("latin-1", "replace"))
        }

    def _around(self, x: Exchange) -> _Identified:
        """Who the connection or the proxy before us says is calling."""
        if not self._told and self._certificates is None:
            return None
        identified: _Identified = None
        if self._told and self._is_trusted(x):
            headers = x.request.headers
            if self._named is not None:
                identified = self._named.identify(headers)
            if identified is None and self._forwarded is not None and self._certificates:
                told = headers.get_all(self._forwarded)
                if told:
                    identified = self._certificates.identify_forwarded(",".join(told))
        self._take_off_told(x)
        if identified is None and self._certificates is not None and x.peer is not None:
            certificate = x.peer.certificate()
            if certificate is not None and not self._is_trusted(x):
                identified = self._certificates.identify(certificate)
        return identified

    def _take_off_told(self, x: Exchange) -> None:
        if self._told and not (self._forwards_told and self._is_trusted(x)):
            x.request.headers.drop(self._told)

    def _is_trusted(self, x: Exchange) -> bool:
        """Whether the connection comes from a trusted proxy."""
        if not self._trusted or x.peer is None:
            return False
        text = x.peer.peer_ip
        known = self._trusts.get(text)
        if known is None:
            address = parse_address(text.partition("%")[0])
            if len(self._trusts) >= PEERS_MAX:
                self._trusts.clear()
            known = self._trusts[text] = address is not None and address in self._trusted
        return known

    # -- what then

    def _settle(self, x: Exchange, identified: _Identified) -> Reject | None:
        if isinstance(identified, Principal):
            x.facts[PRINCIPAL] = identified
            if identified.models or identified.scopes:
                return self._judge_head(x, identified)
            return None
        if identified is None:
            return None if self._optional else self._missing
        return _with_challenge(identified)

    def _judge_head(self, x: Exchange, principal: Principal) -> Reject | None:
        judged = self._bounds.of(principal).judge(x, x.model, self._runtime.wall)
        if isinstance(judged, Reject):
            return judged
        if judged or self.reads_body:
            return None
        return Reject(Reason.MODEL_DENIED, _NO_MODEL)

    async def _judge_later(
        self, x: Exchange, principal: Principal, named: Awaitable[str | Reject]
    ) -> Reject | None:
        return self._judge_named(x, principal, await named)

    def _judge_named(self, x: Exchange, principal: Principal, named: str | Reject) -> Reject | None:
        if isinstance(named, Reject):
            return Reject(named.reason, _NO_MODEL)
        if named and len(named) <= NAME_CHARACTERS_MAX:
            x.model = named
        judged = self._bounds.of(principal).judge(x, named, self._runtime.wall)
        return judged if isinstance(judged, Reject) else None


def _with_challenge(reject: Reject) -> Reject:
    """A 401 says what is asked for (RFC 9110 section 11.6.1), and what failed (RFC 6750)."""
    if reject.headers or not reject.reason.value.startswith("credential_"):
        return reject
    challenge = f'{_REALM}, error="invalid_token"'
    return replace(reject, headers=(("www-authenticate", challenge),))


def _how_to(config: AuthConfig) -> str:
    """What to send, in the words of the policy."""
    kinds = []
    if config.api_keys:
        kinds.append("a virtual key")
    if config.jwt:
        kinds.append("a signed token")
    if not kinds:
        return "the connection proves no caller"
    return f"send {' or '.join(kinds)} as the API key"
