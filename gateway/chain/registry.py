"""Finds plugins: every class under the entry-point group `sealgate.plugins`, ours like others'."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_args

from gateway.errors import PluginLoadError
from gateway.plugin.contract import OnError, Plugin, PluginConfig
from gateway.suggestions import did_you_mean

GROUP = "sealgate.plugins"
USE_KEYS = ("mode", "timeout_ms", "on_error", "when")
"""What every use of a plugin may say beside its own configuration."""


class Registry:
    """Plugin classes by name; each is imported and checked when it is first asked for."""

    def __init__(self, sources: Mapping[str, EntryPoint | type[Plugin]]) -> None:
        self._sources = dict(sources)
        self._loaded: dict[str, type[Plugin]] = {}

    @classmethod
    def installed(cls, found: Iterable[EntryPoint] | None = None) -> Registry:
        """All that is installed. Raises PluginLoadError where two packages claim one name."""
        sources: dict[str, EntryPoint] = {}
        for point in entry_points(group=GROUP) if found is None else found:
            other = sources.setdefault(point.name, point)
            if other.value != point.value:
                raise PluginLoadError(
                    f"two packages provide a plugin called '{point.name}': "
                    f"{_origin(other)} and {_origin(point)}; uninstall one of them"
                )
        return cls(sources)

    def names(self) -> list[str]:
        """Every name a policy can use, sorted."""
        return sorted(self._sources)

    def get(self, name: str) -> type[Plugin]:
        """The class called `name`. Raises PluginLoadError where there is none that can be used."""
        known = self._loaded.get(name)
        if known is not None:
            return known
        source = self._sources.get(name)
        if source is None:
            hint = did_you_mean(name, self._sources)
            raise PluginLoadError(f'unknown plugin "{name}"' + (f" ({hint})" if hint else ""))
        loaded = _load(name, source) if isinstance(source, EntryPoint) else source
        self._loaded[name] = plugin = _checked(name, loaded)
        return plugin


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "unknown"
    return f"{package} ({point.value})"


def _load(name: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # importing foreign code may raise anything
        raise PluginLoadError(
            f"plugin '{name}' of {_origin(point)} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def _checked(name: str, plugin: Any) -> type[Plugin]:
    """`plugin` itself, if it keeps the contract."""
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginLoadError(f"plugin '{name}' is not a subclass of gateway.plugin.Plugin")
    where = f"{plugin.__module__}.{plugin.__qualname__}"
    if getattr(plugin, "name", None) != name:
        raise PluginLoadError(
            f"{where}.name is {getattr(plugin, 'name', None)!r}, but the plugin is registered "
            f"as '{name}'; the two must be equal"
        )
    config: Any = plugin.Config
    if not (isinstance(config, type) and issubclass(config, PluginConfig)):
        raise PluginLoadError(f"{where}.Config is not a subclass of gateway.plugin.PluginConfig")
    taken = sorted(set(USE_KEYS) & set(plugin.Config.model_fields))
    if taken:
        raise PluginLoadError(
            f"{where}.Config defines {', '.join(taken)}; every use has its own, rename it"
        )
    if plugin.on_error not in get_args(OnError):
        raise PluginLoadError(f"{where}.on_error is {plugin.on_error!r}; write reject or continue")
    if inspect.iscoroutinefunction(plugin.on_text):
        raise PluginLoadError(f"{where}.on_text is an `async def`; a stream cannot wait per piece")
    return plugin
