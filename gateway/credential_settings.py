"""Settings of the credentials that the gateway itself presents: to providers, and to Vault."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.issuers import Texts, check_url

VAULT_PREFIX = "vault:"

_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:/.+")
_VAULT = re.compile(r"vault:[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*#[^#\s]+")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORM = "write ${NAME} for an environment variable or file:/path for a file"


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise ValueError(f"a secret is never written into the settings; {_FORM}")
    return text


def _key_references(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if _VAULT.fullmatch(text) is not None and ".." not in text:
            continue
        if _REFERENCE.fullmatch(text) is None:
            raise ValueError(
                f"a key is never written into the settings; {_FORM}, or vault:path#field for Vault"
            )
    return texts


def _header(name: str) -> str:
    if _FIELD_NAME.fullmatch(name) is None:
        raise ValueError("it is not the name of a header")
    return name


def _format(text: str) -> str:
    if text.count("{key}") != 1 or not (text.isascii() and text.isprintable()):
        raise ValueError("write the value of the header with one {key} in it, as in Token {key}")
    return text


SecretReference = Annotated[str, AfterValidator(_reference)]
KeyReferences = Annotated[Texts, AfterValidator(_key_references)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CredentialSettings(_Model):
    """The provider's keys, which clients then neither need nor see."""

    keys: KeyReferences = Field(
        min_length=1,
        description="`${NAME}`, `file:/path` or `vault:path#field`; several are used in turn.",
    )
    header: Annotated[str, AfterValidator(_header)] | None = Field(
        None, description="The header that carries the key; default: what the dialect asks for."
    )
    format: Annotated[str, AfterValidator(_format)] = Field(
        "{key}", description="The value of `header`."
    )
    reload_interval_s: float = Field(
        5.0, ge=0.05, le=86_400, description="How often files are looked at for a change."
    )

    @model_validator(mode="after")
    def _format_has_header(self) -> Self:
        if self.header is None and self.format != "{key}":
            raise ValueError("`format` is the value of `header`, which is not given")
        return self


def _address(url: str) -> str:
    check_url(url)
    if "?" in url:
        raise ValueError("the address has a query; write https://host:8200")
    return url.rstrip("/")


class VaultSettings(_Model):
    """A HashiCorp Vault (or OpenBao) with a KV version 2 secrets engine."""

    address: Annotated[str, AfterValidator(_address)] | None = Field(
        None, description="`https://host:8200`; plain http only on this machine (Vault Agent)."
    )
    mount: str = Field(
        "secret",
        pattern=r"^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$",
        description="Where the KV version 2 engine is mounted.",
    )
    namespace: str | None = Field(None, description="The namespace (X-Vault-Namespace).")
    ca_file: Path | None = Field(None, description="Trusts these CAs in place of the system's.")
    method: Literal["token", "approle", "kubernetes"] = Field(
        "token", description="How the gateway signs in."
    )
    method_mount: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$",
        description="Where that method is mounted; default: `approle` or `kubernetes`.",
    )
    token: SecretReference | None = Field(
        None, description="For `token`; a file is read again when it changes (Vault Agent's sink)."
    )
    role_id: SecretReference | None = Field(None, description="For `approle`.")
    secret_id: SecretReference | None = Field(None, description="For `approle`.")
    role: str | None = Field(None, description="For `kubernetes`: the role to sign in to.")
    jwt: SecretReference = Field(
        "file:/var/run/secrets/kubernetes.io/serviceaccount/token",
        description="For `kubernetes`: the token of the service account.",
    )
    refresh_interval_s: float = Field(
        60.0, ge=0.05, le=86_400, description="How often the secrets are read again."
    )

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if self.address is None:
            return self
        needed = {
            "token": ("token",),
            "approle": ("role_id", "secret_id"),
            "kubernetes": ("role",),
        }[self.method]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the method {self.method} needs `{'` and `'.join(missing)}`")
        return self
