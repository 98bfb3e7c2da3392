"""The supervisor with real worker processes that serve without a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.server.sockets import bind_listeners
from gateway.server.supervisor import StartError, Supervisor
from gateway.server.workers import Forker
from gateway.settings import Settings


class Disk:
    """The policies on disk, as the test writes them."""

    def __init__(self, **bundle: Any) -> None:
        self.bundle = bundle

    def load(self) -> dict[str, Any]:
        return dict(self.bundle)


@pytest.fixture
def forker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forker]:
    """Made outside of the loop, as the gateway makes it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    forker = Forker("plain_engine:main")
    yield forker
    forker.join()


Supervised = Callable[..., contextlib.AbstractAsyncContextManager[Supervisor]]


@pytest.fixture
def supervised(forker: Forker) -> Supervised:
    @contextlib.asynccontextmanager
    async def make(disk: Disk, *, workers: int = 1) -> AsyncIterator[Supervisor]:
        listeners = bind_listeners("127.0.0.1", 0, workers, "listener")
        settings = Settings(drain_timeout_s=5)
        supervisor = Supervisor(settings, listeners, forker=forker, load=disk.load)
        try:
            yield supervisor
        finally:
            await supervisor.close()
            await asyncio.sleep(0)  # uvloop frees a closed transport one turn later
            for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                asyncio.get_running_loop().remove_signal_handler(signum)

    return make


async def ask(port: int, path: str = "/") -> list[int]:
    """The pid and the policy version of whichever worker answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        return [int(part) for part in body.split()]
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for is another process's doing
            await asyncio.sleep(0)


async def test_starts_every_worker_and_counts_what_they_serve(supervised: Supervised) -> None:
    async with supervised(Disk(name="a"), workers=2) as supervisor:
        await supervisor.start()

        assert supervisor.ready()
        pid, version = await ask(supervisor.port)
        assert pid in {worker["pid"] for worker in supervisor.status()["workers"]}
        assert version == 1
        snapshot = await supervisor.metrics()
        assert sum(snapshot.counters["sealgate_requests"].values()) == 1
        assert snapshot.gauges["sealgate_workers"][("ready",)] == 2


async def test_replaces_a_killed_worker_and_keeps_its_counts(supervised: Supervised) -> None:
    async with supervised(Disk()) as supervisor:
        await supervisor.start()
        (pid, _) = await ask(supervisor.port)
        await supervisor.metrics()

        os.kill(pid, signal.SIGKILL)
        await until(lambda: supervisor.ready() and supervisor.status()["workers"][0]["pid"] != pid)

        (successor, _) = await ask(supervisor.port)
        assert successor != pid
        snapshot = await supervisor.metrics()
        assert sum(snapshot.counters["sealgate_requests"].values()) == 2
        assert snapshot.counters["sealgate_worker_restarts"][()] == 1


async def test_a_connection_that_waits_for_a_dead_worker_is_served_by_its_replacement(
    supervised: Supervised,
) -> None:
    async with supervised(Disk()) as supervisor:
        await supervisor.start()
        (pid, _) = await ask(supervisor.port)

        os.kill(pid, signal.SIGSTOP)  # it accepts no more, as if it had just died
        answer = asyncio.create_task(ask(supervisor.port))
        os.kill(pid, signal.SIGKILL)

        assert (await answer)[0] != pid


async def test_puts_new_policies_in_force_in_every_worker(supervised: Supervised) -> None:
    disk = Disk(name="a")
    async with supervised(disk, workers=2) as supervisor:
        await supervisor.start()
        disk.bundle = {"name": "b"}

        assert await supervisor.policies.reload()

        assert supervisor.policies.digest == "digest-b"
        await until(lambda: {w["policy_version"] for w in supervisor.status()["workers"]} == {2})
        assert (await ask(supervisor.port))[1] == 2


async def test_keeps_the_last_good_policies_when_new_ones_are_refused(
    supervised: Supervised,
) -> None:
    disk = Disk(name="a")
    async with supervised(disk, workers=2) as supervisor:
        await supervisor.start()
        disk.bundle = {"refuse": "unknown plugin"}

        assert not await supervisor.policies.reload()

        assert supervisor.policies.last_error == "policy.yaml:3:5: unknown plugin"
        assert (await ask(supervisor.port))[1] == 1
        snapshot = await supervisor.metrics()
        assert snapshot.gauges["sealgate_policy_last_reload_ok"][()] == 0
        assert snapshot.counters["sealgate_policy_reloads"][("failed",)] == 1


async def test_a_watcher_that_calls_twice_is_told_once(supervised: Supervised) -> None:
    disk = Disk(name="a")
    async with supervised(disk) as supervisor:
        await supervisor.start()
        disk.bundle = {"refuse": "x"}
        for again in (False, False, True):
            assert not await supervisor.policies.reload(again=again)

        snapshot = await supervisor.metrics()
        assert snapshot.counters["sealgate_policy_reloads"][("failed",)] == 2


async def test_mending_the_file_clears_the_error_though_the_policies_did_not_change(
    supervised: Supervised,
) -> None:
    disk = Disk(name="a")
    async with supervised(disk) as supervisor:
        await supervisor.start()
        disk.bundle = {"refuse": "x"}
        await supervisor.policies.reload()
        disk.bundle = {"name": "a"}

        assert await supervisor.policies.reload()

        assert supervisor.policies.last_error == ""
        assert supervisor.policies.version == 1


async def test_policies_that_kill_workers_are_refused(supervised: Supervised) -> None:
    """Else every replacement would start with them and die as well."""
    disk = Disk(name="a")
    async with supervised(disk, workers=2) as supervisor:
        await supervisor.start()
        disk.bundle = {"die": True}

        assert not await supervisor.policies.reload()

        assert "died over it" in supervisor.policies.last_error
        await until(supervisor.ready)
        assert (await ask(supervisor.port))[1] == 1


async def test_a_worker_killed_during_a_reload_does_not_stop_it(supervised: Supervised) -> None:
    disk = Disk(name="a")
    async with supervised(disk, workers=2) as supervisor:
        await supervisor.start()
        pid = supervisor.status()["workers"][0]["pid"]
        os.kill(pid, signal.SIGSTOP)  # so that its answer is outstanding when it dies
        disk.bundle = {"name": "b"}

        reload = asyncio.create_task(supervisor.policies.reload())
        await until(
            lambda: 1 not in supervisor.policies._answers and bool(supervisor.policies._answers)
        )
        os.kill(pid, signal.SIGKILL)

        assert await reload
        assert supervisor.policies.digest == "digest-b"
        await until(lambda: all(w["policy_version"] == 3 for w in supervisor.status()["workers"]))


async def test_the_operator_is_told_why_no_worker_can_start(supervised: Supervised) -> None:
    async with supervised(Disk(refuse="unknown plugin")) as supervisor:
        with pytest.raises(StartError, match=r"policy\.yaml:3:5: unknown plugin"):
            await supervisor.start()


async def test_gives_up_on_workers_that_crash_before_they_ever_serve(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.workers.BACKOFF_FIRST_S", 0.001)
    async with supervised(Disk(crash=True)) as supervisor:
        with pytest.raises(ConfigError, match="ended 3 times before it was ready"):
            await supervisor.start()


async def test_drains_on_sigterm_and_breaks_off_what_outlasts_the_time_limit(
    supervised: Supervised,
) -> None:
    async with supervised(Disk(), workers=2) as supervisor:
        await supervisor.start()
        hanging = asyncio.create_task(ask(supervisor.port, "/hang"))
        await until_counted(supervisor)
        supervisor._settings = supervisor._settings.model_copy(update={"drain_timeout_s": 0.05})

        os.kill(os.getpid(), signal.SIGTERM)

        assert await supervisor.run() == 0
        assert len(await hanging) == 2
        with pytest.raises(ConnectionRefusedError):
            await ask(supervisor.port)


async def until_counted(supervisor: Supervisor) -> None:
    """Until a worker holds one open connection."""
    async with asyncio.timeout(20):
        while True:
            gauges = (await supervisor.metrics()).gauges
            if gauges["sealgate_connections_open"][()] == 1:
                return


async def test_a_second_signal_ends_at_once(supervised: Supervised) -> None:
    async with supervised(Disk()) as supervisor:
        await supervisor.start()
        hanging = asyncio.create_task(ask(supervisor.port, "/hang"))
        await until_counted(supervisor)

        os.kill(os.getpid(), signal.SIGTERM)
        run = asyncio.create_task(supervisor.run())
        await until(lambda: supervisor.status()["state"] == "draining")
        os.kill(os.getpid(), signal.SIGINT)

        assert await run == 1
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await hanging


async def test_reports_what_the_workers_see_of_the_upstreams(supervised: Supervised) -> None:
    async with supervised(Disk(), workers=2) as supervisor:
        await supervisor.start()

        assert await supervisor.upstreams() == {
            "one": [{"target": "http://a", "ejected_by": 2, "ejections": 6}]
        }


async def test_a_new_forker_takes_over_when_the_old_one_dies(
    supervised: Supervised, forker: Forker
) -> None:
    async with supervised(Disk()) as supervisor:
        await supervisor.start()
        (pid, _) = await ask(supervisor.port)
        old = forker._process
        old.kill()
        await until(lambda: forker._process is not old)

        os.kill(pid, signal.SIGKILL)
        await until(lambda: supervisor.ready() and supervisor.status()["workers"][0]["pid"] != pid)

        assert (await ask(supervisor.port))[0] != pid
