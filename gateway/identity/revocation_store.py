"""Revocations: tokens, users and tenants that are refused though their credentials verify."""

from __future__ import annotations

import sqlite3

from gateway.identity.database import transaction
from gateway.identity.directory import EVERY_TENANT
from gateway.identity.forms import RevocationForm
from gateway.identity.keys import make_id
from gateway.identity.records import RevocationRecord, moment, seconds
from gateway.identity.store import (
    Actor,
    Database,
    ForbiddenError,
    NotFoundError,
    Table,
    TableStore,
    UnfitError,
)

_REVOKED = (
    "SELECT max(ifnull(before, 9e999)) FROM revocations"
    " WHERE kind = ? AND name = ? AND tenant IN (?, ?)"
)


class RevocationStore(TableStore[RevocationRecord]):
    """The revocations of one database."""

    filters = frozenset({"tenant", "kind"})

    def __init__(self, database: Database) -> None:
        super().__init__(database, Table(database, "revocations", "revocation", _record))

    def make(self, actor: Actor, form: RevocationForm) -> RevocationRecord:
        """Refuses what `form` names from now on; the same again replaces what was there.

        Raises NotFoundError, ForbiddenError, UnfitError.
        """
        tenant, now = self._tenant(actor, form), self._db.wall()
        if form.expires_at is not None and form.kind != "jti":
            raise UnfitError("expires_at", "only a token (jti) is forgotten by itself")
        revocation_id = make_id("rev", now)
        values = {
            "id": revocation_id,
            "kind": form.kind,
            "tenant": tenant,
            "name": form.name,
            "before": seconds(form.before),
            "expires_at": seconds(form.expires_at),
            "reason": form.reason,
            "created_at": now,
            "created_by": actor.name,
        }
        delete = self._db.connection.execute
        with transaction(self._db.connection):
            # A token that has expired is refused for that; the list does not grow for ever.
            delete("DELETE FROM revocations WHERE expires_at <= ?", (now,))
            delete(
                "DELETE FROM revocations WHERE kind = ? AND name = ? AND tenant = ?",
                (form.kind, form.name, tenant),
            )
            self._table.insert(values, taken="the revocation could not be made")
            return self.get(actor, revocation_id)

    def remove(self, actor: Actor, revocation_id: str, *, version: int | None = None) -> None:
        """Lets what was revoked in again. Raises NotFoundError, StaleError."""
        self._table.remove(actor, revocation_id, version=version)

    def is_revoked(
        self, kind: str, name: str, *, tenant: str = "", issued_at: float | None = None
    ) -> bool:
        """As `Directory.is_revoked`, for the admin port."""
        row = self._db.one(_REVOKED, kind, name, tenant, EVERY_TENANT)
        before = None if row is None else row[0]
        return before is not None and (issued_at is None or issued_at < before)

    def _tenant(self, actor: Actor, form: RevocationForm) -> str:
        if form.kind == "tenant":
            if actor.tenant is not None:
                if form.name != actor.tenant:
                    raise NotFoundError(f'there is no tenant "{form.name}"')
                raise ForbiddenError("a tenant is revoked by who administers all tenants")
            if form.tenant not in {None, form.name}:
                raise UnfitError("tenant", "leave it out: `name` is the tenant that is revoked")
            return form.name
        if form.tenant == EVERY_TENANT and actor.tenant is None:
            return EVERY_TENANT
        return actor.tenant_for(form.tenant)


def _record(row: sqlite3.Row) -> RevocationRecord:
    fields = dict(row)
    for name in ("before", "expires_at", "created_at"):
        fields[name] = moment(fields[name])
    return RevocationRecord(**fields)
