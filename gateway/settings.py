"""Deployment settings: what operators write in gateway.yaml, as flags or in SEALGATE_*."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.credential_settings import CredentialSettings, VaultSettings
from gateway.issuers import IssuerSettings
from gateway.ledger_settings import LedgerSettings
from gateway.networks import NetworkText
from gateway.store_settings import SecretReference, StoreSettings

PRODUCTION = "production"
"""The profile under which what is convenient for a trial is refused."""


class Dialect(StrEnum):
    """The API a route speaks; decides how refusals look and, later, how bodies are read."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    AZURE = "azure"
    BEDROCK = "bedrock"
    OLLAMA = "ollama"
    MCP = "mcp"
    UNKNOWN = "unknown"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]


class TlsSettings(_Model):
    """TLS on the listener; the files are read again when they change."""

    cert_file: Path = Field(description="The certificate and the chain above it, PEM.")
    key_file: Path = Field(description="Its key, PEM, not encrypted.")
    client_ca_file: Path | None = Field(
        None, description="Asks every client for a certificate signed by this CA (mutual TLS)."
    )
    min_version: Annotated[
        Literal["1.2", "1.3"],
        BeforeValidator(lambda value: str(value) if isinstance(value, float) else value),
    ] = "1.2"


class LimitSettings(_Model):
    """What one client may ask of a worker; each limit is per worker."""

    head_bytes_max: int = Field(65_536, ge=1024, description="Request line and headers together.")
    headers_max: int = Field(100, ge=1, description="Number of header fields.")
    body_bytes_max: int = Field(33_554_432, ge=0, description="Largest request body (32 MiB).")
    buffer_bytes_max: int = Field(
        8_388_608, ge=1024, description="Largest body held in memory for a plugin (8 MiB)."
    )
    connections_max: int = Field(10_000, ge=1, description="Client connections open at once.")
    connections_per_ip_max: int = Field(
        1_000, ge=1, description="The same from one peer address, a load balancer's included."
    )
    head_timeout_ms: Milliseconds = Field(10_000, description="Time to send the whole head.")
    body_idle_timeout_ms: Milliseconds = Field(
        30_000, description="Longest pause while a request body arrives."
    )
    idle_timeout_ms: Milliseconds = Field(
        75_000, description="A kept-alive connection without a request is closed after this."
    )
    write_timeout_ms: Milliseconds = Field(
        300_000, description="Longest time a client may take no byte of a waiting answer."
    )


class ListenerSettings(_Model):
    """The port that clients use."""

    host: str = Field(
        "127.0.0.1",
        description="Name or address; `0.0.0.0` is every IPv4 address, `::` every IPv6.",
    )
    port: int = Field(8080, ge=0, le=65_535, description="0 takes a free port.")
    tls: TlsSettings | None = None
    proxy_protocol: bool = Field(
        False, description="Every connection starts with a PROXY protocol v2 header."
    )
    limits: LimitSettings = LimitSettings()


class AdminSettings(_Model):
    """The second port: health, metrics, and the admin API."""

    host: str = Field("127.0.0.1", description="Name or address.")
    port: int = Field(8081, ge=0, le=65_535, description="0 takes a free port.")


class TargetSettings(_Model):
    """One address of an upstream: `http://`, `https://` or `unix:/path/to.sock[:/base/path]`."""

    url: str = Field(description="Scheme, host, port and base path; no credentials, no query.")
    weight: int = Field(1, ge=1, le=1000, description="Its share of the requests.")


class UpstreamTlsSettings(_Model):
    """TLS towards the upstream; verified unless told otherwise."""

    verify: bool = Field(True, description="Off: any certificate is accepted; for tests only.")
    ca_file: Path | None = Field(None, description="Trusts these CAs in place of the system's.")
    cert_file: Path | None = Field(None, description="The gateway's own certificate (mutual TLS).")
    key_file: Path | None = Field(None, description="Its key; default: in the same file.")
    server_name: str | None = Field(None, description="SNI and name to verify; default: the host.")


class PoolSettings(_Model):
    """Connections of one worker to one target."""

    connections_max: int = Field(1024, ge=1, description="In use, idle and being opened together.")
    idle_max: int = Field(128, ge=0, description="Idle connections kept.")
    idle_timeout_ms: Milliseconds = Field(
        4_000, description="Shorter than the upstream's own (Node closes at about 5 s)."
    )
    queue_max: int = Field(1024, ge=0, description="Requests that may wait for a connection.")
    queue_timeout_ms: Milliseconds = Field(
        1_000, description="Longest wait for a connection; then 503."
    )


class TimeoutSettings(_Model):
    """How long an upstream may take; `total_ms` 0 means no bound, so that streams can run on."""

    connect_ms: Milliseconds = Field(5_000, description="Name lookup, TCP, proxy and TLS together.")
    first_byte_ms: Milliseconds = Field(
        600_000, description="From the last request byte to the answer's head."
    )
    idle_ms: Milliseconds = Field(900_000, description="Longest silence within an answer.")
    total_ms: int = Field(
        0, ge=0, description="From the first request byte to the end; 0: no bound."
    )


class FailoverSettings(_Model):
    """When another target of the same upstream is tried; never after a byte went to the client."""

    attempts_max: int = Field(2, ge=1, le=10, description="Targets tried for one request.")
    on_status: tuple[int, ...] = Field(
        (), description="Answers after which another target is tried, such as 429, 503, 529."
    )
    body_bytes_max: int = Field(
        1_048_576, ge=0, description="A request body up to this size is kept for a second try."
    )
    budget_percent: int = Field(20, ge=0, le=100, description="Retries per 100 running requests.")
    budget_min: int = Field(3, ge=0, description="Concurrent retries that are always allowed.")


class OutlierSettings(_Model):
    """When a failing target is left out for a while (passive health)."""

    failures: int = Field(5, ge=0, description="Consecutive failures; 0 never ejects.")
    ejection_ms: Milliseconds = Field(30_000, description="Times the number of ejections so far.")
    ejection_max_ms: Milliseconds = Field(
        300_000, description="The longest; after as long in rotation, earlier ones are forgotten."
    )


class UpstreamSettings(_Model):
    """One provider: where it is and how patient to be with it."""

    url: str | None = Field(None, description="Shorthand for one target.")
    targets: tuple[TargetSettings, ...] = Field(
        (), description="Several addresses of one provider, in place of `url`."
    )
    proxy: str | None = Field(
        None,
        repr=False,  # it may hold credentials
        description="An HTTP proxy on the way out: `http://[user:password@]host:port`.",
    )
    allow_link_local: bool = Field(
        False,
        description="Lets targets be link-local and cloud metadata addresses (169.254.169.254).",
    )
    credentials: CredentialSettings | None = Field(
        None, description="The provider's keys; default: the client's own credential passes."
    )
    tls: UpstreamTlsSettings = UpstreamTlsSettings()
    pool: PoolSettings = PoolSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    failover: FailoverSettings = FailoverSettings()
    outlier: OutlierSettings = OutlierSettings()


class RouteMatch(_Model):
    """All given conditions must hold; of one, any value may. `*` matches any run of characters."""

    hosts: tuple[str, ...] = ()
    path_prefix: str | None = None
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    models: tuple[str, ...] = ()


class RouteSettings(_Model):
    """Sends what matches to an upstream, or only says what the policy decides."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    match: RouteMatch
    upstream: str = ""
    ext_authz: bool = Field(
        False,
        description="In place of an upstream: the request is a question of Envoy's ext_authz "
        "filter, answered with 200 or the refusal.",
    )
    dialect: Dialect = Dialect.UNKNOWN
    strip_prefix: bool = Field(False, description="Takes `match.path_prefix` off the path.")
    timeouts: TimeoutSettings | None = None

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if bool(self.upstream) == self.ext_authz:
            raise ValueError("a route needs either `upstream` or `ext_authz: true`")
        return self


class IdentitySettings(_Model):
    """Who may administer."""

    first_token: bool = Field(
        True,
        description="Makes an admin token when the data folder is new, and prints it once to "
        "standard error.",
    )

    admin_oidc: tuple[IssuerSettings, ...] = Field(
        (), description="Issuers whose tokens are taken on the admin port, besides admin tokens."
    )


class LogSettings(_Model):
    """JSON lines on standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level of lines of the process."
    )
    exchanges: bool = Field(True, description="One line per exchange.")
    subjects: bool = Field(
        True, description="Whether these lines name the user or service that called (`subject`)."
    )


class MetricSettings(_Model):
    """Numbers for the page /metrics of the admin port."""

    tenants_max: int = Field(
        100,
        ge=0,
        le=10_000,
        description="Tenants that each worker counts apart; further ones are counted as `other`. "
        "0 counts nothing by tenant.",
    )


class TokenisationSettings(_Model):
    """How values are sealed that `dlp` puts placeholders for."""

    key: SecretReference | None = Field(
        None,
        description="The secret that every tenant's key comes from: `${NAME}` or `file:/path`, at "
        "least 32 characters, the same on all nodes that share a store. Default: made in "
        "`data_dir`, in `values.key`.",
    )


class Settings(_Model):
    """All of gateway.yaml."""

    listener: ListenerSettings = ListenerSettings()
    admin: AdminSettings = AdminSettings()
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        1, description="Worker processes; `auto` is one for each core."
    )
    data_dir: Path = Field(
        Path(".sealgate"), description="Folder of one gateway: identity, sockets, locks."
    )
    policies: Path | None = Field(None, description="Folder or file; default: the built-in policy.")
    profile: str | None = Field(None, description="Policies that name a profile need this one.")
    trusted_proxies: tuple[NetworkText, ...] = Field(
        (), description="Networks whose X-Forwarded-For and Forwarded are believed."
    )
    forwarded_header: Literal["auto", "x-forwarded-for", "forwarded"] = Field(
        "auto",
        description="The header that the trusted proxies write; `auto` reads either and knows no "
        "client address where both are there and disagree.",
    )
    upstreams: dict[str, UpstreamSettings] = Field(default_factory=dict)
    vault: VaultSettings = VaultSettings()
    stores: dict[str, StoreSettings] = Field(
        default_factory=dict,
        description="Where counters are kept; `default` is in memory unless it is set.",
    )
    ledger: LedgerSettings = LedgerSettings()
    tokenisation: TokenisationSettings = TokenisationSettings()
    routes: tuple[RouteSettings, ...] = Field((), description="Tried before the built-in routes.")
    builtin_routes: bool = Field(True, description="Whether the built-in routes are there.")
    drain_timeout_s: float = Field(
        25.0, ge=0, le=3600, description="How long running exchanges may go on after SIGTERM."
    )
    identity: IdentitySettings = IdentitySettings()
    insecure: bool = Field(
        False,
        description="Serves policies that ask nobody who they are on addresses that others can "
        "reach.",
    )
    log: LogSettings = LogSettings()
    metrics: MetricSettings = MetricSettings()

    @model_validator(mode="after")
    def _signs_with_kept_keys(self) -> Self:
        keys = self.ledger.keys
        if self.profile == PRODUCTION and keys.in_environment:
            raise ValueError(
                f"{' and '.join(keys.in_environment)}: with `profile: production` no private key "
                "is in an environment variable, where every child and crash report has it; write "
                "file:/path or transit:NAME"
            )
        in_vault = [key for key in (keys.receipts, keys.log) if key and key.startswith("transit:")]
        if in_vault and self.vault.address is None:
            raise ValueError(f"ledger.keys: {in_vault[0]} needs `vault.address`")
        return self
