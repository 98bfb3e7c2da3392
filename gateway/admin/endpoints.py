"""Every endpoint of the admin API, in the order of its documentation."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.admin.endpoint import Call, Endpoint
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


_KEYS = (
    Endpoint(
        *("GET", "/api/keys", "keys.list", "admin.keys.read", "List virtual keys"),
        lambda c: c.identities.keys.page(c.actor, **c.query),
        answer=KeyRecord,
        paged=True,
        filters=("tenant", "subject"),
    ),
    Endpoint(
        *("POST", "/api/keys", "keys.create", "admin.keys.write", "Create a virtual key"),
        lambda c: c.identities.keys.issue(c.actor, c.form),
        form=KeyForm,
        answer=IssuedKey,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/keys/{id}", "keys.read", "admin.keys.read", "Look at a virtual key"),
        lambda c: c.identities.keys.get(c.actor, c.record_id),
        answer=KeyRecord,
    ),
    Endpoint(
        *("PATCH", "/api/keys/{id}", "keys.change", "admin.keys.write", "Change a virtual key"),
        lambda c: c.identities.keys.change(c.actor, c.record_id, c.form, version=c.version),
        form=KeyPatch,
        answer=KeyRecord,
        conditional=True,
    ),
    Endpoint(
        *("DELETE", "/api/keys/{id}", "keys.delete", "admin.keys.write", "Forget a virtual key"),
        lambda c: c.identities.keys.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
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

_TENANTS = (
    Endpoint(
        *("GET", "/api/tenants", "tenants.list", "admin.tenants.read", "List tenants"),
        lambda c: c.identities.tenants.page(c.actor, **c.query),
        answer=TenantRecord,
        paged=True,
    ),
    Endpoint(
        *("POST", "/api/tenants", "tenants.create", "admin.tenants.write", "Create a tenant"),
        lambda c: c.identities.tenants.make(c.actor, c.form),
        form=TenantForm,
        answer=TenantRecord,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/tenants/{id}", "tenants.read", "admin.tenants.read", "Look at a tenant"),
        lambda c: c.identities.tenants.get(c.actor, c.record_id),
        answer=TenantRecord,
    ),
    Endpoint(
        *("PATCH", "/api/tenants/{id}", "tenants.change", "admin.tenants.write"),
        "Rename a tenant or switch it off",
        lambda c: c.identities.tenants.change(c.actor, c.record_id, c.form, version=c.version),
        form=TenantPatch,
        answer=TenantRecord,
        conditional=True,
    ),
    Endpoint(
        *("DELETE", "/api/tenants/{id}", "tenants.delete", "admin.tenants.write"),
        "Remove an empty tenant",
        lambda c: c.identities.tenants.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
)

_ROLES = (
    Endpoint(
        *("GET", "/api/roles", "roles.list", "admin.roles.read", "List roles"),
        lambda c: c.identities.roles.page(c.actor, **c.query),
        answer=RoleRecord,
        paged=True,
    ),
    Endpoint(
        *("POST", "/api/roles", "roles.create", "admin.roles.write", "Create a role"),
        lambda c: c.identities.roles.make(c.actor, c.form),
        form=RoleForm,
        answer=RoleRecord,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/roles/{id}", "roles.read", "admin.roles.read", "Look at a role"),
        lambda c: c.identities.roles.get(c.actor, c.record_id),
        answer=RoleRecord,
    ),
    Endpoint(
        *("PATCH", "/api/roles/{id}", "roles.change", "admin.roles.write", "Change a role"),
        lambda c: c.identities.roles.change(c.actor, c.record_id, c.form, version=c.version),
        form=RolePatch,
        answer=RoleRecord,
        conditional=True,
    ),
    Endpoint(
        *("DELETE", "/api/roles/{id}", "roles.delete", "admin.roles.write", "Remove a role"),
        lambda c: c.identities.roles.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
)

_BINDINGS = (
    Endpoint(
        *("GET", "/api/bindings", "bindings.list", "admin.roles.read", "List roles of users"),
        lambda c: c.identities.bindings.page(c.actor, **c.query),
        answer=BindingRecord,
        paged=True,
        filters=("tenant", "subject"),
    ),
    Endpoint(
        *("POST", "/api/bindings", "bindings.create", "admin.roles.write"),
        "Give a role to a user",
        lambda c: c.identities.bindings.make(c.actor, c.form),
        form=BindingForm,
        answer=BindingRecord,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/bindings/{id}", "bindings.read", "admin.roles.read"),
        "Look at a role of a user",
        lambda c: c.identities.bindings.get(c.actor, c.record_id),
        answer=BindingRecord,
    ),
    Endpoint(
        *("DELETE", "/api/bindings/{id}", "bindings.delete", "admin.roles.write"),
        "Take a role away from a user",
        lambda c: c.identities.bindings.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
)

_REVOCATIONS = (
    Endpoint(
        *("GET", "/api/revocations", "revocations.list", "admin.revocations.read"),
        "List what is revoked",
        lambda c: c.identities.revocations.page(c.actor, **c.query),
        answer=RevocationRecord,
        paged=True,
        filters=("tenant", "kind"),
    ),
    Endpoint(
        *("POST", "/api/revocations", "revocations.create", "admin.revocations.write"),
        "Revoke a token, a user or a tenant",
        lambda c: c.identities.revocations.make(c.actor, c.form),
        form=RevocationForm,
        answer=RevocationRecord,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/revocations/{id}", "revocations.read", "admin.revocations.read"),
        "Look at a revocation",
        lambda c: c.identities.revocations.get(c.actor, c.record_id),
        answer=RevocationRecord,
    ),
    Endpoint(
        *("DELETE", "/api/revocations/{id}", "revocations.delete", "admin.revocations.write"),
        "Let in again what was revoked",
        lambda c: c.identities.revocations.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
)

_TOKENS = (
    Endpoint(
        *("GET", "/api/tokens", "tokens.list", "admin.tokens.read", "List admin tokens"),
        lambda c: c.identities.tokens.page(c.actor, **c.query),
        answer=TokenRecord,
        paged=True,
        filters=("tenant",),
    ),
    Endpoint(
        *("POST", "/api/tokens", "tokens.create", "admin.tokens.write", "Create an admin token"),
        lambda c: c.identities.tokens.issue(c.actor, c.form),
        form=TokenForm,
        answer=IssuedToken,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/tokens/{id}", "tokens.read", "admin.tokens.read", "Look at an admin token"),
        lambda c: c.identities.tokens.get(c.actor, c.record_id),
        answer=TokenRecord,
    ),
    Endpoint(
        *("DELETE", "/api/tokens/{id}", "tokens.delete", "admin.tokens.write"),
        "Remove an admin token",
        lambda c: c.identities.tokens.remove(c.actor, c.record_id, version=c.version),
        status=204,
        conditional=True,
    ),
)

_ERASURES = (
    Endpoint(
        *("GET", "/api/value-erasures", "value_erasures.list", "admin.values.read"),
        "List erasures of values",
        lambda c: c.identities.erasures.page(c.actor, **c.query),
        answer=ErasureRecord,
        paged=True,
        filters=("tenant",),
    ),
    Endpoint(
        *("POST", "/api/value-erasures", "value_erasures.create", "admin.values.write"),
        "Erase values that placeholders stand for",
        lambda c: c.identities.erasures.make(c.actor, c.form),
        form=ErasureForm,
        answer=ErasureRecord,
        status=201,
    ),
    Endpoint(
        *("GET", "/api/value-erasures/{id}", "value_erasures.read", "admin.values.read"),
        "Look at an erasure of values",
        lambda c: c.identities.erasures.get(c.actor, c.record_id),
        answer=ErasureRecord,
    ),
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
