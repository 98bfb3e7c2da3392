"""Plugins are found by name, and what keeps the contract badly is told apart when it is loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from gateway.chain.registry import GROUP, Registry
from gateway.errors import PluginLoadError
from gateway.plugin import Plugin, PluginConfig, TextStream
from gateway.plugin.exchange import Exchange
from tests.policy_plugins import Probe, plugin, registry


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def test_the_built_in_plugins_are_found() -> None:
    found = Registry.installed()

    assert {"ip_allowlist", "request_limits", "security_headers"} <= set(found.names())
    assert found.get("ip_allowlist").name == "ip_allowlist"


def test_a_plugin_is_imported_once() -> None:
    found = Registry.installed([point("probe", "tests.policy_plugins:Probe")])

    assert found.get("probe") is Probe
    assert found.get("probe") is Probe


def test_a_misspelt_name_brings_a_suggestion() -> None:
    with pytest.raises(PluginLoadError, match=r'unknown plugin "paintr" \(did you mean "painter"'):
        registry().get("paintr")


def test_a_strange_name_brings_the_list() -> None:
    with pytest.raises(PluginLoadError, match="known: critic, keeper, painter, passport, probe"):
        registry().get("zzz")


def test_two_packages_with_one_name_are_refused() -> None:
    """Which of them would run would depend on the order of installation."""
    points = [point("probe", "one:Probe"), point("probe", "two:Probe")]

    with pytest.raises(PluginLoadError, match=r"one:Probe\) and .*two:Probe\); uninstall one"):
        Registry.installed(points)


def test_the_same_entry_point_seen_twice_is_one() -> None:
    points = [point("probe", "tests.policy_plugins:Probe")] * 2

    assert Registry.installed(points).names() == ["probe"]


def test_a_plugin_that_cannot_be_imported_says_why() -> None:
    found = Registry.installed([point("gone", "tests.no_such_module:Gone")])

    with pytest.raises(PluginLoadError, match="ModuleNotFoundError: No module named"):
        found.get("gone")


class Unnamed(Plugin):
    pass


class Greedy(Plugin):
    name: ClassVar[str] = "bad"

    class Config(PluginConfig):
        timeout_ms: int = 0


class Waiting(Plugin):
    name: ClassVar[str] = "bad"

    async def on_text(self, x: Exchange, text: TextStream) -> None:  # type: ignore[override]  # the fault
        return None


class Sloppy(Plugin):
    name: ClassVar[str] = "bad"
    on_error: ClassVar[Any] = "ignore"


class Loose(Plugin):
    name: ClassVar[str] = "bad"
    Config: ClassVar[Any] = dict


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (dict, "is not a subclass of gateway.plugin.Plugin"),
        (Unnamed, "name is None, but the plugin is registered as 'bad'"),
        (plugin("other"), "name is 'other', but"),
        (Greedy, "Config defines timeout_ms; every use has its own"),
        (Waiting, "on_text is an `async def`"),
        (Sloppy, "on_error is 'ignore'; write reject or continue"),
        (Loose, "Config is not a subclass of gateway.plugin.PluginConfig"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_the_fault(source: Any, said: str) -> None:
    with pytest.raises(PluginLoadError, match=said.replace(".", r"\.")):
        Registry({"bad": source}).get("bad")
