"""Tenants: make, rename, switch off, remove."""

from __future__ import annotations

import sqlite3

from gateway.identity.database import transaction
from gateway.identity.forms import TenantForm, TenantPatch
from gateway.identity.records import Page, TenantRecord, moment
from gateway.identity.store import PAGE_MAX, Actor, ConflictError, Database, ForbiddenError, Table
from gateway.plugin.identity import ANONYMOUS_TENANT


class TenantStore:
    """The tenants of one database; one that administers a single tenant sees just that one."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._table = Table(database, "tenants", "tenant", _record, scope="id")

    def get(self, actor: Actor, tenant: str) -> TenantRecord:
        """One tenant. Raises NotFoundError."""
        return self._table.get(actor, tenant)

    def page(self, actor: Actor, *, after: str = "", limit: int = PAGE_MAX) -> Page[TenantRecord]:
        """Tenants by name."""
        return self._table.page(actor, after=after, limit=limit)

    def make(self, actor: Actor, form: TenantForm) -> TenantRecord:
        """Makes a tenant. Raises ForbiddenError, and ConflictError where there is one already."""
        _check_spans_tenants(actor)
        values = {
            "id": form.id,
            "name": form.name,
            "disabled": 0,
            "created_at": self._db.wall(),
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            self._table.insert(values, taken=f'there is a tenant "{form.id}" already')
            return self.get(actor, form.id)

    def change(
        self, actor: Actor, tenant: str, patch: TenantPatch, *, version: int | None = None
    ) -> TenantRecord:
        """Changes what `patch` names. Raises NotFoundError, StaleError, ForbiddenError."""
        values: dict[str, object] = {}
        if patch.name is not None:
            values["name"] = patch.name
        if patch.disabled is not None:
            self._table.get(actor, tenant)
            _check_spans_tenants(actor)
            values["disabled"] = int(patch.disabled)
        return self._table.change(actor, tenant, values, version)

    def remove(self, actor: Actor, tenant: str, *, version: int | None = None) -> None:
        """Removes an empty tenant.

        Raises NotFoundError, StaleError, ForbiddenError, and ConflictError where keys, bindings
        or admin tokens belong to it.
        """
        self._table.get(actor, tenant)
        _check_spans_tenants(actor)
        if tenant == ANONYMOUS_TENANT:
            raise ConflictError(f'the tenant "{tenant}" is always there (it can be disabled)')
        self._table.remove(actor, tenant, version=version)


def _check_spans_tenants(actor: Actor) -> None:
    if actor.tenant is not None:
        raise ForbiddenError("tenants are made, switched off and removed by who administers all")


def _record(row: sqlite3.Row) -> TenantRecord:
    fields = dict(row)
    fields["created_at"] = moment(fields["created_at"])
    return TenantRecord(**{**fields, "disabled": bool(fields["disabled"])})
