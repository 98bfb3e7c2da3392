"""The JSON Schema of a policy file, for editors: policies/schema.json.

Plugins that are installed are part of it, with their own configuration.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.chain.registry import Registry
from gateway.policy.models import PolicyFile, UseSettings

_REF = "#/$defs/{model}"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The schema of one policy file with the plugins of `registry` (default: all installed)."""
    registry = registry or Registry.installed()
    schema = PolicyFile.model_json_schema(ref_template=_REF)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    use = UseSettings.model_json_schema(ref_template=_REF)
    definitions |= use.pop("$defs", {})
    plugins = {
        name: _plugin_schema(registry, name, use["properties"], definitions)
        for name in registry.names()
    }
    definitions["step"] = {
        "description": "One plugin and its configuration.",
        "type": "object",
        "properties": plugins,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    schema["properties"]["chain"]["items"] = {"$ref": "#/$defs/step"}
    title = {"$schema": _DIALECT, "title": "Sealgate policy"}
    return {**schema, **title, "$defs": definitions}


def _plugin_schema(
    registry: Registry, name: str, use: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    """The configuration of one plugin with what every use may say; models it refers to move up."""
    template = f"#/$defs/{name}.{{model}}"
    own = registry.get(name).Config.model_json_schema(ref_template=template)
    for model, definition in own.pop("$defs", {}).items():
        definitions[f"{name}.{model}"] = definition
    own.pop("title", None)
    return {**own, "type": ["object", "null"], "properties": {**own.get("properties", {}), **use}}


def render_schema(registry: Registry | None = None) -> str:
    """The schema as text with a final newline, the same for the same plugins."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(policy_schema(registry), option=options).decode()
