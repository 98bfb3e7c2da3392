"""What a policy writes below `auth`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.issuers import IssuerSettings, Texts
from gateway.plugin import PluginConfig, Secret

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NAME_KINDS = ("uri", "dns", "email", "common_name")


def _field_name(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a header')
    return name.lower()


def _listed(value: Any) -> Any:
    """One issuer stands for a list of one. A tuple in any case, as the strict reading asks."""
    if isinstance(value, dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


HeaderName = Annotated[str, AfterValidator(_field_name)]


class ApiKeysConfig(PluginConfig):
    """Where virtual keys are kept."""

    store: Literal["directory"] = Field(
        "directory", description="The keys that `sealgate apikeys` and the admin API make."
    )


class JwtConfig(IssuerSettings):
    """One issuer of tokens."""

    secret: Secret | None = Field(
        None,
        description="A shared secret of at least 32 bytes: its tokens are signed with HS256, HS384 "
        "or HS512 and with nothing else.",
    )

    @model_validator(mode="after")
    def _secret_is_all(self) -> Self:
        keys_too = self.jwks_url is not None or self.jwks_file is not None
        if self.secret is not None and (keys_too or "algorithms" in self.model_fields_set):
            raise ValueError(
                "an issuer with a `secret` has no keys and no other algorithms: leave `jwks_url`, "
                "`jwks_file` and `algorithms` out"
            )
        return self

    def _fetched(self) -> list[tuple[str, str]]:
        return [] if self.secret is not None else super()._fetched()


class CertificateRule(PluginConfig):
    """Whose certificate this is. `*` stands for a run of characters within one part of the name."""

    uri: str | None = Field(
        None, description="A URI of the certificate, such as a SPIFFE ID; `*` stops at `/`."
    )
    dns: str | None = Field(None, description="A DNS name of it; `*` stops at a dot.")
    email: str | None = Field(None, description="An e-mail address of it; `*` stops at `@`.")
    common_name: str | None = Field(None, description="A common name of its subject.")
    tenant: str = Field("default", min_length=1, description="The tenant of those it fits.")
    subject: str | None = Field(
        None, min_length=1, description="Their user name; default: the name that fitted."
    )
    roles: Texts = Field((), description="Their roles.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in NAME_KINDS) != 1:
            raise ValueError("a rule looks at one of `uri`, `dns`, `email` and `common_name`")
        return self


class MtlsConfig(PluginConfig):
    """Callers that prove who they are by a certificate."""

    rules: tuple[CertificateRule, ...] = Field(
        min_length=1, description="The first that fits says who it is; the table below."
    )
    forwarded_header: HeaderName | None = Field(
        None,
        description="Where a trusted proxy tells of the client's certificate in Envoy's form, "
        "such as `x-forwarded-client-cert`.",
    )


class HeaderConfig(PluginConfig):
    """Callers whom a trusted proxy has identified."""

    subject: HeaderName = Field(description="The header that names the user.")
    tenant: str | None = Field(None, min_length=1, description="The tenant of all of them.")
    tenant_header: HeaderName | None = Field(None, description="The header that names it.")
    tenants: Texts = Field(
        (), description="The tenants that `tenant_header` may name; `*` is any run of characters."
    )
    roles: Texts = Field((), description="Roles that all of them have.")
    roles_header: HeaderName | None = Field(
        None, description="The header that lists roles, separated by commas."
    )
    forward: bool = Field(
        False, description="Whether the upstream sees these headers, where they are believed."
    )

    @model_validator(mode="after")
    def _has_tenants(self) -> Self:
        if self.tenant is not None and self.tenant_header is not None:
            raise ValueError("give `tenant` or `tenant_header`, not both")
        if (self.tenant_header is not None) != bool(self.tenants):
            raise ValueError(
                "`tenant_header` needs `tenants`, those that it may name, and they need it; "
                'write ["*"] only where the proxy may name every tenant'
            )
        return self


class AuthConfig(PluginConfig):
    """At least one way to say who is calling."""

    api_keys: bool | ApiKeysConfig = Field(
        False, description="Admits virtual keys; `true` is `{store: directory}`."
    )
    jwt: Annotated[tuple[JwtConfig, ...], BeforeValidator(_listed)] = Field(
        (), description="Admits tokens of this issuer, or of these; the table below."
    )
    mtls: MtlsConfig | None = Field(
        None, description="Admits certificates (`listener.tls.client_ca_file`); the table below."
    )
    header: HeaderConfig | None = Field(
        None, description="Admits whom a trusted proxy names; the table below."
    )
    optional: bool = Field(False, description="Lets requests without a credential pass, as nobody.")
    header_name: HeaderName = Field(
        "x-sealgate-key",
        description="A header of our own for a key or token, beside the provider's credential.",
    )
    read_body: bool = Field(
        True,
        description="Reads the model from the body for credentials that are bound to models. "
        "Off: such a credential is refused where the path does not name the model.",
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.api_keys or self.jwt or self.mtls or self.header):
            raise ValueError("nothing to check: give `api_keys`, `jwt`, `mtls` or `header`")
        issuers = [each.issuer for each in self.jwt]
        if len(set(issuers)) != len(issuers):
            raise ValueError("an issuer stands twice in `jwt`")
        return self
