"""Roles as people write them, in policies and through the admin API, and the built-in ones.

    support:
      description: Answers tickets
      allow:
        - models.list
        - "chat.create:gpt-4*"
        - {permissions: [embeddings.*], networks: [10.0.0.0/8], weekdays: [mon, tue, wed]}
      deny: [files.*]

A caller has what any of the roles allows and none of them denies: deny wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.identity.permissions import ACROSS_TENANTS, PermissionText
from gateway.networks import NetworkText
from gateway.providers.prices import AMOUNT_MAX, MICRO, Currency, Money, micro_of
from gateway.settings import Dialect

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ROLE_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)")


def _hours(text: str) -> str:
    first, _, last = text.partition("-")
    if not _HOURS.fullmatch(text) or first == last:
        raise ValueError(f'"{text}" is no span of time; write one as 08:00-18:00 or 22:00-06:00')
    return text


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what is not found is a KeyError
        message = f'the time zone "{name}" is not known here; write one as UTC or Europe/Berlin'
        raise ValueError(message) from None
    return name


Hours = Annotated[str, AfterValidator(_hours)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Text = Annotated[str, Field(min_length=1)]
RoleName = Annotated[str, Field(pattern=ROLE_NAME)]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conditions(_Written):
    """Permissions under conditions: all that are given must hold; of one, any value may."""

    permissions: tuple[PermissionText, ...] = Field(min_length=1, description="Patterns.")
    networks: tuple[NetworkText, ...] = Field((), description="Where the client comes from.")
    weekdays: tuple[Weekday, ...] = Field(
        (), description="Days; a span past midnight is one day's."
    )
    hours: tuple[Hours, ...] = Field((), description="Spans of the day, such as `08:00-18:00`.")
    timezone: Timezone = Field("UTC", description="The time zone of `weekdays` and `hours`.")
    models: tuple[Text, ...] = Field((), description="Models; `*` is any run of characters.")
    dialects: tuple[Dialect, ...] = Field((), description="The API that is spoken.")
    routes: tuple[Text, ...] = Field((), description="Names of routes; `*` as above.")


class Allowed(Conditions):
    """What a role allows under conditions."""

    output_tokens_max: int | None = Field(
        None,
        ge=1,
        description="The request must ask for at most this many tokens of answer; then the "
        "grant covers only what generates text.",
    )
    cost_max: Money | None = Field(
        None,
        description='The request must be estimated to cost at most this, such as `"0.50"`; then '
        "the grant covers only what names a model.",
    )
    currency: Currency = Field(
        "USD", description="Of `cost_max`; where the prices have another, the grant never holds."
    )

    @model_validator(mode="after")
    def _is_an_amount(self) -> Self:
        if self.cost_max is not None and not 0 < micro_of(self.cost_max) <= AMOUNT_MAX:
            raise ValueError(f"`cost_max` is between 0.000001 and {AMOUNT_MAX // MICRO}")
        return self


class Role(_Written):
    """A named set of permissions."""

    description: str = Field("", description="For people.")
    tenants: tuple[Text, ...] = Field(
        (), description="The role means nothing to callers of other tenants; default: all tenants."
    )
    allow: tuple[PermissionText | Allowed, ...] = Field((), description="What it permits.")
    deny: tuple[PermissionText | Conditions, ...] = Field(
        (), description="What it forbids, whatever another role allows."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.allow or self.deny):
            raise ValueError("a role that neither allows nor denies anything has no effect")
        return self


_USER: Final = (
    "models.list",
    "chat.create",
    "messages.create",
    "responses.*",
    "completions.create",
    "tokens.count",
    "embeddings.create",
    "moderations.create",
)
_DEVELOPER: Final = (
    *_USER,
    *("chat.*", "images.*", "audio.*", "videos.*", "realtime.*", "files.*", "batches.*"),
    *("conversations.*", "assistants.*", "vector_stores.*", "caches.*", "evals.*", "containers.*"),
    "fine_tuning.read",
)
_TENANT_ADMIN: Final = (
    *("admin.keys.*", "admin.revocations.*", "admin.tenants.read", "admin.roles.read"),
    *("admin.values.*", "admin.limits.read", "admin.receipts.read", "admin.audit.read"),
)
_SECURITY_ADMIN: Final = (
    *("admin.*.read", "admin.roles.write", "admin.revocations.write", "admin.audit.export"),
    ACROSS_TENANTS,
)

BUILTIN_ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "viewer": Role(description="Sees which models there are.", allow=("models.list",)),
        "user": Role(description="Asks models, embeds and classifies texts.", allow=_USER),
        "developer": Role(
            description="Uses what a provider offers to programs; trains and pulls no models.",
            allow=_DEVELOPER,
        ),
        "tenant_admin": Role(
            description="Looks after the keys of one tenant; calls no model.", allow=_TENANT_ADMIN
        ),
        "security_admin": Role(
            description="Looks at everything, writes roles, revokes; issues no keys.",
            allow=_SECURITY_ADMIN,
        ),
        "auditor": Role(
            description="Looks at everything and exports it; changes nothing.",
            allow=("admin.*.read", "admin.audit.export", ACROSS_TENANTS),
        ),
        "admin": Role(description="Everything.", allow=("*",)),
    }
)
"""Roles that are always there and mean the same everywhere; none of them denies anything."""
