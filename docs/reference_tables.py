"""Writes the generated tables of docs/reference: settings, environment variables, metrics.

Run `python docs/reference_tables.py` after a change; a test fails while a table is out of date.
A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is `settings:SECTION`,
`variables`, `foreign`, `endpoints`, `metrics`, `permissions:data`, `permissions:admin`, `roles`,
`role` or `conditions`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.admin.endpoints import ENDPOINTS
from gateway.environment import (
    FOREIGN,
    FOREIGN_PREFIXES,
    NOT_SETTINGS,
    SHORT,
    setting_paths,
    variable_name,
)
from gateway.identity.permissions import ADMIN_PERMISSIONS, Permission
from gateway.identity.permissions import CATALOGUE as PERMISSIONS
from gateway.identity.roles import BUILTIN_ROLES, Allowed, Role
from gateway.issuers import IssuerSettings
from gateway.settings import RouteSettings, Settings, TargetSettings, UpstreamSettings
from gateway.store_settings import MemoryStoreSettings, RedisStoreSettings
from gateway.telemetry.catalogue import CATALOGUE

Rows = Iterator[tuple[str, ...]]

PAGES = sorted((Path(__file__).parent / "reference").glob("*.md"))
_REGION = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

_PARTS: dict[str, tuple[type[BaseModel], str]] = {
    "upstreams": (UpstreamSettings, "upstreams.NAME."),
    "targets": (TargetSettings, "upstreams.NAME.targets[]."),
    "routes": (RouteSettings, "routes[]."),
    "issuers": (IssuerSettings, "identity.admin_oidc[]."),
    "memory-store": (MemoryStoreSettings, "stores.NAME."),
    "redis-store": (RedisStoreSettings, "stores.NAME."),
}
"""Settings of which there may be several, and how their keys are written in the tables."""


def with_tables(text: str) -> str:
    """`text` with every marked table written anew."""
    return _REGION.sub(lambda m: f"{m[1]}{_table(m[2])}\n{m[3]}", text)


def _table(name: str) -> str:
    kind, _, section = name.partition(":")
    match kind:
        case "settings":
            head: tuple[str, ...] = ("setting", "value", "default", "meaning")
            rows = settings_rows(section)
        case "variables":
            head, rows = ("variable", "setting"), variable_rows()
        case "foreign":
            head, rows = ("variable", "effect"), foreign_rows()
        case "permissions":
            head, rows = ("permission", "covers"), permission_rows(section)
        case "roles":
            head, rows = ("role", "meant for", "allows"), role_rows()
        case "role":
            head, rows = ("key", "value", "default", "meaning"), key_rows(Role)
        case "conditions":
            head, rows = ("key", "value", "default", "meaning"), key_rows(Allowed)
        case "endpoints":
            head, rows = ("call", "permission", "body", "filters", ""), endpoint_rows()
        case _:
            head, rows = ("metric", "type", "labels", "meaning"), metric_rows()
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def settings_rows(section: str) -> Rows:
    """Key, kind, default and meaning of each setting below `section`; `top` for the single ones."""
    model, prefix = _PARTS.get(section, (Settings, ""))
    for path, _ in setting_paths(model):
        if model is Settings and (path[0] if len(path) > 1 else "top") != section:
            continue
        schema = _schema_of(model, path)
        yield (
            f"`{prefix}{'.'.join(path)}`",
            _kind(schema),
            _default(schema),
            schema.get("description", ""),
        )


def variable_rows() -> Rows:
    """Each setting's own variable."""
    for path, _ in setting_paths():
        short = [name for name, meant in SHORT.items() if meant == path]
        names = [variable_name(path), *short]
        yield ", ".join(f"`{name}`" for name in names), f"`{'.'.join(path)}`"
    for path, _ in setting_paths(UpstreamSettings):
        name = f"SEALGATE_UPSTREAMS_NAME_{'_'.join(path).upper()}"
        yield f"`{name}`", f"`upstreams.NAME.{'.'.join(path)}`"
    for name, meaning in NOT_SETTINGS.items():
        yield f"`{name}`", meaning


def foreign_rows() -> Rows:
    """Each name of other software that is accepted."""
    for name, meaning in FOREIGN.items():
        effect = f"sets `{'.'.join(meaning)}`" if isinstance(meaning, tuple) else f"none: {meaning}"
        yield f"`{name}`", effect
    for prefix, meaning in FOREIGN_PREFIXES.items():
        yield f"`{prefix}*`, every other name", f"none: {meaning}"


def metric_rows() -> Rows:
    """Each metric as it is exposed."""
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        yield f"`{metric.exposed_name}`", metric.kind, labels, metric.help


def endpoint_rows() -> Rows:
    """Each endpoint of the admin API."""
    for endpoint in ENDPOINTS:
        form = endpoint.form
        keys = [] if form is None else [_key(name, f) for name, f in form.model_fields.items()]
        yield (
            f"`{endpoint.method} {endpoint.path}`",
            f"`{endpoint.permission}`" if endpoint.permission else "any credential",
            ", ".join(keys) or "-",
            ", ".join(f"`{name}`" for name in endpoint.filters) or "-",
            endpoint.summary + (" (`If-Match`)" if endpoint.conditional else ""),
        )


def _key(name: str, field: FieldInfo) -> str:
    """A member of a body; one that has to be there stands out."""
    return f"**`{name}`**" if field.is_required() else f"`{name}`"


def permission_rows(section: str) -> Rows:
    """Each permission of requests (`data`) or of administrators."""
    wanted: tuple[Permission, ...] = ADMIN_PERMISSIONS
    if section == "data":
        wanted = tuple(p for p in PERMISSIONS if not p.admin)
    for permission in wanted:
        marks = [mark for mark, on in _marks(permission) if on]
        yield f"`{permission.name}`", permission.text + (f" ({', '.join(marks)})" if marks else "")


def _marks(permission: Permission) -> tuple[tuple[str, bool], ...]:
    return ("model", permission.has_model), ("text", permission.generates)


def role_rows() -> Rows:
    """Each built-in role."""
    for name, role in BUILTIN_ROLES.items():
        yield f"`{name}`", role.description, ", ".join(f"`{item}`" for item in role.allow)


def key_rows(model: type[BaseModel]) -> Rows:
    """Each key of `model`."""
    for key in model.model_fields:
        schema = _schema_of(model, (key,))
        kind = "list of patterns" if key in {"allow", "deny", "permissions"} else _kind(schema)
        also = ", or patterns under conditions" if key in {"allow", "deny"} else ""
        default = "required" if model.model_fields[key].is_required() else _default(schema)
        yield f"`{key}`", kind + also, default, schema.get("description", "")


def _schema_of(model: type[BaseModel], path: tuple[str, ...]) -> dict[str, Any]:
    """The JSON Schema of one setting, with its description and default."""
    whole = model.model_json_schema()
    schema: dict[str, Any] = whole
    for part in path:
        schema = _resolved(schema, whole)["properties"][part]
    return {**_resolved(schema, whole), **{k: v for k, v in schema.items() if k != "$ref"}}


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    for choice in (schema, *schema.get("anyOf", ())):
        if "$ref" in choice:
            found: dict[str, Any] = whole["$defs"][choice["$ref"].rsplit("/", 1)[1]]
            return found
    return schema


def _kind(schema: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        kinds = [_kind(inner) for inner in schema["anyOf"] if inner.get("type") != "null"]
        return " or ".join(kinds)
    if schema.get("type") == "array":
        inner = schema.get("items", {})
        return "list, see below" if "$ref" in inner else f"list of {_kind(inner)}"
    if schema.get("type") in {"integer", "number"}:
        bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
        return "number" + (f" {' to '.join(bounds)}" if len(bounds) > 1 else "")
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties", {})
        return "mapping, see below" if "$ref" in inner else "mapping of text"
    return {"string": "text", "boolean": "true or false"}.get(schema.get("type", ""), "text")


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "-"
    value = schema["default"]
    if value is None or value in ([], {}, ""):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> None:
    """Rewrites the pages; prints those that changed."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = with_tables(text)
        if fresh != text:
            page.write_text(fresh, encoding="utf-8")
            sys.stdout.write(f"{page.name}\n")


if __name__ == "__main__":
    main()
