"""Who is calling, as every plugin sees it, whatever proved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.plugin.facts import Fact
from gateway.plugin.verdict import Reject

ANONYMOUS_TENANT: Final = "default"
"""The tenant of whoever is not identified, and of a gateway that has only one."""


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """A caller whose credential was verified; made once per credential and shared by exchanges.

    `tenant` comes from the credential and from nothing else. `subject` is the stable name of the
    user or service (a key's owner, a token's `sub`, a certificate's subject); `key_id` names the
    credential where it is a virtual key and is empty otherwise. `method` says what proved it:
    `key`, `jwt`, `mtls` or `header`. `models` holds the patterns of models the credential may use
    (empty: any), `scopes` what it may do (empty: all that its roles allow). `limits` are the key's
    own limits, in the form that `rate_limit` and `budget` read. `claims` are the verified claims
    that the policy named, for conditions. `expires_at` is seconds since 1970.
    """

    tenant: str
    subject: str
    method: str
    key_id: str = ""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    limits: tuple[Mapping[str, Any], ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    expires_at: float | None = None


PRINCIPAL: Final[Fact[Principal]] = Fact("principal", Principal)
"""The verified caller; provided by `auth`."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order to erase values that placeholders stand for, of one tenant.

    `conversation` is "" for all of them; `field` is "" for all values, else the beginning of the
    field (`gateway.identity.value_key.field_of`). It is about what was written up to `ordered_at`,
    in whole seconds since 1970.
    """

    id: str
    tenant: str
    conversation: str
    field: str
    ordered_at: int


class IdentityUnavailableError(Exception):
    """Keys, roles and revocations cannot be read; answer with Reason.IDENTITY_UNAVAILABLE."""


class Directory(Protocol):
    """The keys, roles and revocations of this gateway, as one worker reads them.

    What an administrator changes is seen here within half a second. Every method but
    `principal_of_key` and `note_use` raises IdentityUnavailableError where that cannot be read.
    """

    generation: int
    """Changes with every change of anything; whoever caches answers drops them then."""

    def principal_of_key(self, presented: str) -> Principal | Reject:
        """Who a virtual key belongs to, or why it is refused; one look-up by keyed hash."""

    def is_revoked(
        self, kind: str, name: str, *, tenant: str = "", issued_at: float | None = None
    ) -> bool:
        """Whether a token (`jti`), a user (`subject`) or a tenant (`tenant`) is revoked.

        `tenant` is the verified tenant of the token or user: tenants revoke only what is theirs.
        A revocation may hold only for what was issued before some time; `issued_at` (seconds since
        1970, a token's `iat`) is compared with it, and without it every revocation holds.
        """

    def roles_of(self, tenant: str, subject: str) -> frozenset[str]:
        """The names of the roles that an administrator bound to a user of a tenant.

        A virtual key that has no roles of its own comes with these already.
        """

    def roles(self) -> Mapping[str, Any]:
        """The roles by name, as `gateway.identity.permissions` compiles them."""

    def erasures(self) -> Sequence[Erasure]:
        """What is to be erased of values that placeholders stand for."""

    def note_use(self, key_id: str) -> None:
        """Remembers that a key was used now; written out in the background."""
