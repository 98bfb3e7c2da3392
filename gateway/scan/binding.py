"""Gives the uses of a chain their scanners, all on one engine for both directions.

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
    engine = engine_for((pattern for plugin in users for pattern in plugin.patterns), folder)
    # A second database for what is looked for in answers alone would take half as much memory
    # again, and a scan takes as long with it.
    engines = dict.fromkeys(_DIRECTIONS, engine)
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
