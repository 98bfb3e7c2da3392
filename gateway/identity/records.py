"""What is kept of tenants, keys, roles, bindings, revocations and admin tokens; never a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """One row; `version` counts its changes and is its ETag."""

    model_config = ConfigDict(frozen=True)

    id: str
    created_at: datetime
    created_by: str
    version: int


class TenantRecord(Record):
    """A tenant."""

    name: str
    disabled: bool


class SecretRecord(BaseModel):
    """One secret of a key: `hint` is how it begins; `valid_until` is set by a rotation."""

    model_config = ConfigDict(frozen=True)

    hint: str
    created_at: datetime
    valid_until: datetime | None


class KeyRecord(Record):
    """A virtual key; `secrets` has the newest first."""

    tenant: str
    subject: str
    name: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    models: tuple[str, ...]
    limits: tuple[dict[str, Any], ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None
    secrets: tuple[SecretRecord, ...] = ()


class IssuedKey(KeyRecord):
    """A key with its new secret, which is shown this once."""

    key: str = Field(repr=False)


class RoleRecord(Record):
    """A role; a built-in one cannot be changed."""

    description: str
    tenants: tuple[str, ...]
    allow: tuple[Any, ...]
    deny: tuple[Any, ...]
    builtin: bool


class BindingRecord(Record):
    """A role of a user."""

    tenant: str
    subject: str
    role: str


class RevocationRecord(Record):
    """What is refused; `tenant` is `*` where it holds for all."""

    kind: Literal["jti", "subject", "tenant"]
    name: str
    tenant: str
    before: datetime | None
    expires_at: datetime | None
    reason: str


class TokenRecord(Record):
    """An admin token; `tenant` is null where it administers all."""

    name: str
    tenant: str | None
    hint: str
    roles: tuple[str, ...]
    expires_at: datetime | None
    last_used_at: datetime | None = None


class IssuedToken(TokenRecord):
    """An admin token with its secret, which is shown this once."""

    token: str = Field(repr=False)


class ErasureRecord(Record):
    """An order to erase values; `conversation` is null for all of them.

    `one_value` tells that it is about one value; which one is not kept.
    """

    tenant: str
    conversation: str | None
    one_value: bool


R = TypeVar("R", bound=Record)


class Page(BaseModel, Generic[R]):
    """Some records; `next` is the `after` of the next page, null at the end."""

    items: tuple[R, ...]
    next: str | None


def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def seconds(at: datetime | None) -> float | None:
    """A time as seconds since 1970."""
    return None if at is None else at.timestamp()
