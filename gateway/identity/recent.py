"""A bounded cache whose hits cost one dictionary look-up."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps what was put or asked for of late: at least `entries_max`, at most twice as many.

    Two generations stand in for an exact order of use: a full young one becomes the old one, and
    what is found in the old one is young again. So a hit need not move anything.
    """

    __slots__ = ("_entries_max", "_old", "_young")

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What was put for `key`, None where it is not (or no longer) here."""
        found = self._young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Keeps `value`."""
        if len(self._young) >= self._entries_max:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        """Forgets everything."""
        self._young = {}
        self._old = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
