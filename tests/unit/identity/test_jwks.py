"""Keys are fetched, kept while the issuer is away, and never fetched because a token wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from gateway.identity.fetch import FetchError
from gateway.identity.jwk import secret_key
from gateway.identity.jwks import CANDIDATES_MAX, REFETCH_S, FixedKeys, KeySet
from tests.captured_logs import captured
from tests.tokens import Signer, key_set


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Shelf:
    """A place of keys that the test fills, empties and watches."""

    def __init__(self, *signers: Signer) -> None:
        self.text = orjson.dumps(key_set(*signers))
        self.error: Exception | None = None
        self.reads: list[bool] = []
        self.closed = False
        self.gate: asyncio.Event | None = None
        self.third = asyncio.Event()

    async def read(self, *, again: bool) -> bytes:
        self.reads.append(again)
        if len(self.reads) == 3:
            self.third.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.text

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def running(shelf: Shelf, clock: Clock, **settings: Any) -> AsyncIterator[KeySet]:
    given = {"refresh_interval_s": 300.0, "age_max_s": 3600.0, **settings}
    keys = KeySet("https://id", shelf, monotonic=clock, **given)
    await keys.start()
    try:
        yield keys
    finally:
        await keys.stop()
        assert shelf.closed


async def test_keys_are_there_from_the_start(clock: Clock) -> None:
    async with running(Shelf(Signer()), clock) as keys:
        assert keys.usable
        assert [key.kid for key in keys.find("k1", "RS256")] == ["k1"]
        assert keys.find("k1", "ES256") == ()
        assert keys.find("other", "RS256") == ()


async def test_an_issuer_that_is_away_at_the_start_is_no_error(clock: Clock) -> None:
    shelf = Shelf(Signer())
    shelf.error = FetchError("the server answered 503", 503)
    with captured("sealgate.identity") as records:
        async with running(shelf, clock) as keys:
            assert not keys.usable
            shelf.error = None
            assert await keys.refresh()
            assert keys.usable

    assert [record.getMessage() for record in records] == ["issuer keys not fetched"]


async def test_the_last_good_keys_serve_until_they_are_too_old(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock, age_max_s=100.0) as keys:
        shelf.error = FetchError("away")
        assert not await keys.refresh()
        clock.now_s += 100
        assert keys.usable
        assert keys.find("k1", "RS256")
        clock.now_s += 1
        assert not keys.usable


@pytest.mark.parametrize("text", [b"", b"{}", b'{"keys":[]}', b'{"keys":[{}],"keys":[]}', b"[]"])
async def test_a_poisoned_set_changes_nothing(clock: Clock, text: bytes) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock) as keys:
        shelf.text = text
        assert not await keys.refresh()
        assert keys.find("k1", "RS256")


async def test_the_generation_tells_of_other_keys_and_of_nothing_else(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock) as keys:
        first = keys.generation
        await keys.refresh()
        assert keys.generation == first
        shelf.text = orjson.dumps(key_set(Signer("k2", number=1)))
        await keys.refresh()
        assert keys.generation != first
        assert keys.find("k1", "RS256") == ()


async def test_a_refresh_looks_up_where_the_keys_are_and_a_token_does_not(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock) as keys:
        fetching = keys.refetch()
        assert fetching is not None
        await fetching

    assert shelf.reads == [True, False]


async def test_a_thousand_unknown_names_are_one_fetch(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock) as keys:
        before = len(shelf.reads)
        shelf.gate = asyncio.Event()
        fetches = [keys.refetch() for _ in range(1000)]
        shelf.gate.set()
        await asyncio.gather(*(fetch for fetch in fetches if fetch is not None))
        assert all(fetch is fetches[0] for fetch in fetches)

        assert [keys.refetch() for _ in range(1000)] == [None] * 1000
        assert len(shelf.reads) == before + 1


async def test_after_a_while_tokens_may_ask_again(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock) as keys:
        first = keys.refetch()
        assert first is not None
        await first
        clock.now_s += REFETCH_S - 1
        assert keys.refetch() is None
        clock.now_s += 1
        assert keys.refetch() is not None


async def test_keys_of_one_name_are_tried_up_to_a_bound(clock: Clock) -> None:
    signers = [Signer("same", "ES256", number) for number in range(CANDIDATES_MAX + 2)]
    async with running(Shelf(*signers), clock) as keys:
        assert len(keys.find("same", "ES256")) == CANDIDATES_MAX


async def test_keys_are_refreshed_in_the_background(clock: Clock) -> None:
    shelf = Shelf(Signer())
    async with running(shelf, clock, refresh_interval_s=0.001):
        await shelf.third.wait()

    assert shelf.reads == [True] * len(shelf.reads)


async def test_fixed_keys_are_never_fetched() -> None:
    keys = FixedKeys(secret_key(b"x" * 32))

    assert keys.refetch() is None
    assert len(keys.find("any", "HS256")) == 1
    assert keys.find(None, "RS256") == ()
