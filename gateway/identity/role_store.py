"""Roles that administrators make, beside the built-in ones. They hold for every tenant."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import orjson

from gateway.identity.access import Access, RoleBook
from gateway.identity.database import transaction
from gateway.identity.forms import RoleForm, RolePatch
from gateway.identity.records import Page, RoleRecord, moment
from gateway.identity.roles import BUILTIN_ROLES, Role
from gateway.identity.store import (
    PAGE_MAX,
    Actor,
    ConflictError,
    Database,
    ForbiddenError,
    Table,
    UnfitError,
)

_EPOCH = datetime.fromtimestamp(0, UTC)
_USERS = (
    "SELECT id FROM bindings WHERE role = :role"
    " UNION ALL SELECT id FROM tokens WHERE :role IN (SELECT value FROM json_each(roles))"
    " UNION ALL SELECT id FROM keys WHERE :role IN (SELECT value FROM json_each(roles)) LIMIT 1"
)


class RoleStore:
    """The roles of one database; everybody sees all, who administers every tenant writes them."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._table = Table(database, "roles", "role", _record, scope=None)

    def get(self, actor: Actor, name: str) -> RoleRecord:
        """One role. Raises NotFoundError."""
        if name in BUILTIN_ROLES:
            return _builtin(name, BUILTIN_ROLES[name])
        return self._table.get(actor, name)

    def page(self, actor: Actor, *, after: str = "", limit: int = PAGE_MAX) -> Page[RoleRecord]:
        """Roles by name, built-in ones among them."""
        page = self._table.page(actor, after=after, limit=limit)
        builtin = [_builtin(n, r) for n, r in BUILTIN_ROLES.items() if n > after]
        rows = sorted([*page.items, *builtin], key=lambda record: record.id)
        more = page.next is not None or len(rows) > limit
        return Page(items=tuple(rows[:limit]), next=rows[limit - 1].id if more else None)

    def make(self, actor: Actor, form: RoleForm) -> RoleRecord:
        """Makes a role. Raises ForbiddenError, ConflictError."""
        role = Role.model_validate(form.model_dump(exclude={"id"}))
        _check_may_write(actor, role)
        taken = f'there is a role "{form.id}" already'
        if form.id in BUILTIN_ROLES:
            raise ConflictError(taken)
        values = {
            "id": form.id,
            "definition": role.model_dump_json(exclude_defaults=True),
            "created_at": self._db.wall(),
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            self._table.insert(values, taken=taken)
            return self.get(actor, form.id)

    def change(
        self, actor: Actor, name: str, patch: RolePatch, *, version: int | None = None
    ) -> RoleRecord:
        """Changes what `patch` names.

        Raises NotFoundError, StaleError, ForbiddenError, ConflictError, UnfitError.
        """
        _check_not_builtin(name)
        before = orjson.loads(self._table.row(actor, name)["definition"])
        named = patch.model_dump(include=set(patch.model_fields_set))
        try:
            role = Role.model_validate({**before, **named})
        except ValueError as error:
            raise UnfitError("role", _first_message(error)) from None
        _check_may_write(actor, Role.model_validate(before))
        _check_may_write(actor, role)
        definition = {"definition": role.model_dump_json(exclude_defaults=True)}
        return self._table.change(actor, name, definition, version)

    def remove(self, actor: Actor, name: str, *, version: int | None = None) -> None:
        """Removes a role. Raises NotFoundError, StaleError, ForbiddenError, ConflictError."""
        _check_not_builtin(name)
        before = self._table.row(actor, name, version)
        _check_may_write(actor, Role.model_validate_json(before["definition"]))
        user = self._db.connection.execute(_USERS, {"role": name}).fetchone()
        if user is not None:
            # A role may forbid; who has it would be allowed more without it.
            raise ConflictError(f'the role "{name}" is in use by {user[0]} (take it away there)')
        self._table.remove(actor, name, version=version)

    def book(self) -> RoleBook:
        """All roles, compiled on demand; those that cannot be read permit nothing."""
        roles, broken = dict(BUILTIN_ROLES), []
        for row in self._db.all("SELECT id, definition FROM roles"):
            try:
                roles[row["id"]] = Role.model_validate_json(row["definition"])
            except ValueError:
                broken.append(row["id"])
        return RoleBook(roles, broken)


def _check_not_builtin(name: str) -> None:
    if name in BUILTIN_ROLES:
        raise ConflictError(f'the role "{name}" is built in (make one of your own)')


def _check_may_write(actor: Actor, role: Role) -> None:
    if actor.tenant is not None:
        raise ForbiddenError("roles hold for every tenant; who administers all of them writes them")
    actor.check_grant("allow", Access([role]))


def _builtin(name: str, role: Role) -> RoleRecord:
    return RoleRecord(
        id=name,
        created_at=_EPOCH,
        created_by="sealgate",
        version=1,
        builtin=True,
        **role.model_dump(mode="json"),
    )


def _record(row: sqlite3.Row) -> RoleRecord:
    fields = dict(row)
    written = {**Role(allow=("*",)).model_dump(), "allow": (), **orjson.loads(fields["definition"])}
    fields["created_at"] = moment(fields["created_at"])
    del fields["definition"]
    return RoleRecord(builtin=False, **fields, **written)


def _first_message(error: ValueError) -> str:
    details = getattr(error, "errors", None)
    if details is None:
        return str(error)
    first = details(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
