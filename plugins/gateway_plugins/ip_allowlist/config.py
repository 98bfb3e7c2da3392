"""What a policy writes below `ip_allowlist`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.plugin import NetworkText, PluginConfig


def _norway(value: Any) -> Any:
    """YAML 1.1 reads the bare word NO as false."""
    if value is False:
        raise ValueError('quote the country "NO": YAML reads the bare word as false')
    return value


def _iso_code(code: str) -> str:
    if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):  # noqa: PLR2004  # alpha-2
        raise ValueError(f'"{code}" is no country code; write two capital letters, such as DE')
    return code


Country = Annotated[str, BeforeValidator(_norway), AfterValidator(_iso_code)]
AsNumber = Annotated[int, Field(ge=0, le=4_294_967_295)]


class GeoConfig(PluginConfig):
    """Where databases in MaxMind's format are, and what may come from where."""

    database: Path | None = Field(
        None, description="Country or city database; needed by the country lists."
    )
    asn_database: Path | None = Field(None, description="ASN database; needed by the ASN lists.")
    allow_countries: tuple[Country, ...] = Field(
        (), description="ISO 3166-1 alpha-2 codes; when given, no other country passes."
    )
    deny_countries: tuple[Country, ...] = Field((), description="Countries that never pass.")
    allow_asns: tuple[AsNumber, ...] = Field(
        (), description="Autonomous system numbers; when given, no other passes."
    )
    deny_asns: tuple[AsNumber, ...] = Field((), description="Systems that never pass.")
    on_unknown: Literal["allow", "deny"] | None = Field(
        None,
        description="An address that a database does not hold. Default: `deny` for a database "
        "with an allow list, else `allow`.",
    )
    reload_interval_s: float = Field(
        30.0, ge=0.01, le=86_400, description="How often the files are looked at for a change."
    )

    @model_validator(mode="after")
    def _has_databases(self) -> Self:
        if (self.allow_countries or self.deny_countries) and self.database is None:
            raise ValueError("the country lists need `database`, the path of a country database")
        if (self.allow_asns or self.deny_asns) and self.asn_database is None:
            raise ValueError("the ASN lists need `asn_database`, the path of an ASN database")
        if self.database is None and self.asn_database is None:
            raise ValueError("name a `database` or an `asn_database`, or leave `geo` out")
        return self


class IpAllowlistConfig(PluginConfig):
    """All conditions that are given must hold."""

    allow: tuple[NetworkText, ...] = Field(
        (), description="Networks and addresses; empty means every one that is not denied."
    )
    deny: tuple[NetworkText, ...] = Field(
        (), description="Networks and addresses that never pass, allowed or not."
    )
    geo: GeoConfig | None = Field(None, description="Rules by location; the table below.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.allow or self.deny or self.geo):
            raise ValueError("nothing to check: give `allow`, `deny` or `geo`")
        return self
