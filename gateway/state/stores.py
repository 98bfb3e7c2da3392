"""The stores of gateway.yaml as one worker uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.plugin.limits import CounterStore
from gateway.plugin.scores import ScoreStore
from gateway.plugin.values import ValueStore
from gateway.settings import Settings
from gateway.state.memory import MemoryStore
from gateway.state.redis.build import redis_store
from gateway.state.redis.scores import RedisScores
from gateway.state.redis.store import RedisStore
from gateway.state.redis.values import RedisValues
from gateway.state.values import MemoryValues
from gateway.store_settings import DEFAULT_STORE, MemoryStoreSettings, StoreSettings
from gateway.suggestions import did_you_mean


class Stores:
    """Makes each store when the first plugin asks for it; all uses of one name share it.

    Without a `loop` nothing is connected: enough to check policies. `on_made` is told each.
    """

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop | None = None,
        on_made: Callable[[str, CounterStore], None] = lambda *_: None,
    ) -> None:
        self._loop = loop
        self._on_made = on_made
        self._settings: dict[str, StoreSettings] = {
            DEFAULT_STORE: MemoryStoreSettings(),
            **settings.stores,
        }
        self._workers = settings.workers
        self._made: dict[str, CounterStore] = {}
        self._values: dict[str, ValueStore] = {}

    def get(self, name: str) -> CounterStore:
        """The store `name`. Raises ValueError, with the cure, where it cannot be used."""
        store = self._made.get(name)
        if store is None:
            store = self._made[name] = self._make(name)
            self._on_made(name, store)
        return store

    def values(self, name: str) -> ValueStore:
        """The sealed values of the store `name`; raises as `get`."""
        store = self._values.get(name)
        if store is None:
            if self._workers != 1 and isinstance(self._settings.get(name), MemoryStoreSettings):
                raise ValueError(_one_worker_only(name, self._workers, _OWN_VALUES))
            counters = self.get(name)  # in Redis, both use the same connections
            store = self._values_beside(counters, self._settings[name])
            self._values[name] = store
        return store

    def scores(self, name: str, required: bool) -> ScoreStore | None:
        """The scores of the store `name`; None where each worker keeps its own, in its memory.

        Raises as `get`; that several workers keep their own is refused only where sharing is
        `required`.
        """
        if isinstance(self._settings.get(name), MemoryStoreSettings):
            if required and self._workers != 1:
                raise ValueError(_one_worker_only(name, self._workers, _OWN_SCORES))
            return None
        store = self.get(name)
        return RedisScores(store) if isinstance(store, RedisStore) else None

    @staticmethod
    def _values_beside(counters: CounterStore, settings: StoreSettings) -> ValueStore:
        if isinstance(counters, RedisStore):
            return RedisValues(counters)
        if isinstance(settings, MemoryStoreSettings):
            return MemoryValues(bytes_max=settings.values_bytes_max)
        return MemoryValues()

    def _make(self, name: str) -> CounterStore:
        settings = self._settings.get(name)
        if settings is None:
            hint = did_you_mean(name, self._settings)
            raise ValueError(f'gateway.yaml has no store "{name}"; {hint}')
        if isinstance(settings, MemoryStoreSettings):
            if self._workers != 1:
                raise ValueError(_one_worker_only(name, self._workers, _OWN_COUNTS))
            return MemoryStore(keys_max=settings.keys_max)
        store = redis_store(name, settings, check_only=self._loop is None)
        if self._loop is not None:
            # Policies are compiled on a thread; what they need is connected on the loop.
            self._loop.call_soon_threadsafe(store.open)
        return store

    def redis(self) -> dict[str, RedisStore]:
        """Those in Redis that a policy has asked for."""
        return {n: s for n, s in self._made.items() if isinstance(s, RedisStore)}

    async def close(self) -> None:
        """Sends what must still be told to the stores, and hangs up."""
        await asyncio.gather(*(store.close() for store in self.redis().values()))


_OWN_COUNTS = "each of which would admit the whole limit; give every worker the same counters"
_OWN_SCORES = "each of which would know only what it served; give every worker the same scores"
_OWN_VALUES = "each of which would know only the values it kept; give every worker the same ones"


def _one_worker_only(name: str, workers: int | str, why: str) -> str:
    return (
        f'the store "{name}" is in memory, which one worker can use, and there are {workers} '
        f"workers, {why}, in gateway.yaml: "
        f"`stores: {{{name}: {{kind: redis, url: redis://127.0.0.1:6379}}}}` (a redis-server on "
        "this machine will do), or set `workers: 1`"
    )
