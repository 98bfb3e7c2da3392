"""Admin tokens: what programs and people show on the admin port."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from gateway.identity.access import Access
from gateway.identity.database import transaction
from gateway.identity.forms import TokenForm
from gateway.identity.keys import TOKEN_PREFIX, hint_of, is_well_formed, make_id, mint
from gateway.identity.permissions import ACROSS_TENANTS
from gateway.identity.records import IssuedToken, Page, TokenRecord, moment, seconds
from gateway.identity.role_store import RoleStore
from gateway.identity.store import PAGE_MAX, Actor, Database, Table, UnfitError
from gateway.identity.uses import read_uses

_FIRST_TOKEN = "first_token"  # noqa: S105  # the name of a note, not a token
_FIRST_ROLE = "admin"


class TokenStore:
    """The admin tokens of one database."""

    def __init__(self, database: Database, roles: RoleStore) -> None:
        self._db = database
        self._roles = roles
        self._table = Table(database, "tokens", "admin token", _record)

    def get(self, actor: Actor, token_id: str) -> TokenRecord:
        """One admin token. Raises NotFoundError."""
        return self._with_uses([self._table.get(actor, token_id)])[0]

    def page(
        self, actor: Actor, *, after: str = "", limit: int = PAGE_MAX, tenant: str | None = None
    ) -> Page[TokenRecord]:
        """Admin tokens in the order of their making."""
        page = self._table.page(actor, after=after, limit=limit, where={"tenant": tenant})
        return Page(items=tuple(self._with_uses(page.items)), next=page.next)

    def issue(self, actor: Actor, form: TokenForm) -> IssuedToken:
        """Makes an admin token. Raises NotFoundError, ForbiddenError, UnfitError."""
        tenant, now = form.tenant, self._db.wall()
        if actor.tenant is not None:
            tenant = actor.tenant_for(tenant)
        self._check_roles(actor, form, tenant)
        token, token_id = mint(TOKEN_PREFIX), make_id("tok", now)
        values = {
            "id": token_id,
            "hash": self._db.hash(token),
            "hint": hint_of(token),
            "name": form.name,
            "tenant": tenant,
            "roles": orjson.dumps(form.roles).decode(),
            "expires_at": seconds(form.expires_at),
            "created_at": now,
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            if tenant is not None:
                self._db.check_tenant(tenant)
            self._table.insert(values, taken="the admin token could not be made")
            return IssuedToken(**dict(self._table.get(actor, token_id)), token=token)

    def remove(self, actor: Actor, token_id: str, *, version: int | None = None) -> None:
        """Forgets an admin token; it is refused from now on. Raises NotFoundError, StaleError."""
        self._table.remove(actor, token_id, version=version)

    def find(self, presented: str) -> TokenRecord | None:
        """The admin token with this secret, None where there is none or it may not be used now."""
        if not is_well_formed(TOKEN_PREFIX, presented):
            return None
        query = (
            "SELECT t.* FROM tokens t LEFT JOIN tenants o ON o.id = t.tenant"
            " WHERE t.hash = ? AND ifnull(o.disabled, 0) = 0"
        )
        row = self._db.one(query, self._db.hash(presented))
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= self._db.wall()):
            return None
        return _record(row)

    def issue_first(self) -> IssuedToken | None:
        """The token that may do everything, once for a database; None where there was one."""
        with transaction(self._db.connection):
            if self._db.meta(_FIRST_TOKEN) is not None or self._db.one("SELECT 1 FROM tokens"):
                return None
            self._db.set_meta(_FIRST_TOKEN, "issued")
        form = TokenForm(name="first token", roles=(_FIRST_ROLE,))
        return self.issue(Actor("sealgate"), form)

    def _check_roles(self, actor: Actor, form: TokenForm, tenant: str | None) -> None:
        book = self._roles.book()
        unknown = [name for name in form.roles if name not in book.roles]
        if unknown:
            raise UnfitError(
                "roles", f'there is no role "{unknown[0]}" (GET /api/roles lists them)'
            )
        access = book.access(frozenset(form.roles), tenant=tenant or "")
        if tenant is None and not _spans_tenants(access):
            message = f"give the token a tenant, or a role with {ACROSS_TENANTS}"
            raise UnfitError("tenant", message)
        actor.check_grant("roles", access)

    def _with_uses(self, records: Any) -> list[TokenRecord]:
        used = read_uses(self._db.data_dir, [record.id for record in records])
        return [
            record.model_copy(update={"last_used_at": moment(used.get(record.id))})
            for record in records
        ]


def _spans_tenants(access: Access) -> bool:
    return access.rule(ACROSS_TENANTS).always is not False


def _record(row: sqlite3.Row) -> TokenRecord:
    fields = dict(row)
    del fields["hash"]
    for name in ("expires_at", "created_at"):
        fields[name] = moment(fields[name])
    return TokenRecord(**{**fields, "roles": tuple(orjson.loads(fields["roles"]))})
