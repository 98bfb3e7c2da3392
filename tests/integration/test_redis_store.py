"""The Redis store against a real server that is there, slow, gone, and back."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gateway.plugin.limits import Algorithm, Demand, StoreUnavailableError
from gateway.plugin.values import Keeping
from gateway.state.redis.build import redis_store
from gateway.state.redis.link import FAILURES_MAX
from gateway.state.redis.values import RedisValues
from gateway.store_settings import RedisStoreSettings
from tests.integration.redis_servers import RedisServer, needs_redis, running_redis
from tests.integration.redis_stores import MINUTE, attempt, log, opened, take, until, used

pytestmark = needs_redis


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    """One server for the tests that leave it as it is."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(shared: RedisServer) -> RedisServer:
    shared.command("FLUSHALL")
    return shared


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A server that the test may stop."""
    with running_redis() as server:
        yield server


# -- while it is there --------------------------------------------------------------------------


async def test_takes_of_one_turn_share_one_round_trip_and_never_exceed_the_limit(
    redis: RedisServer,
) -> None:
    async with opened(url=redis.url) as store:
        before = store.stats.links.round_trips
        grants = await asyncio.gather(*(take(store, "t", [log()]) for _ in range(200)))

        assert sum(grant.admitted for grant in grants) == 50
        assert store.stats.links.round_trips == before + 1


async def test_several_workers_admit_one_limit_together(redis: RedisServer) -> None:
    async with (
        opened(url=redis.url) as one,
        opened(url=redis.unix_url) as two,
        opened(url=f"{redis.url}/0") as three,
    ):
        takes = [attempt(store, "t", [log()]) for _ in range(60) for store in (one, two, three)]
        grants = await asyncio.gather(*takes)

        assert sum(grant is not None and grant.admitted for grant in grants) == 50


async def test_a_refused_take_consumes_nothing_of_any_demand(redis: RedisServer) -> None:
    total = Demand("total", Algorithm.TOTAL, 5, 4, MINUTE)
    gcra = Demand("gcra", Algorithm.GCRA, 1, 4, MINUTE)
    async with opened(url=redis.url) as store:
        grant = await take(store, "t", [log(), gcra, total])

        assert (grant.admitted, grant.refused_by) == (False, 2)
        assert await used(store, "t", log()) == await used(store, "t", gcra) == 0


async def test_what_is_settled_is_read_right_after(redis: RedisServer) -> None:
    total = Demand("total", Algorithm.TOTAL, 100, 1_000, MINUTE)
    async with opened(url=redis.url) as store:
        grant = await take(store, "t", [log(3), total])
        store.settle(grant, [0, 731])

        assert await used(store, "t", log()) == 0
        assert await used(store, "t", total) == 731


async def test_a_slot_is_free_when_it_is_given_back(redis: RedisServer) -> None:
    slot = Demand("slot", Algorithm.SLOTS, 1, 1, MINUTE)
    async with opened(url=redis.url) as store:
        grant = await take(store, "t", [log(), slot])
        store.renew(grant)
        assert not (await take(store, "t", [slot])).admitted
        store.settle(grant, [1, 0])
        assert (await take(store, "t", [slot])).admitted


@pytest.mark.parametrize(
    "tag", ["", "}", "{}", "a}b", "%7D", "\udcff", "ключ", "a b\r\nc", "x" * 999]
)
async def test_any_text_can_be_a_tag_and_no_two_tags_share_a_counter(
    redis: RedisServer, tag: str
) -> None:
    async with opened(url=redis.url) as store:
        for other in ("", "%", "a%7Db", "a}b", "}", tag):
            await take(store, other, [log(key=tag)])

        assert await used(store, tag, log(key=tag)) == (1 if tag not in {"", "a}b", "}"} else 2)


async def test_a_wrong_value_under_one_key_fails_only_its_own_calls(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        redis.command("SET", "sealgate{t}lk", "not a log")

        with pytest.raises(StoreUnavailableError):
            await take(store, "t", [log()])
        assert (await take(store, "t", [log(key="other")])).admitted


async def test_functions_that_were_flushed_are_loaded_again(own: RedisServer) -> None:
    async with opened(url=own.url) as store:
        own.command("FUNCTION", "FLUSH")

        assert (await take(store, "t", [log()])).admitted


async def test_an_older_library_is_replaced_and_a_newer_one_stays(own: RedisServer) -> None:
    library = (
        "#!lua name=sealgate\nredis.register_function{{function_name='sealgate_revision',"
        "callback=function() return {} end,flags={{'no-writes'}}}}"
    )
    own.command("FUNCTION", "LOAD", library.format(0))
    async with opened(url=own.url) as store:
        assert (await take(store, "t", [log()])).admitted
    own.command("FUNCTION", "LOAD", "REPLACE", library.format(99))
    async with opened(url=own.url, connected=False) as store:
        assert await attempt(store, "t", [log()]) is None
    assert own.command("FCALL", "sealgate_revision", 0) == 99


# -- who we are ---------------------------------------------------------------------------------

ACL = (
    "user sealgate on >correct ~gate{* resetchannels -@all +fcall +function|load +time "
    "+zadd +zrem +zscore +zcard +zrange +zrangebyscore +zremrangebyscore +get +set +pexpire "
    "+hgetall +hset +hdel +hlen +exists +pttl +ping +select"
)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that only lets the user `sealgate` in, with the rights that the docs name."""
    users = tmp_path / "users.acl"
    users.write_text(f"{ACL}\nuser default on nopass resetkeys -@all +ping\n", encoding="utf-8")
    with running_redis(["--aclfile", str(users)]) as server:
        yield server


async def test_a_user_with_the_documented_rights_is_enough(
    guarded: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "correct")
    how = {"url": guarded.url, "username": "sealgate", "password": "${REDIS_PASSWORD}"}
    async with opened(prefix="gate", **how) as store:
        demands = [Demand(a.name, a, 2, 9, MINUTE) for a in Algorithm]
        grant = await take(store, "t", demands)
        store.settle(grant, [1, 1, 1, 0])

        assert [s.used for s in await store.read("t", demands)] == [1, 1, 1, 0]
        kept = RedisValues(store)
        fields = {f"f{n}": f"{n}|x" for n in range(3)}
        for _ in range(2):
            found = await kept.keep(Keeping("acme", "c", fields, 60_000, 2, read=True))
        assert found == await kept.fields("acme", await only(kept)) == {"f1": "1|x", "f2": "2|x"}
        await kept.remove("acme", "c", ["f1", "f2"])
        await until(lambda: store.stats.links.errors == 0 and store.connected)


async def only(kept: RedisValues) -> str:
    (name,) = await kept.names("acme")
    return name


async def test_a_wrong_password_keeps_the_store_away_and_out_of_the_log(
    guarded: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "password"
    secret.write_text("sk-canary\n", encoding="utf-8")
    how = {"url": guarded.url, "username": "sealgate", "password": f"file:{secret}"}
    with caplog.at_level(logging.DEBUG):
        async with opened(connected=False, prefix="gate", **how) as store:
            assert await attempt(store, "t", [log()]) is None
            secret.write_text("correct\n", encoding="utf-8")
            await until(lambda: store.connected, "the new password's turn")
            assert await attempt(store, "t", [log()]) is not None

    assert "WRONGPASS" in str([record.__dict__ for record in caplog.records])
    assert "canary" not in str([record.__dict__ for record in caplog.records])


def test_a_secret_that_is_not_there_is_told_when_the_store_is_made() -> None:
    settings = RedisStoreSettings(url="redis://127.0.0.1:1", password="${NOT_SET_ANYWHERE}")

    with pytest.raises(ValueError, match="NOT_SET_ANYWHERE is not set"):
        redis_store("default", settings)


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = {"ca": tmp_path / "ca", "cert": tmp_path / "cert", "key": tmp_path / "key"}
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(files["ca"])
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    issued.private_key_pem.write_to_path(files["key"])
    arguments = [
        f"--tls-{'ca-' if n == 'ca' else ''}{'cert' if n == 'ca' else n}-file" for n in files
    ]
    words = [w for pair in zip(arguments, map(str, files.values()), strict=True) for w in pair]
    trust = {"ca_file": files["ca"]}
    own = {"cert_file": files["cert"], "key_file": files["key"]}
    with running_redis(words, tls=True) as server:
        async with opened(url=server.url, tls={**trust, **own}) as store:
            assert (await take(store, "t", [log()])).admitted
        for wrong in ({}, trust):
            async with opened(url=server.url, tls=wrong, connected=False) as store:
                assert await attempt(store, "t", [log()]) is None


async def test_a_database_of_its_own(redis: RedisServer) -> None:
    async with opened(url=f"{redis.url}/7") as store:
        await take(store, "t", [log()])

    assert "db7" in str(redis.command("INFO", "keyspace"))


# -- while it is slow ---------------------------------------------------------------------------


async def test_an_answer_that_comes_too_late_is_given_back(own: RedisServer) -> None:
    async with opened(url=own.url, deadline_ms=30) as store:
        own.pause()
        assert await attempt(store, "t", [log(), log(key="other")]) is None
        own.resume()
        await until(lambda: store.corrections.stats.done == 1, "the correction")
        await until(lambda: store.connected)

        assert store.stats.late == 1
        assert await used(store, "t", log()) == 0


async def test_a_take_whose_caller_has_gone_is_given_back(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        answer = store.take("t", [log()])
        assert isinstance(answer, asyncio.Future)
        answer.cancel()
        await until(lambda: store.corrections.stats.done == 1, "the correction")

        assert await used(store, "t", log()) == 0


async def test_nobody_waits_for_a_store_that_did_not_answer_in_time(own: RedisServer) -> None:
    async with opened(url=own.url, deadline_ms=20) as store:
        own.pause()
        for _ in range(FAILURES_MAX):
            with pytest.raises(StoreUnavailableError):
                await take(store, "t", [log()])

        # It raises instead of returning something to wait for.
        with pytest.raises(StoreUnavailableError):
            store.take("t", [log()])
        own.resume()
        await until(lambda: store.connected, "the store's return")
        assert await used(store, "t", log()) == 0


async def test_one_timer_serves_all_calls_and_fires_by_the_first_deadline(
    own: RedisServer,
) -> None:
    async with opened(url=own.url, deadline_ms=30, lease_fraction=0) as store:
        own.pause()
        (link,) = store._router.links()  # type: ignore[union-attr]  # it is open
        waiting = [asyncio.ensure_future(attempt(store, "t", [log()])) for _ in range(100)]
        await until(lambda: link._timer is not None)
        assert link._wire is not None
        assert link._timer_due == min(batch.due for batch in link._wire.batches)

        assert await asyncio.gather(*waiting) == [None] * 100
        assert store.stats.links.timeouts == 100
        own.resume()


# -- when it goes and comes back ----------------------------------------------------------------


async def test_kill_9_answers_everybody_and_a_restart_is_found(own: RedisServer) -> None:
    async with opened(url=own.url) as store:
        waiting = [asyncio.ensure_future(attempt(store, "t", [log()])) for _ in range(20)]
        own.pause()
        await asyncio.sleep(0)
        own.kill()
        await asyncio.gather(*waiting)
        await until(lambda: not store.connected, "the loss")
        with pytest.raises(StoreUnavailableError):
            await take(store, "t", [log()])
        own.start()
        await until(lambda: store.connected, "the return")

        assert (await take(store, "t", [log()])).admitted


async def test_a_connection_that_was_cut_is_replaced_before_anybody_notices(
    redis: RedisServer,
) -> None:
    async with opened(url=redis.url) as store:
        redis.command("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: store.stats.links.losses == 1, "the loss")

        assert (await take(store, "t", [log()])).admitted


async def test_takes_that_were_lost_with_the_connection_are_taken_back(own: RedisServer) -> None:
    total = Demand("total", Algorithm.TOTAL, 3, 50, MINUTE)
    async with opened(url=own.url, deadline_ms=20) as store:
        own.pause()
        takes = [attempt(store, "t", [log(), total]) for _ in range(10)]
        assert await asyncio.gather(*takes) == [None] * 10
        for _ in range(FAILURES_MAX):
            await attempt(store, "t", [log()])
        await until(lambda: store.stats.links.losses == 1, "the end of the stalled connection")
        own.resume()
        await until(lambda: store.connected, "the return")
        await until(lambda: not len(store.corrections), "the corrections")

        assert await used(store, "t", log()) == await used(store, "t", total) == 0


async def test_corrections_wait_while_the_store_is_away(own: RedisServer) -> None:
    async with opened(url=own.url, deadline_ms=20) as store:
        grants = [await attempt(store, "t", [log(5)]) for _ in range(3)]
        own.pause()
        while store.connected:
            await attempt(store, "other", [log()])
        for grant in grants:
            assert grant is not None
            store.settle(grant, [1])
        assert len(store.corrections) == 3
        own.resume()
        await until(lambda: store.connected and not len(store.corrections))

        assert await used(store, "t", log()) == 3


async def test_corrections_beyond_the_bound_are_dropped_and_counted(own: RedisServer) -> None:
    async with opened(url=own.url, corrections_max=2) as store:
        grants = [await take(store, "t", [log()]) for _ in range(5)]
        own.kill()
        await until(lambda: not store.connected)
        for grant in grants:
            store.settle(grant, [0])

        assert (len(store.corrections), store.corrections.stats.dropped) == (2, 3)


async def test_what_is_not_settled_when_the_worker_ends_still_goes_out(redis: RedisServer) -> None:
    async with opened(url=redis.url) as store:
        store.settle(await take(store, "t", [log(7)]), [2])
    async with opened(url=redis.url) as store:
        assert await used(store, "t", log()) == 2


async def test_a_gateway_that_starts_before_its_store_finds_it_later(own: RedisServer) -> None:
    own.kill()
    async with opened(url=own.url, connected=False) as store:
        assert await attempt(store, "t", [log()]) is None
        own.start()
        await until(lambda: store.connected)
        assert inspect.isawaitable(answer := store.take("t", [log()]))
        assert (await answer).admitted
