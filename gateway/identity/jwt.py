"""Who a signed token belongs to, or why it is refused: RFC 7519 as RFC 8725 wants it read.

    taken apart       strictly; at most 16 KiB                          (compact.py)
    issuer            exactly one of those that are configured
    header            algorithm and type that this issuer may use
    key               of this issuer, by `kid`; its type fits the algorithm    (jwks.py, jwk.py)
    signature
    claims            aud, exp, nbf, iat, what is required; acr and amr
    revocation        of the token (`jti`), the user, the tenant
    principal         tenant, user and roles, as the issuer's settings map them  (claims.py)

A token that passed is remembered by its hash until it expires, a revocation is made or the keys
change; the next request with it costs one look-up.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from gateway.identity.claims import (
    ClaimedTenantError,
    ClaimError,
    ClaimMapping,
    number_at,
    texts_at,
)
from gateway.identity.compact import MalformedTokenError, SignedToken, read_token
from gateway.identity.jwk import HMAC_ALGORITHMS, VerificationKey, load, secret_key
from gateway.identity.jwks import FixedKeys, KeySet
from gateway.identity.oidc import location_of
from gateway.issuers import IssuerSettings
from gateway.plugin.identity import Directory, IdentityUnavailableError, Principal
from gateway.plugin.verdict import Reject
from gateway.reasons import Reason

TOKENS_MAX: Final = 10_000
"""Verified tokens that are remembered; then the memory starts anew."""

Clock = Callable[[], float]
Verified = Principal | Reject


def _invalid(message: str) -> Reject:
    return Reject(Reason.CREDENTIAL_INVALID, f"the token is refused: {message}")


UNKNOWN_ISSUER: Final = _invalid("its issuer is not trusted here")
"""What `verify` answers about a token that is of no issuer here; compared by identity."""
_ALGORITHM: Final = _invalid("its algorithm is not accepted of its issuer")
_TYPE: Final = _invalid("its type is not accepted of its issuer")
_UNKNOWN_KEY: Final = _invalid("its issuer has no key of that name and type")
_SIGNATURE: Final = _invalid("its signature does not hold")
_AUDIENCE: Final = _invalid("it is not for this gateway (`aud`)")
_NOT_YET: Final = _invalid("it is not valid yet (`nbf`)")
_FUTURE: Final = _invalid("it was issued in the future (`iat`)")
_EXPIRED: Final = Reject(Reason.CREDENTIAL_EXPIRED, "the token is past its `exp`")
_REVOKED: Final = Reject(Reason.CREDENTIAL_REVOKED)
_UNAVAILABLE: Final = Reject(
    Reason.IDENTITY_UNAVAILABLE, "the keys of the token's issuer are not known"
)
_UNREADABLE: Final = Reject(Reason.IDENTITY_UNAVAILABLE, "revocations cannot be read")


class Keys(Protocol):
    """The keys of one issuer; see `gateway.identity.jwks`."""

    generation: int

    @property
    def usable(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def find(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]: ...

    def refetch(self) -> asyncio.Task[bool] | None: ...


class _Issuer:
    """The rules of one issuer, compiled."""

    def __init__(self, settings: IssuerSettings, keys: Keys, algorithms: Iterable[str]) -> None:
        self.keys = keys
        self.algorithms = frozenset(algorithms)
        self.types = frozenset(kind.lower().removeprefix("application/") for kind in settings.types)
        self.audience = frozenset(settings.audience)
        self.skew_s = settings.skew_s
        self.required = settings.required_claims
        self.acr = frozenset(settings.acr)
        self.amr = frozenset(settings.amr)
        self.mapping = ClaimMapping(settings)
        wanted = " ".join(settings.acr)
        # RFC 9470 section 3 tells a client how to ask for the sign-in that is missing.
        challenge = 'Bearer realm="sealgate", error="insufficient_user_authentication"'
        challenge += f', acr_values="{wanted}"' if wanted and '"' not in wanted else ""
        self.mfa_required = Reject(
            Reason.MFA_REQUIRED,
            "the token does not say that its user signed in strongly enough (`acr`, `amr`)",
            headers=(("www-authenticate", challenge),),
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that passed. `expires_at` is when it stops to be valid, the skew included."""

    principal: Principal
    expires_at: float
    keys: Keys
    generation: int


class TokenVerifier:
    """The tokens of several issuers; `start` before use, `stop` at the end.

    `wall` gives seconds since 1970, `monotonic` seconds that never go back. Without a `directory`
    nothing is revoked. `secrets` are shared secrets by issuer: such an issuer has no other keys.
    """

    def __init__(
        self,
        issuers: Iterable[IssuerSettings],
        *,
        wall: Clock,
        monotonic: Clock,
        directory: Directory | None = None,
        secrets: Mapping[str, bytes] | None = None,
    ) -> None:
        """Raises ValueError where two issuers are the same, or a secret is too short."""
        self._wall = wall
        self._directory = directory
        self._issuers: dict[str, _Issuer] = {}
        for settings in issuers:
            if settings.issuer in self._issuers:
                raise ValueError(f"the issuer {settings.issuer} stands twice")
            secret = (secrets or {}).get(settings.issuer)
            self._issuers[settings.issuer] = _compile(settings, secret, monotonic)
        self._known: dict[bytes, _Known] = {}
        self._generation = -1

    async def start(self) -> None:
        """Fetches the keys; an issuer that does not answer is asked again in the background."""
        await asyncio.to_thread(load)
        await asyncio.gather(*(issuer.keys.start() for issuer in self._issuers.values()))

    async def stop(self) -> None:
        """Ends the background work."""
        await asyncio.gather(*(issuer.keys.stop() for issuer in self._issuers.values()))

    def verify(self, token: bytes) -> Verified | Awaitable[Verified]:
        """Who `token` belongs to; an awaitable only where its key has to be fetched first."""
        name = hashlib.sha256(token).digest()
        known = self._remembered(name)
        if known is not None:
            return known
        try:
            signed = read_token(token)
        except MalformedTokenError as error:
            return _invalid(str(error))
        issuer = self._issuers.get(_issuer_named(signed.claims))
        if issuer is None:
            return UNKNOWN_ISSUER
        if signed.algorithm not in issuer.algorithms:
            return _ALGORITHM
        if signed.type not in issuer.types:
            return _TYPE
        if not issuer.keys.usable or not issuer.keys.find(signed.kid, signed.algorithm):
            fetching = issuer.keys.refetch()
            if fetching is not None:
                return self._verify_later(fetching, name, signed, issuer)
        return self._verify(name, signed, issuer)

    def trusts_issuer_of(self, token: bytes) -> bool:
        """Whether `token` says that it is of an issuer that is configured; nothing is verified."""
        try:
            return _issuer_named(read_token(token).claims) in self._issuers
        except MalformedTokenError:
            return False

    # -- inner

    def _remembered(self, name: bytes) -> Verified | None:
        directory = self._directory
        if directory is not None and directory.generation != self._generation:
            self._generation = directory.generation
            self._known.clear()
            return None
        known = self._known.get(name)
        if known is None:
            return None
        keys = known.keys
        if self._wall() < known.expires_at and known.generation == keys.generation and keys.usable:
            return known.principal
        del self._known[name]
        return None

    async def _verify_later(
        self, fetching: asyncio.Task[bool], name: bytes, signed: SignedToken, issuer: _Issuer
    ) -> Verified:
        await asyncio.shield(fetching)
        return self._verify(name, signed, issuer)

    def _verify(self, name: bytes, signed: SignedToken, issuer: _Issuer) -> Verified:
        keys = issuer.keys
        if not keys.usable:
            return _UNAVAILABLE
        candidates = keys.find(signed.kid, signed.algorithm)
        if not candidates:
            return _UNKNOWN_KEY
        message, signature = signed.signing_input, signed.signature
        if not any(key.verifies(signed.algorithm, message, signature) for key in candidates):
            return _SIGNATURE
        try:
            found = self._judge(signed.claims, issuer)
        except ClaimedTenantError as error:
            return Reject(Reason.TENANT_DENIED, f"the token is refused: {error}")
        except ClaimError as error:
            return _invalid(str(error))
        except IdentityUnavailableError:
            return _UNREADABLE
        if isinstance(found, Principal) and found.expires_at is not None:
            if len(self._known) >= TOKENS_MAX:
                self._known.clear()
            until = found.expires_at + issuer.skew_s
            self._known[name] = _Known(found, until, keys, keys.generation)
        return found

    def _judge(self, claims: dict[str, Any], issuer: _Issuer) -> Verified:
        """The claims of a token whose signature holds. Raises ClaimError."""
        now, skew_s = self._wall(), issuer.skew_s
        if not issuer.audience & texts_at(claims, "aud"):
            return _AUDIENCE
        expires_at = number_at(claims, "exp")
        if expires_at is None:
            raise ClaimError("it has no `exp`")
        not_before, issued_at = number_at(claims, "nbf"), number_at(claims, "iat")
        if now >= expires_at + skew_s:
            return _EXPIRED
        if not_before is not None and now < not_before - skew_s:
            return _NOT_YET
        if issued_at is not None and issued_at > now + skew_s:
            return _FUTURE
        for required in issuer.required:
            if claims.get(required) is None:
                raise ClaimError(f"it has no `{required}`")
        if issuer.acr and not issuer.acr & texts_at(claims, "acr"):
            return issuer.mfa_required
        if issuer.amr and not issuer.amr & texts_at(claims, "amr"):
            return issuer.mfa_required
        principal = issuer.mapping.principal(claims, expires_at)
        return self._with_directory(principal, claims, issued_at)

    def _with_directory(
        self, principal: Principal, claims: dict[str, Any], issued_at: float | None
    ) -> Verified:
        """The principal with the roles that an administrator bound to it, unless revoked."""
        directory = self._directory
        if directory is None:
            return principal
        tenant, subject = principal.tenant, principal.subject
        token = claims.get("jti")
        names = [("subject", subject), ("tenant", tenant)]
        if isinstance(token, str):
            names.append(("jti", token))
        for kind, name in names:
            if directory.is_revoked(kind, name, tenant=tenant, issued_at=issued_at):
                return _REVOKED
        bound = directory.roles_of(tenant, subject)
        return replace(principal, roles=principal.roles | bound) if bound else principal


def _compile(settings: IssuerSettings, secret: bytes | None, monotonic: Clock) -> _Issuer:
    if secret is not None:
        return _Issuer(settings, FixedKeys(secret_key(secret)), HMAC_ALGORITHMS)
    keys = KeySet(
        settings.issuer,
        location_of(settings),
        monotonic=monotonic,
        refresh_interval_s=settings.refresh_interval_s,
        age_max_s=settings.keys_age_max_s,
    )
    return _Issuer(settings, keys, settings.algorithms)


def _issuer_named(claims: Mapping[str, Any]) -> str:
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else ""
