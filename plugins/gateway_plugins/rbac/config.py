"""What a policy writes below `rbac`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.identity.permissions import BY_NAME
from gateway.identity.roles import BUILTIN_ROLES, Role, RoleName
from gateway.plugin import PluginConfig
from gateway.price_book import UnknownModel
from gateway.providers.prices import Price
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
        description="Whether the body is held to learn its model, its bound of tokens and what it "
        "may cost. Default: where a role of this policy asks for them. A role of the directory "
        "that asks is refused what it cannot prove, until this is `true`.",
    )

    unknown_model: UnknownModel = Field(
        "refuse",
        description="What a model costs that no price is known of, where `cost_max` asks: more "
        "than any bound, nothing, or `unknown_price`.",
    )
    unknown_price: Price | None = Field(
        None, description="For `unknown_model: price`; the table below."
    )
    price_file: Path | None = Field(
        None, description="Prices that go before the built-in ones, as for `budget`."
    )
    price_file_interval_s: float = Field(
        30.0, ge=0.01, le=86_400, description="How often that file is looked at for a change."
    )
    assumed_output_tokens: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="What an answer is counted as for `cost_max` where the request states no "
        "bound. Default: such a request costs more than any bound.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.unknown_model == "price") != (self.unknown_price is not None):
            raise ValueError("`unknown_model: price` and `unknown_price` go together")
        return self

    @model_validator(mode="after")
    def _leaves_builtin_roles(self) -> Self:
        taken = sorted(self.roles.keys() & BUILTIN_ROLES.keys())
        if taken:
            raise ValueError(f'"{taken[0]}" is a built-in role; give yours another name')
        return self
