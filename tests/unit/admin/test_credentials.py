"""Who calls: administrators with a token of their company's issuer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.identity.directory import StoredDirectory
from gateway.identity.forms import BindingForm, RevocationForm
from gateway.identity.jwt import TokenVerifier
from gateway.issuers import IssuerSettings
from tests.tokens import AUDIENCE, ISSUER, Signer, claims
from tests.unit.admin.admin_world import OTHER, OWN, ROOT, Client, World, serving

SIGNER = Signer()
FORGER = Signer(number=1)
Sign = Callable[..., str]


@asynccontextmanager
async def with_issuer(world: World, folder: Path) -> AsyncIterator[tuple[Client, StoredDirectory]]:
    """The admin port of `world`, which believes SIGNER's tokens about acme and beta."""
    keys = folder / "keys.json"
    keys.write_bytes(orjson.dumps({"keys": [SIGNER.jwk]}))
    issuer = IssuerSettings(
        issuer=ISSUER,
        audience=(AUDIENCE,),
        jwks_file=keys,
        tenant_from="org",
        tenants=(OWN, OTHER),
        roles_from=("groups",),
    )
    directory = StoredDirectory(world.identities.data_dir, time.time)  # noqa: TID251  # as it is served
    directory.poll()
    verifier = TokenVerifier(
        [issuer],
        wall=time.time,  # noqa: TID251  # as it is served
        monotonic=time.monotonic,
        directory=directory,
    )
    await verifier.start()
    async with serving(world, verifier=verifier) as client:
        yield client, directory
    await verifier.stop()
    await directory.close()


def sign(*roles: str, signer: Signer = SIGNER, **more: Any) -> str:
    now_s = int(time.time())  # noqa: TID251  # as it is served
    return signer.sign(claims(now_s, **{"org": OWN, "groups": list(roles), **more}))


async def test_a_signed_token_administers_its_tenant(world: World, tmp_path: Path) -> None:
    async with with_issuer(world, tmp_path) as (client, _):
        who = await client.call("GET", "/api/whoami", token=sign("tenant_admin"))
        keys = await client.call("GET", "/api/keys", token=sign("tenant_admin"))
        other = world.path("/api/keys/{id}", OTHER)
        foreign = await client.call("GET", other, token=sign("tenant_admin"))

    assert who.json["tenant"] == OWN
    assert who.json["roles"] == ["tenant_admin", "user"], "that of the token and that bound here"
    assert {row["tenant"] for row in keys.json["items"]} == {OWN}
    assert foreign.status == 404


async def test_only_a_role_that_spans_tenants_reaches_the_others(
    world: World, tmp_path: Path
) -> None:
    async with with_issuer(world, tmp_path) as (client, _):
        who = await client.call("GET", "/api/whoami", token=sign("auditor"))
        keys = await client.call("GET", "/api/keys", token=sign("auditor"))
        written = await client.call("POST", "/api/keys", {"subject": "a"}, token=sign("auditor"))

    assert who.json["tenant"] is None
    assert {row["tenant"] for row in keys.json["items"]} == {OWN, OTHER}
    assert written.status == 403


async def test_a_role_may_be_bound_to_the_user_here(world: World, tmp_path: Path) -> None:
    subject = str(claims(0)["sub"])
    form = BindingForm(tenant=OWN, subject=subject, role="tenant_admin")
    await asyncio.to_thread(world.identities.bindings.make, ROOT, form)
    async with with_issuer(world, tmp_path) as (client, _):
        answer = await client.call("GET", "/api/keys", token=sign())

    assert answer.status == 200


async def test_a_revoked_administrator_is_refused(world: World, tmp_path: Path) -> None:
    form = RevocationForm(kind="jti", name="gone", tenant=OWN)
    async with with_issuer(world, tmp_path) as (client, directory):
        before = await client.call("GET", "/api/whoami", token=sign("admin", jti="gone"))
        await asyncio.to_thread(world.identities.revocations.make, ROOT, form)
        directory.poll()
        after = await client.call("GET", "/api/whoami", token=sign("admin", jti="gone"))

    assert before.status == 200
    assert (after.status, after.json["code"]) == (401, "credential_revoked")


@pytest.mark.parametrize(
    "token",
    [
        sign("admin", signer=FORGER),
        sign("admin", aud="another"),
        sign("admin", iss="https://evil.example"),
        sign("admin", exp=1),
        sign("admin", org="gamma"),
        "a.b.c",
        "not a token",
    ],
)
async def test_a_token_that_does_not_verify_is_refused(
    token: str, world: World, tmp_path: Path
) -> None:
    async with with_issuer(world, tmp_path) as (client, _):
        answer = await client.call("GET", "/api/keys", token=token)

    assert answer.status == 401
    codes = {"credential_invalid", "credential_expired", "tenant_denied"}
    assert answer.json["code"] in codes


async def test_admin_tokens_work_beside_an_issuer(world: World, tmp_path: Path) -> None:
    async with with_issuer(world, tmp_path) as (client, _):
        assert (await client.call("GET", "/api/whoami")).status == 200


async def test_without_an_issuer_no_signed_token_is_believed(client: Client) -> None:
    answer = await client.call("GET", "/api/whoami", token=sign("admin"))

    assert (answer.status, answer.json["code"]) == (401, "credential_invalid")


@pytest.mark.parametrize(
    ("changes", "path", "alarm"),
    [
        ({"org": "gamma"}, "/api/whoami", "cross_tenant"),
        ({"jti": "gone"}, "/api/whoami", "key_compromise"),
        ({}, f"/api/keys?tenant={OTHER}", "cross_tenant"),
        ({}, "/api/keys", None),
        ({"exp": 1}, "/api/keys", None),
    ],
)
async def test_what_reaches_for_another_tenant_or_was_revoked_is_an_alarm(
    world: World,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    changes: dict[str, Any],
    path: str,
    alarm: str | None,
) -> None:
    form = RevocationForm(kind="jti", name="gone", tenant=OWN)
    await asyncio.to_thread(world.identities.revocations.make, ROOT, form)
    async with with_issuer(world, tmp_path) as (client, _):
        await client.call("GET", path, token=sign("tenant_admin", **changes))

    (record,) = [r for r in caplog.records if r.name == "sealgate.audit"]
    fields = record.__dict__["fields"]
    assert fields.get("alarm") == alarm
    assert fields.get("band") == (alarm and "critical")
    assert record.levelname == ("WARNING" if alarm else "INFO")
