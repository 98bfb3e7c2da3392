"""Whose tokens are believed and what they say: the written form, for policies and for settings."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

AsymmetricAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
ASYMMETRIC: tuple[AsymmetricAlgorithm, ...] = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
)  # fmt: skip


def _listed(value: Any) -> Any:
    """One text stands for a list of one. A tuple in any case, as the strict reading asks."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class IssuerSettings(BaseModel):
    """One issuer of tokens (OpenID Connect, OAuth 2.0), what it may say and how it says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(
        min_length=1,
        max_length=512,
        description="The `iss` of its tokens, exactly; also where its configuration is discovered.",
    )
    audience: Texts = Field(
        min_length=1, description="The `aud` of this gateway; a token must name one of these."
    )
    jwks_url: str | None = Field(
        None, description="Where its keys are; default: what discovery says."
    )
    jwks_file: Path | None = Field(
        None, description="Its keys in a file, in place of a URL; read again when it changes."
    )
    algorithms: Annotated[tuple[AsymmetricAlgorithm, ...], BeforeValidator(_listed)] = Field(
        ASYMMETRIC, min_length=1, description="The signatures that are accepted."
    )
    types: Texts = Field(
        ("JWT", "at+jwt"),
        min_length=1,
        description="The `typ` that is accepted; a token without one counts as JWT.",
    )
    skew_s: float = Field(
        60.0, ge=0, le=300, description="How far the clocks of issuer and gateway may differ."
    )
    required_claims: Texts = Field(
        (), description="Claims that must be there, besides `iss`, `aud` and `exp`."
    )
    acr: Texts = Field((), description="Values of `acr`, one of which a token must have.")
    amr: Texts = Field((), description="Values of `amr`, one of which a token must have.")
    subject_from: str = Field("sub", description="The claim that names the user.")
    subject_prefix: str = Field(
        "", max_length=64, description="Goes before it, where issuers may use the same names."
    )
    tenant: str | None = Field(None, description="The tenant of all its tokens.")
    tenant_from: str | None = Field(None, description="The claim that names the tenant.")
    tenants: Texts = Field(
        (),
        description="The tenants that `tenant_from` may name; `*` is any run of characters.",
    )
    roles: Texts = Field((), description="Roles that all its tokens have.")
    roles_from: Texts = Field((), description="Claims that name roles: a text or a list of texts.")
    role_map: dict[str, Texts] = Field(
        default_factory=dict,
        description="What a value in `roles_from` means; when given, no other value counts.",
    )
    scopes_from: str | None = Field(
        None, description="The claim that lists what the token may do, such as `scope` or `scp`."
    )
    claims: Texts = Field((), description="Further claims that conditions may ask for.")
    ca_file: Path | None = Field(
        None, description="Trusts these CAs in place of the system's when fetching keys."
    )
    allow_http: bool = Field(
        False, description="Fetches keys without TLS; without it only from this machine."
    )
    refresh_interval_s: float = Field(
        300.0, ge=1, le=86_400, description="How often the keys are fetched again."
    )
    keys_age_max_s: float = Field(
        86_400.0,
        ge=1,
        le=2_592_000,
        description="How long the last good keys serve while the issuer cannot be reached.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("keys come from `jwks_url` or from `jwks_file`, not from both")
        if self.tenant is not None and self.tenant_from is not None:
            raise ValueError("give `tenant` or `tenant_from`, not both")
        if self.tenant_from is not None and not self.tenants:
            raise ValueError(
                "`tenant_from` needs `tenants`, the tenants that this issuer may name; "
                'write ["*"] only where it may name every tenant'
            )
        if self.tenants and self.tenant_from is None:
            raise ValueError("`tenants` bounds `tenant_from`, which is not given")
        for key, url in self._fetched():
            try:
                check_url(url, allow_http=self.allow_http)
            except ValueError as error:
                raise ValueError(f"`{key}`: {error}") from None
        return self

    def _fetched(self) -> list[tuple[str, str]]:
        if self.jwks_url is not None:
            return [("jwks_url", self.jwks_url)]
        return [] if self.jwks_file is not None else [("issuer", self.issuer)]


def check_url(url: str, *, allow_http: bool = False) -> None:
    """Raises ValueError, which says what to write, for a URL that secrets must not hang on."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("it is not a URL; write https://host/path") from None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("the URL holds a character that must be percent-encoded")
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("it is not a URL; write https://host/path")
    if "@" in parts.netloc or "#" in url:
        raise ValueError("the URL must hold neither a user name nor a fragment")
    if parts.scheme == "http" and not (allow_http or is_loopback_host(host)):
        raise ValueError(
            "write https://; plain http is only for this machine or `allow_http: true`"
        )


def is_loopback_host(host: str) -> bool:
    """Whether `host` names this machine, as an address or as `localhost`."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
