"""Virtual keys: issue, change, rotate, revoke."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from gateway.identity.database import transaction
from gateway.identity.forms import KeyForm, KeyPatch
from gateway.identity.keys import KEY_PREFIX, hint_of, make_id, mint
from gateway.identity.records import IssuedKey, KeyRecord, Page, SecretRecord, moment, seconds
from gateway.identity.store import PAGE_MAX, Actor, ConflictError, Database, Table
from gateway.identity.uses import read_uses

_LISTS = ("scopes", "roles", "models", "limits")
LIMITS_BYTES_MAX = 8_192


class KeyStore:
    """The virtual keys of one database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._table = Table(database, "keys", "key", self._record)

    def get(self, actor: Actor, key_id: str) -> KeyRecord:
        """One key. Raises NotFoundError."""
        return self._with_uses([self._table.get(actor, key_id)])[0]

    def page(
        self,
        actor: Actor,
        *,
        after: str = "",
        limit: int = PAGE_MAX,
        tenant: str | None = None,
        subject: str | None = None,
    ) -> Page[KeyRecord]:
        """Keys in the order of their making."""
        where = {"tenant": tenant, "subject": subject}
        page = self._table.page(actor, after=after, limit=limit, where=where)
        return Page(items=tuple(self._with_uses(page.items)), next=page.next)

    def issue(self, actor: Actor, form: KeyForm) -> IssuedKey:
        """Makes a key. Raises NotFoundError where its tenant is not there."""
        tenant, now = actor.tenant_for(form.tenant), self._db.wall()
        key_id = make_id("key", now)
        values = {
            "id": key_id,
            "tenant": tenant,
            "subject": form.subject,
            "name": form.name,
            **{name: _dump(getattr(form, name)) for name in _LISTS},
            "expires_at": seconds(form.expires_at),
            "created_at": now,
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            self._db.check_tenant(tenant)
            self._table.insert(values, taken="the key could not be made")
            secret = self._add_secret(key_id, now)
            return self._issued(actor, key_id, secret)

    def change(
        self, actor: Actor, key_id: str, patch: KeyPatch, *, version: int | None = None
    ) -> KeyRecord:
        """Changes what `patch` names. Raises NotFoundError, StaleError."""
        values: dict[str, object] = {}
        for name in patch.model_fields_set:
            value = getattr(patch, name)
            if name in _LISTS:
                values[name] = _dump(value or ())
            elif name == "expires_at":
                values[name] = seconds(value)
            else:
                values[name] = value or ""
        return self._with_uses([self._table.change(actor, key_id, values, version)])[0]

    def rotate(
        self, actor: Actor, key_id: str, *, overlap_s: float, version: int | None = None
    ) -> IssuedKey:
        """Gives a key a new secret; the old one works `overlap_s` seconds longer.

        The id stays, and with it what is counted under it. Raises NotFoundError, StaleError, and
        ConflictError for a revoked key.
        """
        now = self._db.wall()
        with transaction(self._db.connection):
            row = self._table.row(actor, key_id, version)
            if row["revoked_at"] is not None:
                raise ConflictError(f'the key "{key_id}" is revoked (make a new one)')
            self._db.connection.execute(
                "DELETE FROM secrets WHERE key = ? AND valid_until <= ?", (key_id, now)
            )
            self._db.connection.execute(
                "UPDATE secrets SET valid_until = min(ifnull(valid_until, 9e999), ?) WHERE key = ?",
                (now + overlap_s, key_id),
            )
            secret = self._add_secret(key_id, now)
            self._table.touch(key_id)
            return self._issued(actor, key_id, secret)

    def revoke(self, actor: Actor, key_id: str) -> KeyRecord:
        """Refuses a key from now on; once revoked, it stays so. Raises NotFoundError."""
        record = self._table.get(actor, key_id)
        if record.revoked_at is None:
            record = self._table.change(actor, key_id, {"revoked_at": self._db.wall()}, None)
        return self._with_uses([record])[0]

    def remove(self, actor: Actor, key_id: str, *, version: int | None = None) -> None:
        """Forgets a key; it is unknown from now on. Raises NotFoundError, StaleError."""
        self._table.remove(actor, key_id, version=version)

    def _add_secret(self, key_id: str, now: float) -> str:
        secret = mint(KEY_PREFIX)
        self._db.connection.execute(
            "INSERT INTO secrets (hash, key, hint, created_at) VALUES (?, ?, ?, ?)",
            (self._db.hash(secret), key_id, hint_of(secret), now),
        )
        return secret

    def _issued(self, actor: Actor, key_id: str, secret: str) -> IssuedKey:
        record = self._table.get(actor, key_id)
        return IssuedKey(**dict(record), key=secret)

    def _record(self, row: sqlite3.Row) -> KeyRecord:
        fields: dict[str, Any] = dict(row)
        for name in _LISTS:
            fields[name] = tuple(orjson.loads(fields[name]))
        for name in ("created_at", "expires_at", "revoked_at"):
            fields[name] = moment(fields[name])
        secrets = self._db.all(
            "SELECT hint, created_at, valid_until FROM secrets WHERE key = ?"
            " ORDER BY created_at DESC, valid_until IS NOT NULL, valid_until DESC",
            fields["id"],
        )
        fields["secrets"] = tuple(SecretRecord(**_times(dict(each))) for each in secrets)
        return KeyRecord(**fields)

    def _with_uses(self, records: Any) -> list[KeyRecord]:
        used = read_uses(self._db.data_dir, [record.id for record in records])
        return [
            record.model_copy(update={"last_used_at": moment(used.get(record.id))})
            for record in records
        ]


def _times(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, **{name: moment(fields[name]) for name in ("created_at", "valid_until")}}


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()
