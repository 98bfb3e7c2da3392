"""policies/schema.json: current, and of one mind with the loader."""

from __future__ import annotations

from pathlib import Path

from gateway.chain.registry import USE_KEYS, Registry
from gateway.policy.schema import policy_schema, render_schema
from tests.policy_plugins import registry

SCHEMA = Path(__file__).parents[3] / "policies" / "schema.json"


def test_the_shipped_schema_is_current() -> None:
    """`sealgate schema > policies/schema.json` writes it again."""
    installed = Registry.installed()
    ours = {name: installed.get(name) for name in installed.names()}
    built_in = {n: p for n, p in ours.items() if p.__module__.startswith("gateway_plugins.")}

    assert SCHEMA.read_text(encoding="utf-8") == render_schema(Registry(built_in))


def test_each_plugin_offers_its_own_keys_and_those_of_every_use() -> None:
    steps = policy_schema(registry())["$defs"]["step"]["properties"]

    assert set(steps) == {"critic", "keeper", "painter", "passport", "probe"}
    assert set(steps["probe"]["properties"]) == {
        *("label", "level", "colour", "tags", "nested"),
        *USE_KEYS,
    }
    assert steps["probe"]["additionalProperties"] is False


def test_every_reference_leads_to_a_definition() -> None:
    schema = policy_schema()
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            found.extend(v for k, v in node.items() if k == "$ref")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema)

    assert found
    assert {ref.removeprefix("#/$defs/") for ref in found} <= set(schema["$defs"])
