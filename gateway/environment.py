"""Which environment variable means which setting.

Every setting has a variable of its own, `SEALGATE_` and its path with `_` for each dot:
`listener.limits.body_bytes_max` is SEALGATE_LISTENER_LIMITS_BODY_BYTES_MAX. The names come from the
model, and a test holds that no two settings share one. A few short names stand beside them. An
unknown SEALGATE_ variable is an error, because it is a setting that somebody believes in.

Names that other software brings along (FOREIGN, FOREIGN_PREFIXES) are accepted so that an existing
deployment starts: some mean a setting, the others have no effect and are named in one log line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from gateway.settings import Settings, UpstreamSettings
from gateway.store_settings import RedisStoreSettings
from gateway.suggestions import nearest

PREFIX = "SEALGATE_"

Path = tuple[str, ...]

SHORT: dict[str, Path] = {
    "SEALGATE_HOST": ("listener", "host"),
    "SEALGATE_PORT": ("listener", "port"),
}
"""Short names of what is set most often, as the flags of `sealgate serve`."""

NOT_SETTINGS: dict[str, str] = {
    "SEALGATE_CONFIG": "the file gateway.yaml, as --config",
    "SEALGATE_UPSTREAM": "NAME=URL pairs, separated by commas, as --upstream",
}
"""Variables that the command line reads itself."""

_LEDGER = "needs the ledger"
_AUTH = "issuers of tokens stand in a policy, below `auth`"
_LATER = "names no setting of this version"

FOREIGN: dict[str, Path | str] = {
    "REDIS_URL": ("stores", "default", "url"),
    "DATABASE_URL": _LEDGER,
    "JWT_SECRET": _AUTH,
    "SECURITY_TRUSTED_PROXIES": ("trusted_proxies",),
    "SECURITY_TLS_CERT_FILE": ("listener", "tls", "cert_file"),
    "SECURITY_TLS_KEY_FILE": ("listener", "tls", "key_file"),
    "SECURITY_TLS_CLIENT_CA_FILE": ("listener", "tls", "client_ca_file"),
    "SECURITY_TLS_MIN_VERSION": ("listener", "tls", "min_version"),
    "SECURITY_MAX_BODY_BYTES": ("listener", "limits", "body_bytes_max"),
    "SECURITY_MAX_HEADER_BYTES": ("listener", "limits", "head_bytes_max"),
    "SECURITY_POLICIES": ("policies",),
    "PERFORMANCE_WORKERS": ("workers",),
    "PERFORMANCE_MAX_CONNECTIONS": ("listener", "limits", "connections_max"),
    "PERFORMANCE_MAX_CONNECTIONS_PER_IP": ("listener", "limits", "connections_per_ip_max"),
    "PERFORMANCE_IDLE_TIMEOUT_MS": ("listener", "limits", "idle_timeout_ms"),
    "PERFORMANCE_DRAIN_TIMEOUT_S": ("drain_timeout_s",),
    "INTEGRATION_OPENAI_URL": ("upstreams", "openai", "url"),
    "INTEGRATION_ANTHROPIC_URL": ("upstreams", "anthropic", "url"),
    "INTEGRATION_GEMINI_URL": ("upstreams", "gemini", "url"),
    "INTEGRATION_AZURE_URL": ("upstreams", "azure", "url"),
    "INTEGRATION_BEDROCK_URL": ("upstreams", "bedrock", "url"),
    "INTEGRATION_OLLAMA_URL": ("upstreams", "ollama", "url"),
    "INTEGRATION_VLLM_URL": ("upstreams", "vllm", "url"),
}
"""A name of other software, and the setting it means, or what it would need to have an effect."""

FOREIGN_PREFIXES: dict[str, str] = {
    "OIDC_": _AUTH,
    "ENTERPRISE_": _LATER,
    "SECURITY_": _LATER,
    "COMPLIANCE_": _LATER,
    "PERFORMANCE_": _LATER,
    "INTEGRATION_": _LATER,
}
"""What every other name with this beginning would need."""


_NAMED: dict[str, type[BaseModel]] = {"upstreams": UpstreamSettings, "stores": RedisStoreSettings}
"""Settings of which there are several, by name."""


class Variable(NamedTuple):
    """One variable that is set and means a setting; `text` may be a secret."""

    name: str
    path: Path
    text: str


class Reading(NamedTuple):
    """What an environment says.

    `variables` stand in rising precedence. `without_effect` maps accepted names to why they have
    no effect, `unknown` the refused ones to a suggestion.
    """

    variables: list[Variable]
    without_effect: dict[str, str]
    unknown: dict[str, str]


def setting_paths(model: type[BaseModel] = Settings, base: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every setting that is a single value, with its type; models are entered, maps are not."""
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is not None:
            yield from setting_paths(inner, (*base, name))
        else:
            yield (*base, name), field.annotation


def annotation_at(path: Path) -> Any:
    """The type of the setting at `path`, also of one upstream's or store's; None without one."""
    if path[0] in _NAMED and len(path) > 2:  # noqa: PLR2004  # `upstreams`, a name, a setting
        return dict(setting_paths(_NAMED[path[0]])).get(path[2:])
    return dict(setting_paths()).get(path)


def variable_name(path: Path) -> str:
    """The variable of the setting at `path`."""
    return PREFIX + "_".join(path).upper().replace("-", "_")


def read_environment(environment: Mapping[str, str]) -> Reading:
    """Sorts out which variables mean something here; values are not looked at."""
    own = {variable_name(path): path for path, _ in setting_paths()}
    foreign: list[Variable] = []
    named: list[Variable] = []
    without_effect: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX):
            path = SHORT.get(name) or own.get(name) or _upstream_path(name)
            if path is not None:
                named.append(Variable(name, path, text))
            elif name not in NOT_SETTINGS:
                near = nearest(name, [*own, *SHORT, *NOT_SETTINGS])
                unknown[name] = f"did you mean {near}?" if near else ""
            continue
        meaning = _foreign_meaning(name)
        if isinstance(meaning, tuple):
            foreign.append(Variable(name, meaning, text))
        elif meaning is not None:
            without_effect[name] = meaning
    return Reading([*foreign, *named], without_effect, unknown)


def _foreign_meaning(name: str) -> Path | str | None:
    if name in FOREIGN:
        return FOREIGN[name]
    return next((why for start, why in FOREIGN_PREFIXES.items() if name.startswith(start)), None)


_UPSTREAM_NAME = re.compile(r"[A-Z0-9][A-Z0-9_]*\Z")


def _upstream_path(name: str) -> Path | None:
    """SEALGATE_UPSTREAMS_<NAME>_<SETTING>; the longest setting that ends the name wins."""
    start = PREFIX + "UPSTREAMS_"
    if not name.startswith(start):
        return None
    rest = name.removeprefix(start)
    best: Path | None = None
    for path, _ in setting_paths(UpstreamSettings):
        suffix = "_" + "_".join(path).upper()
        upstream = rest.removesuffix(suffix)
        if rest.endswith(suffix) and _UPSTREAM_NAME.match(upstream):
            found = ("upstreams", upstream.lower(), *path)
            best = found if best is None or len(upstream) < len(best[1]) else best
    return best


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, also where it may be absent (`X | None`)."""
    candidates = [annotation] if get_origin(annotation) is None else get_args(annotation)
    if get_origin(annotation) in {dict, tuple, list}:
        return None
    for each in candidates:
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None
