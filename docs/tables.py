"""Writes the generated tables of the docs: plugins, and the keys of each plugin's configuration.

Run `python docs/tables.py` after a change; a test fails while a table is out of date.
A table stands between two comments, `<!-- table: NAME -->` and `<!-- end -->`. NAME is `plugins`
for the list of built-in plugins, or `PLUGIN` or `PLUGIN.KEY` for the keys of a configuration or of
a part of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from gateway.chain.registry import GROUP, Registry
from gateway.plugin import Plugin
from gateway.plugin.contract import HOOKS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "plugins" / "README.md", *sorted((ROOT / "docs" / "plugins").glob("*.md"))]
_REGION = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def built_ins() -> list[type[Plugin]]:
    """The plugins of this distribution, whatever else is installed."""
    points = [p for p in entry_points(group=GROUP) if p.dist and p.dist.name == "sealgate"]
    registry = Registry.installed(points)
    return [registry.get(name) for name in registry.names()]


def with_tables(text: str) -> str:
    """`text` with every marked table written anew."""
    return _REGION.sub(lambda m: f"{m[1]}{_table(m[2])}\n{m[3]}", text)


def _table(name: str) -> str:
    if name == "plugins":
        return _rows(("plugin", "what it does", "hooks", "provides"), map(_plugin_row, built_ins()))
    plugin, *path = name.split(".")
    model = next(p.Config for p in built_ins() if p.name == plugin)
    for key in path:
        model = _models_in(model.model_fields[key].annotation)[0]
    return _rows(("key", "value", "default", "meaning"), _key_rows(model))


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plugin_row(plugin: type[Plugin]) -> tuple[str, ...]:
    page = f"[`{plugin.name}`](../docs/plugins/{plugin.name}.md)"
    summary = (plugin.__doc__ or "").strip().splitlines()[0]
    hooks = [hook for hook in HOOKS if getattr(plugin, hook) is not getattr(Plugin, hook)]
    facts = sorted(fact.name for fact in plugin.provides)
    return page, summary, _code(hooks), _code(facts) or "-"


def _code(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _key_rows(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    whole = model.model_json_schema()
    schema = {key: _with_choices(each, whole) for key, each in whole["properties"].items()}
    for key, field in model.model_fields.items():
        default = (
            "required"
            if field.is_required()
            else _default(field.get_default(call_default_factory=True))
        )
        yield f"`{key}`", _kind(schema[key]), default, field.description or ""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation such as `Geo | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _with_choices(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """`schema` with the words of an enumeration in place of the reference to it."""
    items = schema.get("items", {})
    named = whole.get("$defs", {}).get(items.get("$ref", "").rpartition("/")[2], {})
    return {**schema, "items": named} if "enum" in named else schema


def _kind(schema: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "anyOf" in schema:
        kinds = [_kind(inner) for inner in schema["anyOf"] if inner.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        kind = _kind(schema["items"])
        return f"list of {kind}" if kind.endswith("`") else f"list of {kind}s"
    if schema.get("type") in {"integer", "number"}:
        least = f", at least {schema['minimum']}" if schema.get("minimum") else ""
        return "number" + least
    return _WORDS.get(schema.get("format", schema.get("type", "")), "mapping")


_WORDS = {"string": "text", "password": "secret", "boolean": "true or false", "path": "path"}


def _default(value: Any) -> str:
    if value is None or value in ({}, (), ""):
        return "-"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> None:
    """Rewrites the pages; prints those that changed."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = with_tables(text)
        if fresh != text:
            page.write_text(fresh, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
