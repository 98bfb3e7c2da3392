"""What a policy writes below `rbac`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.identity.permissions import BY_NAME
from gateway.identity.roles import BUILTIN_ROLES, Role, RoleName
from gateway.plugin import PluginConfig
from gateway.suggestions import did_you_mean


def _permission(name: str) -> str:
    if name not in BY_NAME or BY_NAME[name].admin:
        known = [p.name for p in BY_NAME.values() if not p.admin]
        hint = did_you_mean(name, known) or "docs/reference/permissions.md lists them"
        raise ValueError(f'no permission "{name}" for requests ({hint})')
    return name


DataPermission = Annotated[str, AfterValidator(_permission)]


class RbacConfig(PluginConfig):
    """Roles beside those of the directory, and what is asked of every request."""

    roles: dict[RoleName, Role] = Field(
        default_factory=dict,
        description="More roles, for this policy alone; they hide roles of the directory of the "
        "same name.",
    )
    default_roles: tuple[RoleName, ...] = Field(
        (), description="The roles of a caller whose credential has none. Default: nothing allowed."
    )
    require: tuple[DataPermission, ...] = Field(
        (), description="Permissions that every request needs beside the one of its operation."
    )
    read_body: bool | None = Field(
        None,
        description="Whether the body is held to learn its model and its bound of tokens. Default: "
        "where a role of this policy asks for them. A role of the directory that asks is refused "
        "what it cannot prove, until this is `true`.",
    )

    @model_validator(mode="after")
    def _leaves_builtin_roles(self) -> Self:
        taken = sorted(self.roles.keys() & BUILTIN_ROLES.keys())
        if taken:
            raise ValueError(f'"{taken[0]}" is a built-in role; give yours another name')
        return self
