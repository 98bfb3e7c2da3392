"""Settings of receipts' journals and ledger: `ledger` in gateway.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.store_settings import SecretReference

_ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._~-]+)*")
_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_KEY = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:/.+|transit:[A-Za-z0-9_.-]+")
_MOUNT = r"^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$"


def _origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        raise ValueError("write the log's name as a host and a path, such as logs.example.com/llm")
    return text


def _classes(days: dict[str, int]) -> dict[str, int]:
    for name, count in days.items():
        if _CLASS.fullmatch(name) is None:
            raise ValueError(f'"{name}" is no name of a class: small letters, digits, - and _')
        if count < 0:
            raise ValueError(f"{name}: a number of days, 0 for ever")
    return days


def _key(text: str) -> str:
    if _KEY.fullmatch(text) is None:
        raise ValueError(
            "a key is never written into the settings; write file:/path, transit:NAME for a key "
            "of Vault's transit engine, or ${NAME} for an environment variable"
        )
    return text


KeyReference = Annotated[str, AfterValidator(_key)]


class KeySettings(BaseModel):
    """Where the private keys of the log are, if not in files that the gateway makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipts: KeyReference | None = Field(
        None,
        description="Signs receipts, records and exports: `file:/path`, `transit:NAME` or "
        "`${NAME}`; default: a file of the ledger's own.",
    )
    log: KeyReference | None = Field(
        None, description="Signs checkpoints: the same, and never the same key."
    )
    transit_mount: str = Field(
        "transit", pattern=_MOUNT, description="Where Vault's transit engine is mounted."
    )
    transit_timeout_ms: int = Field(
        5_000, ge=100, le=600_000, description="Longest time of one request to Vault."
    )
    check_interval_s: float = Field(
        60.0, ge=1, le=86_400, description="How often files and Vault are asked for a newer key."
    )

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.receipts is not None and self.receipts == self.log:
            raise ValueError("one key for receipts and log: make another one for `log`")
        return self

    @property
    def in_environment(self) -> list[str]:
        """The settings that name an environment variable which holds a private key."""
        named = (("receipts", self.receipts), ("log", self.log))
        return [f"ledger.keys.{name}" for name, text in named if (text or "").startswith("$")]


class LedgerSettings(BaseModel):
    """Where receipts are kept, for how long, and how sure they are before an answer goes out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool | None = Field(
        None, description="Whether receipts are kept; default: where a policy uses `receipt`."
    )
    store: Literal["sqlite", "postgres"] = Field(
        "sqlite", description="`sqlite` keeps one file on this node."
    )
    dsn: SecretReference | None = Field(
        None,
        repr=False,
        description="PostgreSQL: the connection of the sequencer, `${NAME}` or `file:/path`; its "
        "role needs SELECT and INSERT only.",
    )
    maintenance_dsn: SecretReference | None = Field(
        None,
        repr=False,
        description="PostgreSQL: a role that owns the tables: makes them, and takes bodies away.",
    )
    folder: Path | None = Field(
        None,
        description="Journals, keys, tiles and the SQLite file; default: `ledger` in `data_dir`.",
    )
    origin: Annotated[str, AfterValidator(_origin)] | None = Field(
        None,
        description="The log's name in checkpoints, for ever; default: one that is made at the "
        "first start.",
    )
    node: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="This node's name in records; default: the host's.",
    )
    keys: KeySettings = KeySettings()
    publish_on_listener: bool = Field(
        False,
        description="Serves the public keys (`/.well-known/...`) on the listener too, to anybody.",
    )
    durability: Literal["strict", "batched", "async"] = Field(
        "batched", description="What a policy gets that does not choose."
    )
    on_ledger_failure: Literal["refuse", "serve_and_mark_gap"] = Field(
        "refuse", description="What a worker does whose journal has failed."
    )
    sync_interval_ms: int = Field(
        50, ge=1, le=10_000, description="`batched`: longest time until a record is flushed."
    )
    segment_bytes_max: int = Field(
        67_108_864, ge=4_096, description="A journal goes on in a new file after this."
    )
    buffer_bytes_max: int = Field(
        8_388_608, ge=65_536, description="`async`: records that wait; further ones are dropped."
    )
    batch_interval_ms: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Pause of the sequencer behind a batch of less than 512 entries.",
    )
    heartbeat_s: float = Field(
        60.0, ge=1, le=86_400, description="How often the log says that it is complete so far."
    )
    statement_timeout_ms: int = Field(
        5_000, ge=100, le=600_000, description="PostgreSQL: longest time of one statement."
    )
    retention_days: Annotated[dict[str, int], AfterValidator(_classes)] = Field(
        {"default": 0},
        description="Days after which receipts of a class lose their body; 0 keeps them for ever.",
    )

    @model_validator(mode="after")
    def _reaches_its_store(self) -> Self:
        if self.store == "postgres" and self.dsn is None:
            raise ValueError("`store: postgres` needs `dsn`")
        return self
