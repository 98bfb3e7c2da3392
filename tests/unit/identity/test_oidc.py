"""Discovery believes only the issuer's own document, and is led nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from gateway.identity.fetch import FetchError
from gateway.identity.oidc import Discovered, KeyFile, KeyUrl, location_of
from gateway.issuers import IssuerSettings
from tests.issuer_server import DISCOVERY, KEYS, Issuer
from tests.tokens import Signer, key_set


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer(Signer())
    runner = web.AppRunner(issuer.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()


async def read(issuer: IssuerSettings, *, again: bool = True) -> bytes:
    location = location_of(issuer)
    try:
        return await location.read(again=again)
    finally:
        await location.close()


def settings(issuer: str, **more: object) -> IssuerSettings:
    return IssuerSettings.model_validate({"issuer": issuer, "audience": "x", **more})


async def test_keys_are_discovered() -> None:
    async with issuing() as issuer:
        assert orjson.loads(await read(settings(issuer.url))) == key_set(Signer())
        assert issuer.asked == {DISCOVERY: 1, KEYS: 1}


async def test_a_slash_at_the_end_of_the_issuer_is_part_of_its_name() -> None:
    async with issuing() as issuer:
        issuer.configuration["issuer"] = issuer.url + "/"
        assert await read(settings(issuer.url + "/"))
        with pytest.raises(FetchError, match="another issuer"):
            await read(settings(issuer.url))


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"jwks_uri": None}, "names no jwks_uri"),
        ({"jwks_uri": ["x"]}, "names no jwks_uri"),
        ({"jwks_uri": "http://keys.example.com/"}, "could not be reached"),
        ({"jwks_uri": "file:///etc/passwd"}, "could not be reached"),
        ({"jwks_uri": "https://169.254.169.254/"}, "link-local"),
        ({"jwks_uri": "https://10.0.0.1/keys"}, "not public"),
        ({"jwks_uri": "http://[::1]:1/keys"}, "not public"),
        ({"jwks_uri": "https://[::1"}, "unusable jwks_uri"),
    ],
)
async def test_a_document_that_leads_elsewhere_is_not_followed(
    configuration: dict[str, object], said: str
) -> None:
    async with issuing() as issuer:
        issuer.configuration = configuration
        with pytest.raises(FetchError, match=said):
            await read(settings(issuer.url))

        assert issuer.asked == {DISCOVERY: 1}


async def test_the_url_is_kept_until_it_is_looked_up_again() -> None:
    async with issuing() as issuer:
        location = location_of(settings(issuer.url))
        for again in (False, False, True):
            await location.read(again=again)
        await location.close()

        assert issuer.asked == {DISCOVERY: 2, KEYS: 3}


async def test_a_url_needs_no_discovery() -> None:
    async with issuing() as issuer:
        assert await read(settings("any", jwks_url=issuer.url + KEYS))
        assert issuer.asked == {KEYS: 1}


async def test_a_key_server_that_moved_is_not_followed() -> None:
    async with issuing() as issuer:
        with pytest.raises(FetchError, match="answered 302"):
            await read(settings("any", jwks_url=issuer.url + "/moved"))

        assert issuer.asked == {"/moved": 1}


async def test_keys_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{}")

    assert await read(settings("any", jwks_file=file)) == b"{}"
    with pytest.raises(FetchError, match="cannot be read"):
        await read(settings("any", jwks_file=tmp_path / "none"))


def test_the_settings_say_where() -> None:
    assert isinstance(location_of(settings("https://id")), Discovered)
    assert isinstance(location_of(settings("https://id", jwks_url="https://k")), KeyUrl)
    assert isinstance(location_of(settings("x", jwks_file="/k")), KeyFile)
