"""Callers that a certificate or a proxy names, held against what an administrator decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.plugin import IdentityUnavailableError, Principal, Reason, Reject, Runtime

CALLERS_MAX: Final = 10_000
"""Callers that are remembered; then the memory starts anew."""

REVOKED: Final = Reject(Reason.CREDENTIAL_REVOKED)
UNREADABLE: Final = Reject(Reason.IDENTITY_UNAVAILABLE, "revocations cannot be read")


class Vetted:
    """Remembers what became of each caller until an administrator changes anything."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._generation = -1
        self._known: dict[object, Principal | Reject] = {}

    def get(self, key: object) -> Principal | Reject | None:
        """What `put` came to, if nothing has changed since."""
        directory = self._runtime.directory
        if directory is not None and directory.generation != self._generation:
            self._generation = directory.generation
            self._known.clear()
        return self._known.get(key)

    def put(self, key: object, found: Principal | Reject) -> Principal | Reject:
        """Adds the roles bound to a principal, or refuses it where it is revoked."""
        if isinstance(found, Principal):
            try:
                found = self._vet(found)
            except IdentityUnavailableError:
                return UNREADABLE
        if len(self._known) >= CALLERS_MAX:
            self._known.clear()
        self._known[key] = found
        return found

    def _vet(self, principal: Principal) -> Principal | Reject:
        directory = self._runtime.directory
        if directory is None:
            return principal
        tenant, subject = principal.tenant, principal.subject
        for kind, name in (("tenant", tenant), ("subject", subject)):
            if directory.is_revoked(kind, name, tenant=tenant):
                return REVOKED
        bound = directory.roles_of(tenant, subject)
        return replace(principal, roles=principal.roles | bound) if bound else principal
