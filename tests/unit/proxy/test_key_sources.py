"""Keys are followed while they change, and kept while nobody can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import ConfigError
from gateway.proxy.key_sources import CredentialKeeper
from gateway.proxy.upstream import UpstreamError
from gateway.settings import Dialect, Settings
from tests.captured_logs import captured
from tests.vault_server import VaultServer


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def settings(keys: Any, **vault: Any) -> Settings:
    credentials = {"keys": keys, "reload_interval_s": 3600}
    return Settings.model_validate(
        {"upstreams": {"openai": {"credentials": credentials}}, "vault": vault}
    )


@asynccontextmanager
async def keeping(written: Settings, clock: Clock | None = None) -> AsyncIterator[CredentialKeeper]:
    # A worker reads its settings before it serves; here a loop runs already.
    keeper = await asyncio.to_thread(CredentialKeeper, written, monotonic=clock or Clock())
    await keeper.start()
    try:
        yield keeper
    finally:
        await keeper.close()


def key_of(keeper: CredentialKeeper) -> str:
    line = keeper.credentials["openai"].line(Dialect.OPENAI)
    return line.decode().removeprefix("authorization: Bearer ").strip()


def replace(path: Path, text: str) -> None:
    """Another file under the same name, as tools that rotate secrets do."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


async def test_a_variable_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-1")
    async with keeping(settings("${TEST_KEY}")) as keeper:
        assert key_of(keeper) == "sk-1"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("${NOT_SET_ANYWHERE}", "is not set"),
        ("file:/nowhere/at/all", "cannot be read"),
        ("vault:openai#key", "vault.address is not set"),
    ],
)
def test_what_cannot_be_read_at_the_start_is_an_error(reference: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        CredentialKeeper(settings(["${PATH}", reference]))

    problems = [problem for problem in raised.value.problems if said in str(problem)]
    assert [problem.file for problem in problems] == ["upstreams.openai.credentials.keys[1]"]


@pytest.mark.parametrize("text", ["sk-1\r\nx: y", "sk 1\x00", " sk-1", "sk-ä", ""])
def test_what_no_header_may_hold_is_no_key(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(ConfigError):
        CredentialKeeper(settings(f"file:{file}"))


async def test_a_file_is_followed_and_a_broken_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1\n")
    with captured("sealgate.credentials") as records:
        async with keeping(settings(f"file:{file}")) as keeper:
            assert key_of(keeper) == "sk-1"
            replace(file, "sk-2")
            await keeper.refresh()
            assert key_of(keeper) == "sk-2"
            replace(file, "")
            for _ in range(3):
                await keeper.refresh()
            assert key_of(keeper) == "sk-2"
            file.unlink()
            await keeper.refresh()
            assert key_of(keeper) == "sk-2"
            replace(file, "sk-3")
            await keeper.refresh()
            assert key_of(keeper) == "sk-3"

    # Each fault once: the empty file, the missing one.
    said = [record.getMessage() for record in records if record.levelname == "ERROR"]
    assert said == ["credential not read"] * 2
    assert "sk-" not in repr([vars(record) for record in records])


@pytest.fixture
async def vault() -> AsyncIterator[VaultServer]:
    made = VaultServer()
    made.secrets["openai"] = {"key": "sk-1"}
    runner = web.AppRunner(made.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_a_key_in_vault_is_followed_through_an_outage(
    vault: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TEST_TOKEN", "root-token")
    written = settings(
        "vault:openai#key",
        address=vault.url,
        token="${VAULT_TEST_TOKEN}",
        refresh_interval_s=60,
    )
    clock = Clock()
    async with keeping(written, clock) as keeper:
        assert key_of(keeper) == "sk-1"
        vault.secrets["openai"] = {"key": "sk-2"}
        await keeper.refresh()
        assert key_of(keeper) == "sk-1"  # not due yet
        clock.now_s = 60
        await keeper.refresh()
        assert key_of(keeper) == "sk-2"
        vault.down = True
        vault.secrets["openai"] = {"key": "sk-3"}
        clock.now_s = 120
        await keeper.refresh()
        assert key_of(keeper) == "sk-2"
        vault.down = False
        clock.now_s = 126  # a failed reading is repeated sooner
        await keeper.refresh()
        assert key_of(keeper) == "sk-3"


async def test_until_vault_was_reached_nothing_goes_out(
    vault: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TEST_TOKEN", "root-token")
    vault.down = True
    written = settings("vault:openai#key", address=vault.url, token="${VAULT_TEST_TOKEN}")
    clock = Clock()
    async with keeping(written, clock) as keeper:
        with pytest.raises(UpstreamError):
            key_of(keeper)
        vault.down = False
        clock.now_s = 6
        await keeper.refresh()
        assert key_of(keeper) == "sk-1"


async def test_without_credentials_nothing_runs() -> None:
    async with keeping(Settings()) as keeper:
        assert keeper.credentials == {}
