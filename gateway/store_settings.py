"""Settings of the stores that hold counters: `stores` in gateway.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

DEFAULT_STORE = "default"
"""The store that is used where a policy names none; in memory unless the settings say otherwise."""

_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:/.+")
_URL = re.compile(r"rediss?://[^/?#\s]+(/\d{0,5})?/?|unix:/\S+")
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+)(:\d{1,5})?")


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise ValueError(
            "a secret is never written into the settings; write ${NAME} for an environment "
            "variable or file:/path for a file"
        )
    return text


def _url(text: str) -> str:
    if _URL.fullmatch(text) is None:
        raise ValueError(
            "write redis://host:6379/0, rediss://host:6380/0 for TLS, or unix:/path/to.sock"
        )
    return text


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        raise ValueError("write host:port, or [address]:port for IPv6")
    return text


SecretReference = Annotated[str, AfterValidator(_reference)]
HostPort = Annotated[str, AfterValidator(_address)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemoryStoreSettings(_Model):
    """Counters and values in the memory of the one worker."""

    kind: Literal["memory"] = "memory"
    keys_max: int = Field(
        200_000, ge=1, le=10_000_000, description="Counters in use at once; a further one fails."
    )
    values_bytes_max: int = Field(
        33_554_432,
        ge=65_536,
        le=2**40,
        description="Memory for the values that `dlp` put placeholders for; above it, those of the "
        "conversation that was not used for longest are forgotten.",
    )


class StoreTlsSettings(_Model):
    """TLS towards the server, for `rediss://`; verified unless told otherwise."""

    verify: bool = Field(True, description="Off: any certificate is accepted; for tests only.")
    ca_file: Path | None = Field(None, description="Trusts these CAs in place of the system's.")
    cert_file: Path | None = Field(None, description="The gateway's own certificate (mutual TLS).")
    key_file: Path | None = Field(None, description="Its key; default: in the same file.")
    server_name: str | None = Field(None, description="SNI and name to verify; default: the host.")


class SentinelSettings(_Model):
    """The Sentinels that know which server is the master."""

    master: str = Field(description="The name under which they watch it.")
    addresses: tuple[HostPort, ...] = Field(min_length=1, description="`host:port` of each.")
    username: str | None = Field(None, description="ACL user of the Sentinels themselves.")
    password: SecretReference | None = Field(
        None, repr=False, description="Its password: `${NAME}` or `file:/path`."
    )
    tls: bool = Field(
        False, description="Whether they and the servers they name speak TLS, as `tls` says."
    )


class RedisStoreSettings(_Model):
    """Counters in Redis 7 or newer, or in Valkey, shared by all workers and nodes that name it."""

    kind: Literal["redis"] = "redis"
    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None,
        repr=False,  # it may hold credentials
        description="`redis://host:6379/0`, `rediss://` for TLS, or `unix:/path/to.sock`; with "
        "`cluster`, one of its nodes.",
    )
    username: str | None = Field(None, description="ACL user; default: the server's own.")
    password: SecretReference | None = Field(
        None, repr=False, description="Its password: `${NAME}` or `file:/path`."
    )
    database: int = Field(0, ge=0, le=65_535, description="Number of the database, unless in url.")
    cluster: bool = Field(False, description="The server is a node of a Redis Cluster.")
    seeds: tuple[HostPort, ...] = Field(
        (), description="`host:port` of further nodes of the cluster, asked where `url` is away."
    )
    sentinel: SentinelSettings | None = None
    tls: StoreTlsSettings = StoreTlsSettings()
    prefix: str = Field(
        "sealgate",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Beginning of every key, so that several gateways can share a server.",
    )
    deadline_ms: int = Field(50, ge=1, le=10_000, description="Longest wait for one answer.")
    connect_timeout_ms: int = Field(
        1_000, ge=1, le=60_000, description="Longest wait for a connection, in the background."
    )
    lease_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Part of each limit that all workers together may use while the store is away, "
        "where a policy says `lease`.",
    )
    lease_valid_s: int = Field(
        600, ge=1, le=86_400, description="How long after the last contact a share may be used."
    )
    corrections_max: int = Field(
        10_000, ge=0, le=1_000_000, description="Corrections kept while the store is away."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if (self.url is None) == (self.sentinel is None):
            raise ValueError("a redis store needs either `url` or `sentinel`")
        if self.username is not None and self.password is None:
            raise ValueError("a `username` needs its `password`")
        if self.sentinel is not None and self.cluster:
            raise ValueError("a cluster has no Sentinels: leave out `sentinel` or `cluster`")
        return self


def _kind(value: Any) -> str:
    """The kind, also where it is not written: a store with an address is a Redis."""
    if isinstance(value, dict):
        there = "redis" if "url" in value or "sentinel" in value else "memory"
        return str(value.get("kind", there))
    return str(getattr(value, "kind", ""))


StoreSettings = Annotated[
    Annotated[MemoryStoreSettings, Tag("memory")] | Annotated[RedisStoreSettings, Tag("redis")],
    Discriminator(
        _kind,
        custom_error_type="store_kind",
        custom_error_message="the kind of a store must be memory or redis",
    ),
]
