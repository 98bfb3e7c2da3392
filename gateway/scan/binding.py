"""Gives the uses of a chain their scanners, all on one engine for each direction.

Chains with the same patterns share their engines: the policies of all routes, and those of the
snapshot before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, get_args
from weakref import WeakValueDictionary

from gateway.plugin.contract import Plugin
from gateway.plugin.pattern import Direction, Pattern
from gateway.scan.engine import Engine
from gateway.scan.scanner import UseScanner

_DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
_engines: Final[WeakValueDictionary[frozenset[Pattern], Engine]] = WeakValueDictionary()
_lock: Final = Lock()


def bind_scanners(plugins: Sequence[Plugin]) -> None:
    """Sets `scanner` where there are `patterns`. Raises ExpressionError."""
    users = [plugin for plugin in plugins if plugin.patterns]
    if not users:
        return
    folder = users[0].runtime.data_dir
    every = [pattern for plugin in users for pattern in plugin.patterns]
    engines = {
        direction: engine_for((p for p in every if direction in p.directions), folder)
        for direction in _DIRECTIONS
    }
    for plugin in users:
        plugin.scanner = UseScanner(plugin.patterns, engines, plugin.values_max)


def engine_for(patterns: Iterable[Pattern], folder: Path | None = None) -> Engine:
    """The engine of these patterns; the one of before as long as somebody uses it.

    Raises ExpressionError.
    """
    ordered = tuple(patterns)
    key = frozenset(ordered)
    with _lock:
        known = _engines.get(key)
        if known is None:
            known = _engines[key] = Engine(ordered, folder)
        return known
