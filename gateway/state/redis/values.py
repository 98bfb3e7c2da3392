"""Sealed values in Redis, over the connections that the counters of the same store use."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

from gateway.plugin.values import Keeping
from gateway.state.redis.asking import Connected, ask
from gateway.state.redis.commands import keep_command, set_key, sets_key
from gateway.state.redis.wire import Word, pack


class RedisValues:
    """A ValueStore in the servers of a store."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    def keep(self, keeping: Keeping) -> Awaitable[Mapping[str, str]]:
        """See ValueStore."""
        base = self._store.base(keeping.tag)
        return self._table(base, keep_command(base, keeping))

    async def names(self, tag: str) -> Sequence[str]:
        """See ValueStore."""
        base = self._store.base(tag)
        found: list[str] = await ask(self._store, base, pack(("ZRANGE", sets_key(base), 0, -1)))
        return found

    async def fields(self, tag: str, name: str) -> Mapping[str, str]:
        """See ValueStore."""
        base = self._store.base(tag)
        return await self._table(base, pack(("HGETALL", set_key(base, name))))

    async def remove(self, tag: str, name: str, fields: Sequence[str]) -> None:
        """See ValueStore."""
        if not fields:
            return
        base = self._store.base(tag)
        words: tuple[Word, ...] = ("HDEL", set_key(base, name), *fields)
        await ask(self._store, base, pack(words))

    async def _table(self, base: str, command: bytes) -> Mapping[str, str]:
        flat: list[str] = await ask(self._store, base, command)
        return dict(zip(flat[::2], flat[1::2], strict=True))
