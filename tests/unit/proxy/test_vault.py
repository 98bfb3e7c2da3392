"""Secrets are read from a server that speaks as Vault documents (see `tests/vault_server.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.credential_settings import VaultSettings
from gateway.identity.fetch import Fetcher, FetchError
from gateway.proxy.vault import Vault
from tests.vault_server import VaultServer


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def server() -> AsyncIterator[tuple[VaultServer, str]]:
    made = VaultServer()
    made.secrets["openai"] = {"key": "sk-1", "number": 1}
    runner = web.AppRunner(made.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def opened(url: str, clock: Clock, **settings: Any) -> AsyncIterator[Vault]:
    fetcher = Fetcher()
    written = VaultSettings.model_validate({"address": url, **settings})
    try:
        yield Vault(written, fetcher, monotonic=clock)
    finally:
        await fetcher.close()


@pytest.fixture
def secret(tmp_path: Path) -> Any:
    """Writes a secret to a file and gives the reference."""

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return f"file:{tmp_path / name}"

    return write


async def test_a_field_is_read_with_a_token(server: tuple[VaultServer, str], secret: Any) -> None:
    vault_server, url = server
    vault_server.namespace = "team"
    token = secret("token", "root-token\n")
    async with opened(url, Clock(), token=token, namespace="team") as vault:
        assert await vault.read("openai", "key") == "sk-1"
        with pytest.raises(ValueError, match="no text field"):
            await vault.read("openai", "other")
        with pytest.raises(ValueError, match="no text field"):
            await vault.read("openai", "number")
        with pytest.raises(FetchError, match="answered 404"):
            await vault.read("other", "key")


async def test_a_token_file_is_read_each_time(server: tuple[VaultServer, str], secret: Any) -> None:
    """Vault Agent writes a fresh token there."""
    vault_server, url = server
    async with opened(url, Clock(), token=secret("token", "root-token")) as vault:
        await vault.read("openai", "key")
        vault_server.tokens = {"next"}
        secret("token", "next")
        assert await vault.read("openai", "key") == "sk-1"


@pytest.mark.parametrize("method", ["approle", "kubernetes"])
async def test_a_sign_in_serves_for_most_of_its_lease(
    method: str, server: tuple[VaultServer, str], secret: Any
) -> None:
    vault_server, url = server
    clock = Clock()
    given = {
        "approle": {"role_id": secret("r", "role"), "secret_id": secret("s", "secret")},
        "kubernetes": {"role": "gateway", "jwt": secret("j", "service-account")},
    }[method]
    async with opened(url, clock, method=method, **given) as vault:
        for _ in range(3):
            assert await vault.read("openai", "key") == "sk-1"
        assert vault_server.signed_in == 1
        clock.now_s = 2400
        await vault.read("openai", "key")
        assert vault_server.signed_in == 2

    assert vault_server.asked[0] == f"/v1/auth/{method}/login"


async def test_a_revoked_token_is_replaced_at_once(
    server: tuple[VaultServer, str], secret: Any
) -> None:
    vault_server, url = server
    given = {"role_id": secret("r", "role"), "secret_id": secret("s", "secret")}
    async with opened(url, Clock(), method="approle", **given) as vault:
        await vault.read("openai", "key")
        vault_server.tokens.clear()
        assert await vault.read("openai", "key") == "sk-1"

    assert vault_server.signed_in == 2


async def test_a_refused_sign_in_says_so_without_the_secret(
    server: tuple[VaultServer, str], secret: Any
) -> None:
    given = {"role_id": secret("r", "role"), "secret_id": secret("s", "CANARY")}
    async with opened(server[1], Clock(), method="approle", **given) as vault:
        with pytest.raises(FetchError, match="did not let the gateway sign in") as raised:
            await vault.read("openai", "key")

    assert "CANARY" not in str(raised.value)
