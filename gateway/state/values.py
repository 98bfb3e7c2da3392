"""Sealed values in the memory of one worker: bounded, and gone when the process ends."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from gateway.plugin.values import Keeping
from gateway.state.memory import monotonic_us

BYTES_MAX = 33_554_432
"""Characters of fields and values that are kept, unless the settings say otherwise."""
SET_COST = 512
FIELD_COST = 160
"""What Python needs beside the characters themselves, roughly."""

_Key = tuple[str, str]


class _Set:
    __slots__ = ("cost", "ends_at", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.ends_at = 0
        self.cost = SET_COST


class MemoryValues:
    """A ValueStore in this process's memory; `keep` is answered at once.

    Where it is full, the set that was not kept for longest is forgotten: what it held can no longer
    be read, and is never given to anybody else.
    """

    def __init__(
        self, clock_us: Callable[[], int] = monotonic_us, *, bytes_max: int = BYTES_MAX
    ) -> None:
        self._clock = clock_us
        self._bytes_max = bytes_max
        # Those that were kept last stand last.
        self._sets: OrderedDict[_Key, _Set] = OrderedDict()
        self.cost = 0

    def __len__(self) -> int:
        return len(self._sets)

    def keep(self, keeping: Keeping) -> Mapping[str, str]:
        """See ValueStore."""
        key = (keeping.tag, keeping.name)
        now = self._clock()
        held = self._live(key, now)
        if held is None:
            if not keeping.fields:
                return {}
            held = self._sets[key] = _Set()
            self.cost += held.cost
        else:
            self._sets.move_to_end(key)
        held.ends_at = now + keeping.ttl_ms * 1_000
        for field, value in keeping.fields.items():
            self._drop(held, field)
            held.fields[field] = value
            self._charge(held, _cost(field, value))
        if len(held.fields) > keeping.fields_max:
            oldest = sorted(held.fields, key=lambda field: written_at(held.fields[field]))
            for field in oldest[: len(held.fields) - keeping.fields_max]:
                self._drop(held, field)
        self._make_room(now)
        return dict(held.fields) if keeping.read else {}

    async def names(self, tag: str) -> Sequence[str]:
        """See ValueStore."""
        now = self._clock()
        return [
            name for own, name in list(self._sets) if own == tag and self._live((own, name), now)
        ]

    async def fields(self, tag: str, name: str) -> Mapping[str, str]:
        """See ValueStore."""
        held = self._live((tag, name), self._clock())
        return {} if held is None else dict(held.fields)

    async def remove(self, tag: str, name: str, fields: Sequence[str]) -> None:
        """See ValueStore."""
        held = self._live((tag, name), self._clock())
        if held is None:
            return
        for field in fields:
            self._drop(held, field)
        if not held.fields:
            self._forget((tag, name))

    def _live(self, key: _Key, now: int) -> _Set | None:
        held = self._sets.get(key)
        if held is not None and held.ends_at <= now:
            self._forget(key)
            return None
        return held

    def _make_room(self, now: int) -> None:
        """Forgets what stands first: always what has run out, and as much more as is needed."""
        while self._sets:
            key, held = next(iter(self._sets.items()))
            if self.cost <= self._bytes_max and held.ends_at > now:
                return
            self._forget(key)

    def _drop(self, held: _Set, field: str) -> None:
        value = held.fields.pop(field, None)
        if value is not None:
            self._charge(held, -_cost(field, value))

    def _charge(self, held: _Set, cost: int) -> None:
        held.cost += cost
        self.cost += cost

    def _forget(self, key: _Key) -> None:
        self.cost -= self._sets.pop(key).cost


def _cost(field: str, value: str) -> int:
    return FIELD_COST + len(field) + len(value)


def written_at(value: str) -> int:
    """The second in which a value was written; 0 where it does not say so."""
    second = value.partition("|")[0]
    return int(second) if second.isascii() and second.isdigit() else 0
