"""Bindings: which roles a user of a tenant has."""

from __future__ import annotations

import sqlite3

from gateway.identity.database import transaction
from gateway.identity.forms import BindingForm
from gateway.identity.keys import make_id
from gateway.identity.records import BindingRecord, moment
from gateway.identity.role_store import RoleStore
from gateway.identity.store import Actor, Database, Table, TableStore


class BindingStore(TableStore[BindingRecord]):
    """The bindings of one database."""

    filters = frozenset({"tenant", "subject"})

    def __init__(self, database: Database, roles: RoleStore) -> None:
        self._roles = roles
        super().__init__(database, Table(database, "bindings", "binding", _record))

    def make(self, actor: Actor, form: BindingForm) -> BindingRecord:
        """Gives a role to a user; a role may also be one that only a policy defines.

        Raises NotFoundError, ForbiddenError, and ConflictError where the user has it already.
        """
        tenant, now = actor.tenant_for(form.tenant), self._db.wall()
        actor.check_grant("role", self._roles.book().access(frozenset({form.role})))
        binding_id = make_id("bnd", now)
        values = {
            "id": binding_id,
            "tenant": tenant,
            "subject": form.subject,
            "role": form.role,
            "created_at": now,
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            self._db.check_tenant(tenant)
            self._table.insert(values, taken=f'"{form.subject}" has the role "{form.role}" already')
            return self.get(actor, binding_id)

    def remove(self, actor: Actor, binding_id: str, *, version: int | None = None) -> None:
        """Takes a role away. Raises NotFoundError, StaleError."""
        self._table.remove(actor, binding_id, version=version)

    def roles_of(self, tenant: str, subject: str) -> frozenset[str]:
        """The names of a user's roles."""
        query = "SELECT role FROM bindings WHERE tenant = ? AND subject = ?"
        return frozenset(row[0] for row in self._db.all(query, tenant, subject))


def _record(row: sqlite3.Row) -> BindingRecord:
    fields = dict(row)
    return BindingRecord(**{**fields, "created_at": moment(fields["created_at"])})
