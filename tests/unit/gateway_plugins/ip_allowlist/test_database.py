"""A database follows its file, and a file that cannot be used never opens the door."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from gateway.plugin import ConfigError, Reason, Reject, Runtime
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.ip_allowlist import IpAllowlist
from tests.location_databases import write_countries, write_systems

CLIENT = "192.0.2.1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "countries.mmdb"
    write_countries(path, {"192.0.2.0/24": "DE"})
    return path


def denying_kp(path: Path, **more: Any) -> dict[str, Any]:
    return {"geo": {"database": str(path), "deny_countries": ["KP"], **more}}


async def reason_for(plugin: IpAllowlist, client_ip: str = CLIENT) -> Reason | None:
    answer = (await play(plugin, make_exchange(client_ip=client_ip))).answer
    return answer.reason if isinstance(answer, Reject) else None


async def test_a_changed_file_is_read_again(path: Path) -> None:
    """The verdict that was remembered for the old file goes with it."""
    async with running(IpAllowlist, denying_kp(path)) as plugin:
        before = await reason_for(plugin)
        write_countries(path, {"192.0.2.0/24": "KP"})
        unread = await reason_for(plugin)
        await plugin.refresh()

        assert (before, unread, await reason_for(plugin)) == (None, None, Reason.GEO_DENIED)


async def test_an_unchanged_file_keeps_what_is_remembered(path: Path) -> None:
    async with running(IpAllowlist, denying_kp(path)) as plugin:
        await reason_for(plugin)
        await plugin.refresh()

        assert plugin._known != {}


@pytest.mark.parametrize("broken", [b"", b"no database", b"\0" * 4096])
async def test_a_broken_new_file_keeps_the_last_good_one_and_is_told_once(
    path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(IpAllowlist, denying_kp(path)) as plugin:
        fresh = path.with_name("fresh")
        fresh.write_bytes(broken)
        fresh.replace(path)
        for _ in range(3):
            await plugin.refresh()
        while_broken = await reason_for(plugin)
        errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        write_countries(path, {"192.0.2.0/24": "KP"})
        await plugin.refresh()

        assert while_broken is None
        assert len(errors) == 1
        assert "what was read before stays in use" in errors[0]
        assert str(path) in errors[0]
        assert await reason_for(plugin) is Reason.GEO_DENIED


async def test_a_removed_file_keeps_what_was_read(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(IpAllowlist, denying_kp(path)) as plugin:
        path.rename(path.with_name("gone"))  # noqa: ASYNC240  # nobody waits here
        for _ in range(3):
            await plugin.refresh()

        assert await reason_for(plugin) is None
        assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


class Told(logging.Handler):
    """Sets `event` at the first record."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()


async def test_the_background_task_follows_the_file(path: Path) -> None:
    """No call of `refresh` here: the wait ends when the task has read the file."""
    told = Told()
    runtime = Runtime(log=logging.getLogger("sealgate.test.follows"))
    runtime.log.setLevel(logging.INFO)
    runtime.log.addHandler(told)
    config = IpAllowlist.Config.model_validate(denying_kp(path, reload_interval_s=0.01))
    plugin = IpAllowlist(config, runtime)
    await plugin.start()
    write_countries(path, {"192.0.2.0/24": "KP"})
    await told.event.wait()
    reason = await reason_for(plugin)
    await plugin.stop()

    assert reason is Reason.GEO_DENIED
    assert runtime.tasks == set()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"", "no database"), (b"junk", "no database")],
)
async def test_a_file_that_cannot_be_used_at_the_start_refuses_the_policy(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "missing.mmdb"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        async with running(IpAllowlist, denying_kp(path)):
            pass

    assert str(path) in str(caught.value)
    assert said in str(caught.value)


async def test_a_database_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    """Every lookup in it would be unknown, which an `allow` list takes for a refusal of all."""
    path = tmp_path / "systems.mmdb"
    write_systems(path, {"192.0.2.0/24": 64496})

    with pytest.raises(ConfigError, match="type geolite2-asn, not a database by country"):
        async with running(IpAllowlist, denying_kp(path)):
            pass


@pytest.fixture
def damaged(path: Path) -> Path:
    """Damaged behind the search tree: opens well, and fails at the lookup."""
    whole = path.read_bytes()
    tree, mark, rest = whole.partition(b"\0" * 16)
    metadata = rest[rest.rindex(b"\xab\xcd\xefMaxMind.com") :]
    path.write_bytes(tree + mark + b"\xff" * 8 + metadata)
    return path


async def test_a_lookup_that_fails_refuses_the_client_and_is_told_once(
    damaged: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(IpAllowlist, denying_kp(damaged)) as plugin:
        reasons = [await reason_for(plugin) for _ in range(3)]
        assert plugin._known == {}, "a failure is remembered as a verdict"

    assert reasons == [Reason.GEO_UNAVAILABLE] * 3
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


async def test_a_closed_database_refuses(path: Path) -> None:
    async with running(IpAllowlist, denying_kp(path)) as plugin:
        pass

    assert await reason_for(plugin) is Reason.GEO_UNAVAILABLE
