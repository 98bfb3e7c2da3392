"""What administrators write: the bodies of the admin API, and what the command line fills in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from gateway.identity.roles import Role, RoleName

TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"
LIST_MAX = 64
"""Most entries of one list of a record."""
ROTATION_OVERLAP_MAX_S = 90 * 86_400


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


TenantId = Annotated[str, Field(pattern=TENANT_PATTERN, examples=["acme"])]
Label = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Subject = Annotated[
    str, Field(min_length=1, max_length=256, examples=["ada"]), AfterValidator(_printable)
]
Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Words = Annotated[tuple[Word, ...], Field(max_length=LIST_MAX)]
ConversationId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", examples=["0f3c6f0e2f1d4d0b9c55a1f4b8e7d210"])
]
RoleNames = Annotated[tuple[RoleName, ...], Field(max_length=LIST_MAX)]
Entries = Annotated[tuple[Any, ...], Field(max_length=LIST_MAX)]
Limits = Annotated[tuple[dict[str, Any], ...], Field(max_length=LIST_MAX)]


class Form(BaseModel):
    """Unknown members are refused, and so is text where a number belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _in_utc(at: datetime) -> datetime:
    try:
        found = at.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time must lie between 1970 and 9999") from None
    if found.year < 1970:  # noqa: PLR2004  # the epoch: times are kept as seconds since then
        raise ValueError("the time must lie between 1970 and 9999")
    return found


Moment = Annotated[
    AwareDatetime,
    Field(strict=False, examples=["2030-01-31T00:00:00Z"]),
    AfterValidator(_in_utc),
]
"""ISO 8601 with an offset."""


class TenantForm(Form):
    """A new tenant."""

    id: TenantId = Field(description="Its name in credentials, policies and counters.")
    name: Label = Field("", description="For people.")


class TenantPatch(Form):
    """What to change of a tenant."""

    name: Label | None = None
    disabled: bool | None = Field(None, description="Refuses every credential of the tenant.")


class KeyForm(Form):
    """A new virtual key."""

    tenant: TenantId | None = Field(
        None, description="Default: the tenant of who asks, or `default`."
    )
    subject: Subject = Field(description="The owner: a user or a service.")
    name: Label = Field("", description="For people.")
    scopes: Words = Field((), description="What it may do; empty: all that its roles allow.")
    roles: RoleNames = Field((), description="Empty: the roles bound to its owner.")
    models: Words = Field((), description="Patterns of models it may use; empty: any.")
    limits: Limits = Field((), description="Its own limits, as `rate_limit` and `budget` read.")
    expires_at: Moment | None = None


class KeyPatch(Form):
    """What to change of a key; `expires_at: null` lets it live on."""

    subject: Subject | None = None
    name: Label | None = None
    scopes: Words | None = None
    roles: RoleNames | None = None
    models: Words | None = None
    limits: Limits | None = None
    expires_at: Moment | None = None


class RotationForm(Form):
    """How to replace a key's secret."""

    overlap_s: int = Field(
        86_400, ge=0, le=ROTATION_OVERLAP_MAX_S, description="How long the old one works on."
    )


class RoleForm(Role):
    """A new role."""

    id: RoleName = Field(description="Its name.")


class RolePatch(Form):
    """What to change of a role; a list replaces the whole list."""

    description: Label | None = None
    tenants: Words | None = None
    allow: Entries | None = None
    deny: Entries | None = None


class BindingForm(Form):
    """Gives a role to a user of a tenant."""

    tenant: TenantId | None = Field(
        None, description="Default: the tenant of who asks, or `default`."
    )
    subject: Subject
    role: RoleName


class RevocationForm(Form):
    """Refuses a token, a user or a tenant from now on."""

    kind: Literal["jti", "subject", "tenant"]
    name: Word = Field(description="The token's `jti`, the subject, or the tenant.")
    tenant: TenantId | Literal["*"] | None = Field(
        None, description="Whose token or user it is; `*`: of any tenant. Default: as for keys."
    )
    before: Moment | None = Field(
        None, description="Only what was issued before this; default: everything."
    )
    expires_at: Moment | None = Field(
        None, description="For a `jti`: when the token expires and this may be forgotten."
    )
    reason: Label = ""


class ErasureForm(Form):
    """Erases values that `dlp` put placeholders for: all of a tenant, or fewer."""

    tenant: TenantId | None = Field(
        None, description="Whose values; default: the tenant of who asks, or `default`."
    )
    conversation: ConversationId | None = Field(
        None, description="Only those of one conversation, as verdicts of `dlp` name it."
    )
    value: SecretStr | None = Field(
        None,
        min_length=1,
        max_length=16_384,
        description="Only this value, exactly as it was written. It is not kept.",
    )


class TokenForm(Form):
    """A new admin token."""

    name: Label = Field("", description="For people.")
    tenant: TenantId | None = Field(
        None, description="The tenant it administers; default: that of who asks."
    )
    roles: RoleNames = Field(min_length=1, description="What it may do.")
    expires_at: Moment | None = None
