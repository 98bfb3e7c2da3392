"""Who calls the admin API: an admin token, or a signed token of an issuer that may administer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.admin.api_error import ApiError
from gateway.admin.failures import Failures
from gateway.identity.access import RoleBook, Situation
from gateway.identity.identities import Identities
from gateway.identity.jwt import TokenVerifier
from gateway.identity.keys import TOKEN_PREFIX
from gateway.identity.permissions import ACROSS_TENANTS
from gateway.identity.store import Actor
from gateway.networks import parse_address
from gateway.plugin.identity import ANONYMOUS_TENANT, Principal
from gateway.plugin.verdict import Reject
from gateway.reasons import Reason

_CREDENTIAL_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller; `tenant` None means that its credential is bound to none."""

    name: str
    tenant: str | None
    roles: frozenset[str]
    token_id: str = ""

    def actor(self, book: RoleBook, situation: Situation) -> Actor:
        """What the caller may do now, and for which tenant: across all only where permitted."""
        access = book.access(self.roles, tenant=self.tenant or "")
        tenant = self.tenant
        if self.token_id == "" or tenant is None:
            across = access.permits(ACROSS_TENANTS, situation)
            tenant = None if across else tenant or ANONYMOUS_TENANT
        return Actor(self.name, tenant, access)


class Credentials:
    """Verifies what callers show; a wrong one is counted against its address."""

    def __init__(
        self, identities: Identities, verifier: TokenVerifier | None, failures: Failures
    ) -> None:
        self._identities = identities
        self._verifier = verifier
        self._failures = failures

    async def signed(self, request: web.Request) -> Caller | str:
        """The caller of a signed token, or the text of an admin token still to be looked up.

        Raises ApiError.
        """
        token = self._shown(request)
        if token.startswith(TOKEN_PREFIX) or self._verifier is None:
            return token
        found = self._verifier.verify(token.encode("latin-1", "replace"))
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, Reject):
            if found.reason is Reason.IDENTITY_UNAVAILABLE:
                raise ApiError(503, found.reason.value, found.message)
            raise self.wrong(request, found.reason.value, found.message)
        return _caller(found)

    def look_up(self, token: str) -> Caller | None:
        """The caller of an admin token; runs in the thread of the database."""
        record = self._identities.tokens.find(token)
        if record is None:
            return None
        return Caller(record.id, record.tenant, frozenset(record.roles), record.id)

    def wrong(
        self,
        request: web.Request,
        code: str = Reason.CREDENTIAL_INVALID.value,
        message: str = "the admin token is not known here",
    ) -> ApiError:
        """The refusal of a wrong credential, or of its address where that was the last straw."""
        wait_s = self._failures.add(request.remote or "")
        if wait_s > 0:
            headers = {"retry-after": str(int(wait_s) + 1)}
            text = "too many wrong credentials from this address; wait and try again"
            return ApiError(429, Reason.RATE_LIMITED.value, text, headers=headers)
        challenge = {"www-authenticate": 'Bearer realm="sealgate admin", error="invalid_token"'}
        return ApiError(401, code, message, headers=challenge)

    def _shown(self, request: web.Request) -> str:
        """The bearer credential (RFC 6750 section 2.1)."""
        lines = request.headers.getall("authorization", [])
        scheme, _, token = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _CREDENTIAL_BYTES_MAX:
            challenge = {"www-authenticate": 'Bearer realm="sealgate admin"'}
            message = "send `Authorization: Bearer` and an admin token (sealgate tokens create)"
            raise ApiError(401, Reason.CREDENTIAL_MISSING.value, message, headers=challenge)
        return token


def _caller(principal: Principal) -> Caller:
    return Caller(principal.subject, principal.tenant, principal.roles)


def situation_of(request: web.Request, wall: Callable[[], float]) -> Situation:
    """What the conditions of roles look at."""
    return Situation(now_s=wall(), address=parse_address(request.remote or ""))
