"""Scores over time in Redis, over the connections that the counters of the same store use."""

from __future__ import annotations

from gateway.plugin.scores import Score, ScoreRule
from gateway.state.redis.asking import Connected, ask
from gateway.state.redis.commands import read_score_command, score_command, score_key
from gateway.state.redis.wire import pack


class RedisScores:
    """A ScoreStore in the servers of a store."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    async def read(self, owner: str, name: str) -> Score | None:
        """See ScoreStore."""
        base = self._store.base(owner)
        milli, exchanges = await ask(self._store, base, read_score_command(base, name))
        return None if milli < 0 else Score(milli, exchanges)

    async def move(self, owner: str, name: str, result_milli: int, rule: ScoreRule) -> Score:
        """See ScoreStore."""
        base = self._store.base(owner)
        command = score_command(base, name, result_milli, rule)
        return Score(*await ask(self._store, base, command))

    async def forget(self, owner: str, name: str | None) -> None:
        """See ScoreStore."""
        base = self._store.base(owner)
        key = score_key(base)
        await ask(self._store, base, pack(("DEL", key) if name is None else ("HDEL", key, name)))
