"""Plugin instances and who uses them, so that what did not change survives a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.plugin.contract import Plugin, PluginConfig


@dataclass(slots=True, eq=False)
class Instance:
    """One running plugin of one policy. `users` counts the snapshots that hold it."""

    policy: str
    plugin: Plugin
    config: PluginConfig
    origin: Any = None
    """Where it was first written: for the error when it does not start."""
    users: int = 0


class Claims:
    """Hands out the instances of the snapshot before to equal uses of the next one.

    Equal is: the same policy name, plugin class and configuration. Among equal uses of one policy
    the first takes the first, the second the second.
    """

    def __init__(self, previous: Iterable[Instance]) -> None:
        self._free: dict[tuple[str, type[Plugin]], list[Instance]] = {}
        for instance in previous:
            key = (instance.policy, type(instance.plugin))
            self._free.setdefault(key, []).append(instance)
        self.kept: list[Instance] = []
        self.fresh: list[Instance] = []

    def claim(
        self, policy: str, kind: type[Plugin], config: PluginConfig, make: Callable[[], Instance]
    ) -> Instance:
        """An instance of before, or what `make` gives; `make` may raise."""
        free = self._free.get((policy, kind), [])
        for index, instance in enumerate(free):
            if instance.config == config:
                self.kept.append(instance)
                return free.pop(index)
        instance = make()
        self.fresh.append(instance)
        return instance

    @property
    def all(self) -> list[Instance]:
        """Every instance of the next snapshot."""
        return [*self.kept, *self.fresh]
