"""Sealed values in Redis, over the connections that the counters of the same store use."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from gateway.plugin.limits import StoreUnavailableError
from gateway.plugin.values import Keeping
from gateway.state.redis.commands import keep_command, set_key, sets_key
from gateway.state.redis.routing import Router
from gateway.state.redis.wire import Call, Question, ServerError, Word, pack

REDIRECTS_MAX = 4
"""Nodes of a cluster that one call is sent on to."""

_ASKING = pack(("ASKING",))


class Connected(Protocol):
    """The store whose connections and names of keys are used."""

    @property
    def router(self) -> Router | None: ...

    def base(self, tag: str) -> str: ...


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
        found: list[str] = await self._ask(base, pack(("ZRANGE", sets_key(base), 0, -1)))
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
        await self._ask(base, pack(words))

    async def _table(self, base: str, command: bytes) -> Mapping[str, str]:
        flat: list[str] = await self._ask(base, command)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def _ask(self, base: str, command: bytes) -> Any:
        """The answer of the server that has the keys of `base`. Raises StoreUnavailableError."""
        router = self._store.router
        link = None if router is None else router.link(base)
        if router is None or link is None or link.away:
            raise StoreUnavailableError("the store is away")
        question = Question(command)
        due = link.send(question)
        for _ in range(REDIRECTS_MAX):
            try:
                return await question.future
            except ConnectionError as error:
                raise StoreUnavailableError(f"the store did not answer: {error}") from None
            except ServerError as error:
                text = str(error)
            target = router.redirect(text)
            if target is None:
                router.link(base).error_reply(text)
                raise StoreUnavailableError(f"the store refused: {text.partition(' ')[0]}")
            question = Question(command)
            target[0].send_at_once([Call(_ASKING), question] if target[1] else [question], due)
        raise StoreUnavailableError("the store moves its keys")
