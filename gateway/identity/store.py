"""Writing identity: what every kind of record shares.

An actor sees and changes the records of its tenant, or of every tenant where it has none. What an
actor may not see does not exist for it: the errors are the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic

from gateway.errors import SealgateError
from gateway.identity.access import Access
from gateway.identity.database import open_writer, transaction
from gateway.identity.keys import Hasher, make_hasher
from gateway.identity.pepper import make_pepper
from gateway.identity.permissions import ACROSS_TENANTS
from gateway.identity.records import Page, R
from gateway.plugin.identity import ANONYMOUS_TENANT

_FINGERPRINT = "pepper_fingerprint"
PAGE_MAX = 200


class NotFoundError(SealgateError):
    """There is no such record, or not for this actor."""


class OtherTenantError(NotFoundError):
    """It is another tenant's: who asks is told that there is none, and the audit log says so."""


class ConflictError(SealgateError):
    """The record cannot be made, changed or removed as things stand."""


class StaleError(SealgateError):
    """The record was changed since the caller read it."""


class UnfitError(SealgateError):
    """A value that cannot be used; `member` says where it stands."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(f"{member}: {message}")
        self.member = member
        self.message = message


class ForbiddenError(SealgateError):
    """The actor may not do this, whatever the record."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `name` for records and audit lines, `tenant` None for all tenants.

    `access` is what the actor's roles come to; None for whoever owns the data folder, who may do
    everything.
    """

    name: str
    tenant: str | None = None
    access: Access | None = None

    def tenant_for(self, asked: str | None) -> str:
        """The tenant that something new belongs to. Raises NotFoundError for another's."""
        if self.tenant is None:
            return asked or ANONYMOUS_TENANT
        if asked is not None and asked != self.tenant:
            raise OtherTenantError(f'there is no tenant "{asked}"')
        return self.tenant

    def check_grant(self, member: str, granted: Access) -> None:
        """Raises ForbiddenError where `granted` holds administration that the actor lacks.

        What may be asked of providers is not compared: who looks after keys need not use them.
        """
        if self.access is None:
            return
        missing = [name for name in granted.missing_from(self.access) if name.startswith("admin.")]
        if self.tenant is not None and granted.rule(ACROSS_TENANTS).always is not False:
            missing.append(ACROSS_TENANTS)
        if missing:
            raise ForbiddenError(
                f"{member}: nobody may hand out more than they have, and you lack"
                f" {', '.join(sorted(set(missing)))}"
            )


class Database:
    """The open database and what is needed to write it; close it in the end."""

    def __init__(self, data_dir: Path, wall: Callable[[], float]) -> None:
        """Makes the files where they are missing. Raises ConfigError."""
        pepper = make_pepper(data_dir)
        self.data_dir = data_dir
        self.wall = wall
        self.hash: Hasher = make_hasher(pepper)
        self.connection = open_writer(data_dir)
        with transaction(self.connection):
            self._check_pepper(data_dir)
            self.connection.execute(
                "INSERT OR IGNORE INTO tenants (id, name, disabled, created_at, created_by)"
                " VALUES (?, '', 0, ?, 'sealgate')",
                (ANONYMOUS_TENANT, wall()),
            )

    def close(self) -> None:
        """Closes the files."""
        self.connection.close()

    def one(self, query: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query."""
        row: sqlite3.Row | None = self.connection.execute(query, values).fetchone()
        return row

    def all(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self.connection.execute(query, values).fetchall()

    def meta(self, name: str) -> str | None:
        """A note about the database itself."""
        row = self.one("SELECT value FROM meta WHERE name = ?", name)
        return None if row is None else str(row[0])

    def check_tenant(self, tenant: str) -> None:
        """Raises NotFoundError where there is no such tenant."""
        if self.one("SELECT 1 FROM tenants WHERE id = ?", tenant) is None:
            raise NotFoundError(f'there is no tenant "{tenant}"')

    def set_meta(self, name: str, value: str) -> None:
        """Keeps such a note."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _check_pepper(self, data_dir: Path) -> None:
        fingerprint = self.hash("sealgate identity").hex()[:16]
        known = self.meta(_FINGERPRINT)
        if known is None:
            self.set_meta(_FINGERPRINT, fingerprint)
        elif known != fingerprint:
            raise SealgateError(
                f"{data_dir}: identity.pepper is not the one that identity.db was written with"
                " (put both back from the same backup; no key works otherwise)"
            )


class Table(Generic[R]):
    """Reading and removing the records of one kind.

    `noun` names one of them in errors; `scope` is the column that says whose it is, None where
    every actor sees all.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        noun: str,
        record: Callable[[sqlite3.Row], R],
        *,
        scope: str | None = "tenant",
    ) -> None:
        self._db = database
        self._name = name
        self._noun = noun
        self._record = record
        self._scope = scope

    def get(self, actor: Actor, record_id: str) -> R:
        """One record. Raises NotFoundError."""
        return self._record(self.row(actor, record_id))

    def page(
        self,
        actor: Actor,
        *,
        after: str = "",
        limit: int = PAGE_MAX,
        where: Mapping[str, str | None] | None = None,
    ) -> Page[R]:
        """Records in the order of their ids, from behind `after`; `where` compares columns."""
        conditions, values = ["id > ?"], [after]
        for column, wanted in (where or {}).items():
            if wanted is not None:
                conditions.append(f"{column} = ?")
                values.append(wanted)
        self._add_scope(actor, conditions, values)
        query = f"SELECT * FROM {self._name} WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?"  # noqa: S608  # names of our own
        rows = self._db.all(query, *values, limit + 1)
        items = tuple(self._record(row) for row in rows[:limit])
        return Page(items=items, next=items[-1].id if len(rows) > limit else None)

    def remove(self, actor: Actor, record_id: str, *, version: int | None = None) -> None:
        """Removes one record. Raises NotFoundError, StaleError, ConflictError."""
        with transaction(self._db.connection):
            self.row(actor, record_id, version)
            try:
                self._db.connection.execute(f"DELETE FROM {self._name} WHERE id = ?", (record_id,))  # noqa: S608  # a name of our own
            except sqlite3.IntegrityError:
                raise ConflictError(
                    f'the {self._noun} "{record_id}" is in use (remove what belongs to it first)'
                ) from None

    def insert(self, values: Mapping[str, object], *, taken: str) -> None:
        """Writes a new row, within a transaction. Raises ConflictError with `taken`."""
        marks = ", ".join("?" * len(values))
        query = f"INSERT INTO {self._name} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  # names of our own
        try:
            self._db.connection.execute(query, tuple(values.values()))
        except sqlite3.IntegrityError:
            raise ConflictError(taken) from None

    def change(
        self, actor: Actor, record_id: str, values: Mapping[str, object], version: int | None
    ) -> R:
        """Changes columns of one record. Raises NotFoundError, StaleError."""
        with transaction(self._db.connection):
            self.row(actor, record_id, version)
            changes = "".join(f"{column} = ?, " for column in values)
            query = f"UPDATE {self._name} SET {changes}version = version + 1 WHERE id = ?"  # noqa: S608  # names of our own
            self._db.connection.execute(query, (*values.values(), record_id))
            return self.get(actor, record_id)

    def touch(self, record_id: str) -> None:
        """Counts a change of what belongs to a record, within a transaction."""
        query = f"UPDATE {self._name} SET version = version + 1 WHERE id = ?"  # noqa: S608  # a name of our own
        self._db.connection.execute(query, (record_id,))

    def row(self, actor: Actor, record_id: str, version: int | None = None) -> sqlite3.Row:
        """The row of one record. Raises NotFoundError, StaleError."""
        conditions, values = ["id = ?"], [record_id]
        self._add_scope(actor, conditions, values)
        row = self._db.one(
            f"SELECT * FROM {self._name} WHERE {' AND '.join(conditions)}",  # noqa: S608  # names of our own
            *values,
        )
        if row is None:
            raise NotFoundError(f'there is no {self._noun} "{record_id}"')
        if version is not None and row["version"] != version:
            raise StaleError(
                f'the {self._noun} "{record_id}" was changed since (version {row["version"]})'
            )
        return row

    def _add_scope(self, actor: Actor, conditions: list[str], values: list[str]) -> None:
        if actor.tenant is not None and self._scope is not None:
            conditions.append(f"{self._scope} = ?")
            values.append(actor.tenant)


class TableStore(Generic[R]):
    """The records of one kind, where a table holds all of each; `filters` are columns for pages."""

    filters: ClassVar[frozenset[str]] = frozenset({"tenant"})

    def __init__(self, database: Database, table: Table[R]) -> None:
        self._db = database
        self._table = table

    def get(self, actor: Actor, record_id: str) -> R:
        """One record. Raises NotFoundError."""
        return self._table.get(actor, record_id)

    def page(
        self, actor: Actor, *, after: str = "", limit: int = PAGE_MAX, **where: str | None
    ) -> Page[R]:
        """Records in the order of their making, from behind `after`.

        `where` compares `filters`; None does not matter. Raises ValueError for another column.
        """
        if not where.keys() <= self.filters:
            raise ValueError(f"not filters: {', '.join(sorted(where.keys() - self.filters))}")
        return self._table.page(actor, after=after, limit=limit, where=where)
