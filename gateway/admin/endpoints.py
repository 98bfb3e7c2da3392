"""Every endpoint of the admin API, in the order of its documentation."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.admin.endpoint import Call, Endpoint
from gateway.admin.kind import Kind
from gateway.admin.receipt_endpoints import RECEIPT_ENDPOINTS
from gateway.identity.forms import (
    BindingForm,
    ErasureForm,
    KeyForm,
    KeyPatch,
    RevocationForm,
    RoleForm,
    RolePatch,
    RotationForm,
    TenantForm,
    TenantPatch,
    TokenForm,
)
from gateway.identity.permissions import ADMIN_PERMISSIONS
from gateway.identity.records import (
    BindingRecord,
    ErasureRecord,
    IssuedKey,
    IssuedToken,
    KeyRecord,
    RevocationRecord,
    RoleRecord,
    TenantRecord,
    TokenRecord,
)


class Whoami(BaseModel):
    """Who the credential belongs to; `tenant` is null for who administers all of them."""

    name: str
    tenant: str | None
    roles: tuple[str, ...]
    permissions: tuple[str, ...]


def _whoami(call: Call) -> Whoami:
    access = call.actor.access
    return Whoami(
        name=call.actor.name,
        tenant=call.actor.tenant,
        roles=tuple(sorted(call.roles)),
        permissions=tuple(
            permission.name
            for permission in ADMIN_PERMISSIONS
            if access is None or access.rule(permission.name).always is not False
        ),
    )


_KEY = Kind("keys", "admin.keys", lambda i: i.keys, KeyRecord)
_KEYS = (
    _KEY.list("List virtual keys", "tenant", "subject"),
    _KEY.create("Create a virtual key", KeyForm, IssuedKey),
    _KEY.read("Look at a virtual key"),
    _KEY.change("Change a virtual key", KeyPatch),
    _KEY.delete("Forget a virtual key"),
    Endpoint(
        *("POST", "/api/keys/{id}/rotate", "keys.rotate", "admin.keys.write"),
        "Give a virtual key a new secret",
        lambda c: c.identities.keys.rotate(
            c.actor, c.record_id, overlap_s=c.form.overlap_s, version=c.version
        ),
        form=RotationForm,
        answer=IssuedKey,
        conditional=True,
    ),
    Endpoint(
        *("POST", "/api/keys/{id}/revoke", "keys.revoke", "admin.revocations.write"),
        "Revoke a virtual key for good",
        lambda c: c.identities.keys.revoke(c.actor, c.record_id),
        answer=KeyRecord,
    ),
)

_TENANT = Kind("tenants", "admin.tenants", lambda i: i.tenants, TenantRecord)
_TENANTS = (
    _TENANT.list("List tenants"),
    _TENANT.create("Create a tenant", TenantForm),
    _TENANT.read("Look at a tenant"),
    _TENANT.change("Rename a tenant or switch it off", TenantPatch),
    _TENANT.delete("Remove an empty tenant"),
)

_ROLE = Kind("roles", "admin.roles", lambda i: i.roles, RoleRecord)
_ROLES = (
    _ROLE.list("List roles"),
    _ROLE.create("Create a role", RoleForm),
    _ROLE.read("Look at a role"),
    _ROLE.change("Change a role", RolePatch),
    _ROLE.delete("Remove a role"),
)

_BINDING = Kind("bindings", "admin.roles", lambda i: i.bindings, BindingRecord)
_BINDINGS = (
    _BINDING.list("List roles of users", "tenant", "subject"),
    _BINDING.create("Give a role to a user", BindingForm),
    _BINDING.read("Look at a role of a user"),
    _BINDING.delete("Take a role away from a user"),
)

_REVOCATION = Kind("revocations", "admin.revocations", lambda i: i.revocations, RevocationRecord)
_REVOCATIONS = (
    _REVOCATION.list("List what is revoked", "tenant", "kind"),
    _REVOCATION.create("Revoke a token, a user or a tenant", RevocationForm),
    _REVOCATION.read("Look at a revocation"),
    _REVOCATION.delete("Let in again what was revoked"),
)

_TOKEN = Kind("tokens", "admin.tokens", lambda i: i.tokens, TokenRecord)
_TOKENS = (
    _TOKEN.list("List admin tokens", "tenant"),
    _TOKEN.create("Create an admin token", TokenForm, IssuedToken),
    _TOKEN.read("Look at an admin token"),
    _TOKEN.delete("Remove an admin token"),
)

_ERASURE = Kind("value-erasures", "admin.values", lambda i: i.erasures, ErasureRecord)
_ERASURES = (
    _ERASURE.list("List erasures of values", "tenant"),
    _ERASURE.create("Erase values that placeholders stand for", ErasureForm),
    _ERASURE.read("Look at an erasure of values"),
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        *("GET", "/api/whoami", "whoami", "", "Say who the credential belongs to"),
        _whoami,
        answer=Whoami,
    ),
    *(*_KEYS, *_TENANTS, *_ROLES, *_BINDINGS, *_REVOCATIONS, *_TOKENS, *_ERASURES),
    *RECEIPT_ENDPOINTS,
)
"""The whole table; `GET /api/openapi.json` is made from it and not in it."""
